import Glibc

/// One measurement: how long a message or collective of `bytes` took.
public struct TimePoint: Hashable, Sendable {
  public let bytes: Int
  public let seconds: Double

  public init(bytes: Int, seconds: Double) {
    self.bytes = bytes
    self.seconds = seconds
  }
}

/// Why points do not make a table, and which one (from 0).
public struct TimeTableProblem: Error, Hashable, Sendable {
  public let index: Int
  public let message: String
}

/// Time over size, known at some sizes and interpolated between them.
///
/// Between two points log time is linear in log size, so a table follows both the flat part that
/// latency rules and the proportional part that bandwidth rules. Below the smallest size the time
/// stays; above the largest one it grows with the bandwidth of the last stretch.
/// Answers never fall with growing size: points that contradict each other within measured noise
/// are pooled (isotonic regression of log time, Ayer et al., Ann. Math. Stat. 26, 1955), so there
/// an answer may differ from the point given.
public struct TimeTable: Hashable, Sendable {
  /// How much faster a larger message may be than any smaller one, as a share of the smaller one's
  /// time. The published NCCL sweeps that padtax is checked against reach 19 % (A100) and 28 % (H100).
  public static let noiseTolerance = 0.3

  /// The points as given, in order of size.
  public let points: [TimePoint]
  private let logSizes: [Double]
  /// Log seconds after pooling; never falling.
  private let logTimes: [Double]

  /// Keeps the points; throws unless there is one, sizes grow, times are positive and finite, and
  /// no time is below an earlier one by more than `noiseTolerance`.
  public init(_ points: [TimePoint]) throws(TimeTableProblem) {
    guard !points.isEmpty else {
      throw TimeTableProblem(index: 0, message: "a table needs at least one point, found none")
    }
    var slowest = points[0]
    for (index, point) in points.enumerated() {
      guard point.bytes >= 1 else {
        throw TimeTableProblem(
          index: index, message: "bytes must be 1 or more, found \(point.bytes)")
      }
      guard point.seconds > 0, point.seconds.isFinite else {
        throw TimeTableProblem(
          index: index, message: "the time must be positive, found \(point.seconds) s")
      }
      guard index == 0 || point.bytes > points[index - 1].bytes else {
        throw TimeTableProblem(
          index: index,
          message: "bytes must grow from point to point, found \(point.bytes) after "
            + "\(points[index - 1].bytes)")
      }
      guard point.seconds >= slowest.seconds * (1 - Self.noiseTolerance) else {
        throw TimeTableProblem(
          index: index,
          message: "\(point.bytes) bytes take \(point.seconds * 1e6) µs, less than "
            + "\(slowest.bytes) bytes with \(slowest.seconds * 1e6) µs; up to "
            + "\(Int((Self.noiseTolerance * 100).rounded())) % less passes as noise")
      }
      if point.seconds > slowest.seconds { slowest = point }
    }
    self.points = points
    logSizes = points.map { log(Double($0.bytes)) }
    logTimes = Self.pooled(points.map { log($0.seconds) })
  }

  /// Seconds for a message of `bytes` (not necessarily whole, as shares of a buffer are not).
  public func seconds(bytes: Double) -> Double {
    precondition(bytes >= 0 && bytes.isFinite, "a message has a finite size of 0 or more")
    let last = points.count - 1
    if bytes <= Double(points[0].bytes) { return exp(logTimes[0]) }
    if bytes >= Double(points[last].bytes) {
      return exp(logTimes[last]) + (bytes - Double(points[last].bytes)) / lastBandwidth
    }
    let x = log(bytes)
    var (lower, upper) = (0, last)
    while upper - lower > 1 {
      let middle = (lower + upper) / 2
      if logSizes[middle] <= x { lower = middle } else { upper = middle }
    }
    let share = (x - logSizes[lower]) / (logSizes[upper] - logSizes[lower])
    return exp(logTimes[lower] + (logTimes[upper] - logTimes[lower]) * share)
  }

  /// Bytes per second above the largest size: those gained on the stretch from half that size on,
  /// or the average up to the largest size where the stretch is too noisy to say (less than the
  /// average or more than 1.25 times it).
  public var lastBandwidth: Double {
    let last = points.count - 1
    let size = Double(points[last].bytes)
    let average = size / exp(logTimes[last])
    guard let start = points.lastIndex(where: { Double($0.bytes) <= size / 2 }) else {
      return average
    }
    let time = exp(logTimes[last]) - exp(logTimes[start])
    let gained = (size - Double(points[start].bytes)) / time
    return time > 0 && (average...(1.25 * average)).contains(gained) ? gained : average
  }

  /// The closest values that never fall: each run of contradicting ones takes its mean.
  private static func pooled(_ values: [Double]) -> [Double] {
    var blocks: [(mean: Double, count: Int)] = []
    for value in values {
      blocks.append((value, 1))
      while blocks.count > 1, blocks[blocks.count - 2].mean > blocks[blocks.count - 1].mean {
        let (b, a) = (blocks.removeLast(), blocks.removeLast())
        let count = a.count + b.count
        let sum = a.mean * Double(a.count) + b.mean * Double(b.count)
        blocks.append((sum / Double(count), count))
      }
    }
    return blocks.flatMap { Array(repeating: $0.mean, count: $0.count) }
  }
}
