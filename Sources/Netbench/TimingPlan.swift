/// How long one operation at one size is measured.
public enum TimingEffort: Hashable, Sendable {
  /// About so many seconds; sizes that would take twenty times as long are left out.
  case seconds(Double)
  /// So many slices, however long they take.
  case repeats(Int)

  public static let standard = TimingEffort.seconds(0.05)

  /// Seconds that one slice should last, so that reading the clock and leaving the barrier weigh
  /// little.
  public var sliceSeconds: Double {
    switch self {
    case .seconds(let seconds): min(seconds / 50, 0.01)
    case .repeats: 0.001
    }
  }
}

/// The timed loop of one operation at one size: `slices` times, `calls` calls in a row behind a
/// barrier. Rank 0 makes it and the others get it by a broadcast.
public struct TimingPlan: Hashable, Sendable {
  public let calls: Int
  public let slices: Int

  static let fewestSlices = 5
  static let mostSlices = 50
  static let mostCalls = 1 << 16

  public init(calls: Int, slices: Int) {
    precondition(calls > 0 && slices > 0, "a plan has calls and slices")
    self.calls = calls
    self.slices = slices
  }

  /// Calls of a slice come in multiples of two, so that ranks that left the barrier at different
  /// times lose in one call what they gained in the other.
  static let step = 2

  /// - Parameter call: seconds that a call was seen to take.
  /// - Returns: nil when even the shortest plan would take twenty times the effort.
  public init?(call: Double, effort: TimingEffort) {
    let wanted = effort.sliceSeconds / max(call, 1e-9)
    let steps = Int(min(Double(Self.mostCalls), wanted)) / Self.step
    calls = max(1, steps) * Self.step
    let slice = Double(calls) * max(call, 1e-9)
    switch effort {
    case .repeats(let repeats): slices = repeats
    case .seconds(let seconds):
      if slice * Double(Self.fewestSlices) > 20 * seconds { return nil }
      slices = Int(min(max(seconds / slice, Double(Self.fewestSlices)), Double(Self.mostSlices)))
    }
  }
}

/// Finds out how long a call takes: more and more calls, until they last long enough to be told from
/// a disturbance.
public struct TimingProbe: Sendable {
  /// Calls to time next.
  public private(set) var calls = TimingPlan.step
  /// True when no further run is needed.
  public private(set) var isDone = false
  private let effort: TimingEffort
  private var runs: [Double] = []

  public init(effort: TimingEffort) { self.effort = effort }

  /// Runs of so many seconds are not repeated: a disturbance would not show in them.
  static let surelyLong = 0.1
  /// Runs with the last number of calls, the shortest of which counts.
  static let repeats = 3

  /// Enters what the last `calls` calls took.
  public mutating func record(seconds: Double) {
    runs.append(seconds)
    if seconds < effort.sliceSeconds / 4, calls < TimingPlan.mostCalls {
      calls = min(calls * 4, TimingPlan.mostCalls)
      runs = []
    } else {
      isDone = runs.count == Self.repeats || seconds >= Self.surelyLong
    }
  }

  /// The plan that follows; nil when the size takes too long.
  public var plan: TimingPlan? {
    TimingPlan(call: (runs.min() ?? 0) / Double(calls), effort: effort)
  }
}
