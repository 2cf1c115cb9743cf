/// How the requests of a batch are laid out in slots.
///
/// Names are the ones that jobs, records and reports use.
public enum Policy: Hashable, Sendable, CaseIterable, CustomStringConvertible {
  /// Every row has as many slots as the longest prompt; real tokens come first.
  case rightPad
  /// Every row has as many slots as the longest prompt; real tokens come last, so that the next
  /// token of every row has the same KV slot.
  case leftPad
  /// Rows are concatenated; no slot is without a token.
  case packed

  public var description: String {
    switch self {
    case .rightPad: "right-pad"
    case .leftPad: "left-pad"
    case .packed: "packed"
    }
  }

  /// True when the policy makes a rectangle of slots out of the prompts.
  public var isPadded: Bool { self != .packed }

  /// The names that `init(parsing:)` takes.
  public static var names: [String] { allCases.map(\.description) }

  /// The policy with this name.
  /// - Throws: `SchedulingError` naming the valid choices.
  public init(parsing text: String) throws(SchedulingError) {
    guard let policy = Policy.allCases.first(where: { $0.description == text }) else {
      throw SchedulingError(
        "unknown policy '\(text)'; valid choices: \(Policy.names.joined(separator: ", "))")
    }
    self = policy
  }
}

extension Policy: Codable {
  public init(from decoder: any Decoder) throws {
    try self.init(parsing: decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A request or setting that no plan can be made for.
public struct SchedulingError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
