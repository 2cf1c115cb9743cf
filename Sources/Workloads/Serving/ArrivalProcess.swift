import Statistics
import Units

/// When the clients of a serving run send their requests.
///
/// All but `closed` are open loops: arrivals do not depend on what the server does, and latencies
/// count from them however late the server takes a request in.
public enum ArrivalProcess: Hashable, Sendable {
  /// All at the start.
  case atOnce
  /// Exponential gaps, so many requests a second.
  case poisson(rate: Double)
  /// Gamma gaps: burstiness is their shape, 1 is Poisson, below 1 is burstier (vLLM's
  /// `--burstiness`; the gaps' coefficient of variation is 1/√burstiness).
  case gamma(rate: Double, burstiness: Double)
  /// Exponential gaps at a rate that goes from one to another over the requests, as vLLM's
  /// `--ramp-up-strategy`.
  case ramp(Ramp, from: Double, to: Double)
  /// As recorded, so many times as fast.
  case trace(speed: Double)
  /// So many users, each of whom sends the next request when the last one is answered.
  case closed(users: Int)

  public enum Ramp: String, Hashable, Sendable, CaseIterable { case linear, exponential }

  public var isClosed: Bool { if case .closed = self { true } else { false } }

  /// Requests a second, of a ramp the last; nil where the clients have no rate of their own.
  public var rate: Double? {
    switch self {
    case .poisson(let rate), .gamma(let rate, _), .ramp(_, _, let rate): rate
    case .atOnce, .trace, .closed: nil
    }
  }

  /// The same arrivals at so many times the rate; those without a rate stay as they are.
  public func scaled(by factor: Double) -> ArrivalProcess {
    switch self {
    case .poisson(let rate): .poisson(rate: rate * factor)
    case .gamma(let rate, let burstiness): .gamma(rate: rate * factor, burstiness: burstiness)
    case .ramp(let ramp, let from, let to): .ramp(ramp, from: from * factor, to: to * factor)
    case .atOnce, .trace, .closed: self
    }
  }

  /// Intended arrivals in seconds, ascending; nil for a closed loop, whose arrivals are answers.
  /// - Parameter recorded: arrivals that the source has, for `trace`.
  /// - Throws: `WorkloadError` where `trace` has a request without an arrival.
  public func times(
    count: Int, seed: UInt64, recorded: [Double?] = []
  ) throws(WorkloadError) -> [Double]? {
    var random = SequentialRandom(seed: seed, stream: CounterRandom.stream(named: "arrivals"))
    var now = 0.0
    func draw(_ gap: (Int) -> Double) -> [Double] {
      (0..<count).map { index in
        now += gap(index)
        return now
      }
    }
    switch self {
    case .atOnce: return Array(repeating: 0, count: count)
    case .closed: return nil
    case .poisson(let rate):
      return draw { _ in -PortableMath.log(random.uniform()) / rate }
    case .gamma(let rate, let burstiness):
      return draw { _ in random.gamma(shape: burstiness) / (rate * burstiness) }
    case .ramp(let ramp, let from, let to):
      return draw { index in
        let progress = Double(index) / Double(max(1, count - 1))
        let rate =
          switch ramp {
          case .linear: from + (to - from) * progress
          case .exponential: from * PortableMath.exp(PortableMath.log(to / from) * progress)
          }
        return -PortableMath.log(random.uniform()) / rate
      }
    case .trace(let speed):
      var times: [Double] = []
      for index in 0..<count {
        guard index < recorded.count, let time = recorded[index] else {
          throw WorkloadError(
            "arrivals \(self): request \(index) has no recorded arrival; take a trace, or other "
              + "arrivals")
        }
        times.append((time - (recorded[0] ?? 0)) / speed)
      }
      return times
    }
  }
}

extension ArrivalProcess: CustomStringConvertible {
  /// The text forms, for messages and help.
  public static let forms = [
    "poisson:RATE", "gamma:RATE,BURSTINESS", "ramp-linear:RATE-RATE", "ramp-exponential:RATE-RATE",
    "trace[:SPEED]", "closed:USERS", "at-once",
  ]

  public var description: String {
    switch self {
    case .atOnce: "at-once"
    case .poisson(let rate): "poisson:\(Self.text(rate))"
    case .gamma(let rate, let burstiness): "gamma:\(Self.text(rate)),\(Self.text(burstiness))"
    case .ramp(let ramp, let from, let to):
      "ramp-\(ramp.rawValue):\(Self.text(from))-\(Self.text(to))"
    case .trace(let speed): speed == 1 ? "trace" : "trace:\(Self.text(speed))"
    case .closed(let users): "closed:\(users)"
    }
  }

  /// The text of arrivals whose rates are multiples of something, such as `poisson:0.5x`.
  public var relativeDescription: String {
    switch self {
    case .poisson(let rate): "poisson:\(Self.text(rate))x"
    case .gamma(let rate, let burstiness): "gamma:\(Self.text(rate))x,\(Self.text(burstiness))"
    case .ramp(let ramp, let from, let to):
      "ramp-\(ramp.rawValue):\(Self.text(from))x-\(Self.text(to))x"
    case .atOnce, .trace, .closed: description
    }
  }

  private static func text(_ number: Double) -> String {
    let whole = Int(exactly: number)
    return whole.map(String.init) ?? "\(number)"
  }

  /// Reads a text form, such as `poisson:4` (requests a second).
  /// - Throws: `WorkloadError` with the valid forms.
  public init(parsing text: String) throws(WorkloadError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let rest = parts.count > 1 ? String(parts[1]) : nil
    func numbers(_ separator: Character, _ count: Int) throws(WorkloadError) -> [Double] {
      let fields = (rest ?? "").split(separator: separator, omittingEmptySubsequences: false)
      let values = fields.compactMap { field -> Double? in
        let isPlain = field.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || $0 == 46 }
        return isPlain ? Double(field) : nil
      }
      guard fields.count == count, values.count == count,
        values.allSatisfy({ $0 >= 1e-6 && $0 <= 1e6 })
      else {
        throw WorkloadError(
          "arrivals '\(text)': expected \(count == 1 ? "a number" : "\(count) numbers") from "
            + "0.000001 to 1000000; valid forms: \(Self.forms.joined(separator: ", "))")
      }
      return values
    }
    switch (parts[0], rest) {
    case ("at-once", nil): self = .atOnce
    case ("trace", nil): self = .trace(speed: 1)
    case ("trace", _): self = .trace(speed: try numbers(",", 1)[0])
    case ("poisson", _): self = .poisson(rate: try numbers(",", 1)[0])
    case ("gamma", _):
      let values = try numbers(",", 2)
      self = .gamma(rate: values[0], burstiness: values[1])
    case ("ramp-linear", _), ("ramp-exponential", _):
      let values = try numbers("-", 2)
      self = .ramp(
        parts[0] == "ramp-linear" ? .linear : .exponential, from: values[0], to: values[1])
    case ("closed", _):
      guard let users = rest.flatMap({ Int($0) }), (1...1_000_000).contains(users) else {
        throw WorkloadError("arrivals '\(text)': the users must be 1 to 1000000, such as closed:8")
      }
      self = .closed(users: users)
    default:
      throw WorkloadError(
        "unknown arrivals '\(text)'; valid forms: \(Self.forms.joined(separator: ", "))")
    }
  }
}

extension ArrivalProcess {
  /// Reads a text form whose rates are multiples of something, such as `poisson:0.5x`.
  /// - Throws: `WorkloadError` with the valid forms.
  public init(parsingMultiples text: String) throws(WorkloadError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !["trace", "closed"].contains(parts[0]) else {
      try self.init(parsing: text)
      return
    }
    let separator = parts[0].hasPrefix("ramp") ? "-" : ","
    var fields = parts[1].split(separator: separator, omittingEmptySubsequences: false)
    for index in fields.indices where index == 0 || separator == "-" {
      guard fields[index].hasSuffix("x") else {
        throw WorkloadError(
          "arrivals '\(text)': rates are multiples here, such as poisson:0.5x, "
            + "ramp-linear:0.5x-1.5x")
      }
      fields[index].removeLast()
    }
    try self.init(parsing: "\(parts[0]):\(fields.joined(separator: separator))")
  }
}

extension ArrivalProcess: TextCodable {}
