/// How long a step may take before the job is given up: the key `step-limit` of a job file, `60`
/// (seconds), `20x` (times the slowest step so far) or `off`.
public enum StepLimit: Hashable, Sendable, Codable, CustomStringConvertible {
  case off
  case seconds(Double)
  /// A multiple of the slowest step so far, and never less than `floor`.
  case times(Double)

  /// Seconds that a multiple never goes below: what the first steps, with no step before them, get.
  public static let floor = 600.0
  /// What jobs have that do not say.
  public static let standard = times(20)

  /// - Parameter text: seconds above 0, a multiple from 2 on, or `off`; nil otherwise.
  public init?(parsing text: String) {
    if text == "off" {
      self = .off
    } else if text.hasSuffix("x"), let factor = Self.number(text.dropLast()), factor >= 2 {
      self = .times(factor)
    } else if let seconds = Self.number(text[...]), seconds > 0 {
      self = .seconds(seconds)
    } else {
      return nil
    }
  }

  private static func number(_ text: Substring) -> Double? {
    guard let value = Double(text), value <= 1e6 else { return nil }
    return value
  }

  /// Seconds that a step may take after one that took `slowest`, the most so far; nil for ever.
  public func seconds(slowest: Double) -> Double? {
    switch self {
    case .off: nil
    case .seconds(let seconds): seconds
    case .times(let factor): max(Self.floor, factor * slowest)
    }
  }

  /// Seconds that waiting for the other replicas may take, which run `steps` steps at most.
  /// - Parameters:
  ///   - slowestStep: seconds of the slowest step so far.
  ///   - slowestBatch: seconds of the slowest batch so far, 0 before the first has ended.
  public func seconds(
    waitingFor steps: Int, slowestStep: Double, slowestBatch: Double
  ) -> Double? {
    guard let step = seconds(slowest: slowestStep) else { return nil }
    // Whoever is waited for makes steps, each within the limit, and has two parts around them.
    let most = step * Double(steps + 2)
    guard slowestBatch > 0 else { return most }
    return min(most, max(step, 20 * slowestBatch))
  }

  public var description: String {
    func text(_ value: Double) -> String {
      value == value.rounded() ? String(Int(value)) : String(value)
    }
    return switch self {
    case .off: "off"
    case .seconds(let seconds): text(seconds)
    case .times(let factor): text(factor) + "x"
    }
  }
}
