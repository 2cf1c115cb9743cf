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

  public static let fewestSlices = 5
  public static let mostSlices = 50
  public static let mostCalls = 1 << 16

  public init(calls: Int, slices: Int) {
    precondition(calls > 0 && slices > 0, "a plan has calls and slices")
    self.calls = calls
    self.slices = slices
  }

  /// Calls of a slice come in multiples of two, so that ranks that left the barrier at different
  /// times lose in one call what they gained in the other.
  public static let step = 2

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
