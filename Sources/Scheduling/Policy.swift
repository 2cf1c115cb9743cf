import Units

/// How the requests of a batch are laid out in slots.
///
/// Descriptions are the names that jobs, records and reports use.
public enum Policy: Hashable, Sendable {
  /// Every row has this many slots; longer prompts lose their end.
  case fixed(Int)
  /// Every row has as many slots as the longest prompt; real tokens come first.
  case rightPad
  /// Every row has as many slots as the longest prompt; real tokens come last, so that the next
  /// token of every row has the same KV slot.
  case leftPad
  /// Rows are grouped by the bucket that their length falls into and padded to its upper edge.
  case bucketed(BucketEdges)
  /// Rows are sorted by length and cut into micro-batches, each padded to its own longest row.
  case sorted
  /// Rows are grouped by equal intervals of length (Guldogan et al., Multi-Bin Batching, 2024), each
  /// group padded to its own longest row.
  case multiBin(Int)
  /// Legacy Megatron-LM inference: a bulk prefill up to the shortest prompt's length, then one
  /// position per step for all rows until the longest prompt is in; sampled tokens are overwritten
  /// by prompt tokens, and rows that are complete wait.
  case megatronIterative
  /// Rows are concatenated; no slot is without a token.
  case packed
  /// As `packed`, in micro-batches of nearly equal token count.
  case packedMicro
  /// No batching: one row per step.
  case oneByOne

  /// Prompt tokens that are fed of a prompt of `length` tokens.
  public func kept(of length: Int) -> Int {
    if case .fixed(let slots) = self { return min(length, slots) }
    return length
  }

  /// True when the prefill is one rectangle (cut into micro-batches at most), so that its time
  /// differs from packed rows' by its slots alone, not by the shape of its steps.
  public var isOneRectangle: Bool {
    switch self {
    case .fixed, .rightPad, .leftPad: true
    default: false
    }
  }

  /// True when some slots may carry no token.
  public var isPadded: Bool {
    switch self {
    case .packed, .packedMicro, .oneByOne: false
    default: true
    }
  }
}

extension Policy {
  /// Slots that the widest row of a batch may have.
  /// - Parameter longest: tokens of its longest prompt.
  public func widestRow(longest: Int) -> Int {
    switch self {
    case .fixed(let length): length
    case .bucketed(let edges): (try? edges.widths(of: [longest]).max()) ?? longest
    default: longest
    }
  }
}

extension Policy: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fixed(let length): "fixed:\(length)"
    case .rightPad: "right-pad"
    case .leftPad: "left-pad"
    case .bucketed(let edges): "bucketed:\(edges)"
    case .sorted: "sorted"
    case .multiBin(let bins): "multi-bin:\(bins)"
    case .megatronIterative: "megatron-iterative"
    case .packed: "packed"
    case .packedMicro: "packed-micro"
    case .oneByOne: "one-by-one"
    }
  }

  private static let plain: [Policy] = [
    .rightPad, .leftPad, .sorted, .megatronIterative, .packed, .packedMicro, .oneByOne,
  ]

  /// The forms that `init(parsing:)` takes.
  public static var forms: [String] {
    ["fixed:N", "bucketed:EDGES", "multi-bin:N"] + plain.map(\.description)
  }

  /// The policy with this name, such as `right-pad`, `fixed:512`, `bucketed:64,128,256`,
  /// `bucketed:powers`, `bucketed:best-4`.
  /// - Throws: `SchedulingError` naming the valid choices.
  public init(parsing text: String) throws(SchedulingError) {
    if let policy = Policy.plain.first(where: { $0.description == text }) {
      self = policy
      return
    }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard ["fixed", "bucketed", "multi-bin"].contains(name) else {
      throw SchedulingError(
        "unknown policy '\(text)'; valid choices: \(Policy.forms.joined(separator: ", "))")
    }
    guard parts.count == 2 else {
      throw SchedulingError(
        "policy '\(text)' needs a value; valid forms: \(Policy.forms.joined(separator: ", "))")
    }
    switch name {
    case "fixed": self = .fixed(try Self.count(parts[1], of: text))
    case "multi-bin": self = .multiBin(try Self.count(parts[1], of: text))
    default: self = .bucketed(try BucketEdges(parsing: String(parts[1])))
    }
  }

  private static func count(
    _ text: Substring, of policy: String
  ) throws(SchedulingError) -> Int {
    guard let value = Int(text), (1...(1 << 24)).contains(value) else {
      throw SchedulingError(
        "policy '\(policy)': '\(text)' is not a whole number from 1 to \(1 << 24)")
    }
    return value
  }
}

extension Policy: TextCodable {}

/// A request or setting that no plan can be made for.
public struct SchedulingError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
