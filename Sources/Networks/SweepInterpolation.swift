import Glibc

/// The time of any operation, rank count and size of a sweep, from what was measured near it.
///
/// Libraries switch protocols at sizes that depend on operation and rank count; where a curve's own
/// point at such a step is missing, a line between its neighbours misses the step. The other
/// curves know more: what one operation does on n ranks, its siblings do at the same place. So
/// all curves are interpolated together by kriging (Gaussian-process regression with a fixed
/// covariance; Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, algorithm
/// 2.1) of log time over log size:
///
///     log t = log(α (n/2)^0.6 + traffic/B) + a smooth common part, over size/√n
///           + a smooth part per operation
///           + a rough part shared by all-reduce, all-gather and reduce-scatter on n ranks
///           + a rough part shared by all-gather and reduce-scatter on n ranks
///           + a rough part per curve + noise of 1 %
///
/// α is the shortest time of the sweep and B the largest bus bandwidth. The scales are in
/// `covariance`; they were chosen on the two NCCL sweeps of docs/NETWORKS.md, where the errors on
/// rows left out are.
public struct SweepInterpolation: Sendable {
  private let points: [Point]
  /// K⁻¹ (log t − mean) of the measured points.
  private let weights: [Double]
  private let shortest: Double
  private let busBandwidth: Double

  fileprivate struct Point: Hashable, Sendable {
    let operation: CollectiveSweep.Operation
    let ranks: Int
    let bytes: Int
    /// log₂ of ranks and of bytes.
    let logRanks: Double
    let logBytes: Double

    init(_ operation: CollectiveSweep.Operation, _ ranks: Int, _ bytes: Int) {
      self.operation = operation
      self.ranks = ranks
      self.bytes = bytes
      logRanks = log2(Double(ranks))
      logBytes = log2(Double(bytes))
    }

    /// Bytes that pass each rank's port.
    var traffic: Double {
      let factor = (operation.kind ?? .allGather).busBandwidthFactor(ranks: ranks)
      return factor * Double(bytes)
    }
  }

  /// Fits the rows; several measurements of one point count as their geometric mean.
  ///
  /// O(points³) once.
  public init(_ rows: [CollectiveSweep.Row]) {
    precondition(!rows.isEmpty, "an interpolation needs a row")
    var sums: [Point: (log: Double, count: Int)] = [:]
    for row in rows {
      let point = Point(row.operation, row.ranks, row.bytes)
      let (sum, count) = sums[point] ?? (0, 0)
      sums[point] = (sum + log(row.seconds), count + 1)
    }
    // In one order, so that equal rows give equal sums.
    let points = sums.keys.sorted {
      ($0.operation.rawValue, $0.ranks, $0.bytes) < ($1.operation.rawValue, $1.ranks, $1.bytes)
    }
    let times = points.map { sums[$0].map { $0.log / Double($0.count) } ?? 0 }
    shortest = exp(times.min() ?? 0)
    busBandwidth = zip(points, times).map { $0.traffic / exp($1) }.max() ?? 1
    let (alpha, bandwidth) = (shortest, busBandwidth)
    let residuals = zip(points, times).map { $1 - Self.mean($0, alpha, bandwidth) }
    var matrix: [[Double]] = []
    for (row, point) in points.enumerated() {
      matrix.append((0...row).map { Self.covariance(point, points[$0]) })
      matrix[row][row] += Self.noise / Double(sums[point]?.count ?? 1)
    }
    weights = Self.solve(matrix, residuals)
    self.points = points
  }

  /// Seconds of an operation; the nearer to what was measured, the surer.
  public func seconds(
    _ operation: CollectiveSweep.Operation, ranks: Int, bytes: Int
  ) -> Double {
    precondition(ranks >= 2 && bytes >= 1, "a collective has two ranks and a byte")
    let point = Point(operation, ranks, bytes)
    var sum = Self.mean(point, shortest, busBandwidth)
    for (other, weight) in zip(points, weights) { sum += weight * Self.covariance(point, other) }
    return exp(sum)
  }

  private static func mean(_ point: Point, _ shortest: Double, _ bandwidth: Double) -> Double {
    log(shortest * pow(Double(point.ranks) / 2, 0.6) + point.traffic / bandwidth)
  }

  private static let noise = 1e-4

  /// How alike the deviations of two points are, variances in log time, lengths in octaves.
  private static func covariance(_ a: Point, _ b: Point) -> Double {
    let sameOperation = a.operation == b.operation
    let sameRanks = a.ranks == b.ranks
    let distance = abs(a.logBytes - b.logBytes)
    let rankDistance = a.logRanks - b.logRanks
    // 1 for the offset that all share, then one for each thing they have in common.
    var sum = 1 + smooth(distance: abs(a.logBytes - b.logBytes - rankDistance / 2))
    if sameOperation { sum += 1 + 0.3 * smooth(distance: distance) * exp(-abs(rankDistance) / 3) }
    guard sameRanks else { return sum }
    sum += 1
    if a.operation != .allToAll, b.operation != .allToAll { sum += 0.03 * exp(-distance) }
    if a.isHalf, b.isHalf { sum += 0.03 * exp(-distance) }
    if sameOperation { sum += 1 + 0.03 * exp(-distance / 2) }
    return sum
  }

  /// The Matérn covariance of order 3/2 with a length of 10 octaves.
  private static func smooth(distance: Double) -> Double {
    let scaled = 3.0.squareRoot() * distance / 10
    return (1 + scaled) * exp(-scaled)
  }

  /// Solves A x = b for a positive definite A, given by its lower rows, through A = L Lᵀ.
  private static func solve(_ lower: [[Double]], _ right: [Double]) -> [Double] {
    var factor = lower
    var x = right
    for i in factor.indices {
      var row = factor[i]
      for j in 0..<i {
        let other = factor[j]
        var sum = row[j]
        for k in 0..<j { sum -= row[k] * other[k] }
        row[j] = sum / other[j]
      }
      var square = row[i]
      for k in 0..<i { square -= row[k] * row[k] }
      precondition(square > 0, "a covariance with noise is positive definite")
      row[i] = square.squareRoot()
      factor[i] = row
      var sum = x[i]
      for k in 0..<i { sum -= row[k] * x[k] }
      x[i] = sum / row[i]
    }
    for i in factor.indices.reversed() {
      x[i] /= factor[i][i]
      for k in 0..<i { x[k] -= factor[i][k] * x[i] }
    }
    return x
  }
}

extension SweepInterpolation.Point {
  /// The two halves of an all-reduce.
  fileprivate var isHalf: Bool { operation == .allGather || operation == .reduceScatter }
}
