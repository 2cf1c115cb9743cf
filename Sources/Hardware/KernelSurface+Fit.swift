import Glibc

extension KernelSurface {
  /// The smallest sum of squared errors of log time, with neighbouring knots pulled together where
  /// rows say little.
  ///
  /// Minimises Σ (f(row) − log(time/roofline))² + λ Σ (f(knot) − f(next knot))² by conjugate
  /// gradients (Hestenes and Stiefel, J. Res. Natl. Bur. Stand. 49, 1952). The same rows in the same
  /// order give the same bits.
  ///
  /// - Throws: `HardwareError` where the roofline has no peak for the format.
  public init(
    fitting table: KernelMeasurements, roofline: KernelRoofline, axes: [KnotAxis]
  ) throws(HardwareError) {
    let launch = table.rows.reduce(Double.infinity) { min($0, $1.seconds) }
    var targets: [Double] = []
    var design = Design(axes)
    for row in table.rows {
      let work = KernelWork(row.call, table.format)
      guard let bound = roofline.seconds(work) else {
        throw HardwareError(
          .precision, "\(table.name) needs a peak for \(work.format.rawValue), which is not given")
      }
      targets.append(log(row.seconds / (launch + bound.computing + bound.moving)))
      design.add(row.call.point)
    }
    var solution = design.solve(targets, smoothing: Self.smoothing)
    for _ in 0..<Self.robustRounds {
      design.weighBySize(of: design.residuals(solution, targets))
      solution = design.solve(targets, smoothing: Self.smoothing, from: solution)
    }
    self.init(
      operation: table.operation, format: table.format, rows: table.rows.count,
      rowsDigest: table.digest, launch: launch, axes: axes,
      values: solution.map { Int(($0 * 1000).rounded()) })
  }

  /// λ: how many rows a difference between two knots weighs. Chosen by cross-validation on the A100
  /// and H100 tables (docs/SIMULATOR.md), where 0.01 to 0.1 do about equally well.
  static let smoothing = 0.02

  /// How often rows are weighed anew by what they miss.
  static let robustRounds = 2
}

/// The corners and weights of rows on a grid, and the least squares over them.
private struct Design {
  private let axes: [KnotAxis]
  private let strides: SIMD4<Int>
  private let count: Int
  private var offsets: [Int] = []
  private var weights: [Double] = []
  /// What each row counts.
  private var importance: [Double] = []

  init(_ axes: [KnotAxis]) {
    self.axes = axes
    strides = KernelSurface.strides(axes)
    count = axes.reduce(1) { $0 * $1.knots.count }
  }

  private var corners: Int { 1 << axes.count }

  mutating func add(_ point: SIMD4<Double>) {
    let cell = KernelSurface.Cell(point, axes, strides)
    for corner in 0..<corners {
      let (offset, weight) = cell.corner(corner, strides, axes.count)
      offsets.append(weight > 0 ? offset : 0)
      weights.append(weight)
    }
    importance.append(1)
  }

  private func value(_ row: Int, _ x: [Double]) -> Double {
    var sum = 0.0
    for entry in row * corners..<(row + 1) * corners { sum += weights[entry] * x[offsets[entry]] }
    return sum
  }

  func residuals(_ x: [Double], _ targets: [Double]) -> [Double] {
    targets.indices.map { abs(value($0, x) - targets[$0]) }
  }

  /// Rows that miss by more than the median, and by more than 1 %, count in inverse proportion (Huber,
  /// Ann. Math. Stat. 35, 1964, by weights).
  mutating func weighBySize(of residuals: [Double]) {
    let median = max(residuals.sorted()[residuals.count / 2], 0.01)
    importance = residuals.map { 1 / max($0 / median, 1) }
  }

  /// AᵀA x + smoothing, with a trace of the identity so that knots without rows have an answer.
  private func normal(_ x: [Double], _ smoothing: Double) -> [Double] {
    var out = x.map { $0 * 1e-6 }
    for row in importance.indices {
      let sum = importance[row] * value(row, x)
      for entry in row * corners..<(row + 1) * corners {
        out[offsets[entry]] += weights[entry] * sum
      }
    }
    for (axis, knots) in axes.map(\.knots.count).enumerated() {
      let stride = strides[axis]
      for place in 0..<count where place / stride % knots + 1 < knots {
        let difference = smoothing * (x[place] - x[place + stride])
        out[place] += difference
        out[place + stride] -= difference
      }
    }
    return out
  }

  /// - Parameter start: a solution that is near, to begin with.
  func solve(_ targets: [Double], smoothing: Double, from start: [Double]? = nil) -> [Double] {
    var x = start ?? [Double](repeating: 0, count: count)
    var residual = normal(x, smoothing).map { -$0 }
    let enough = 1e-12 * Double(targets.count)
    for entry in offsets.indices {
      let row = entry / corners
      residual[offsets[entry]] += weights[entry] * importance[row] * targets[row]
    }
    var direction = residual
    var square = Self.dot(residual, residual)
    for _ in 0..<1000 where square > enough {
      let image = normal(direction, smoothing)
      let step = square / Self.dot(direction, image)
      for place in x.indices {
        x[place] += step * direction[place]
        residual[place] -= step * image[place]
      }
      let next = Self.dot(residual, residual)
      for place in x.indices {
        direction[place] = residual[place] + next / square * direction[place]
      }
      square = next
    }
    return x
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for place in a.indices { sum += a[place] * b[place] }
    return sum
  }
}
