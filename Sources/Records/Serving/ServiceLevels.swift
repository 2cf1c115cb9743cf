/// What a client wants of each request, in milliseconds; a request is good when it meets all.
public struct ServiceLevels: Hashable, Sendable {
  /// Per metric the longest time that is good, in the order given.
  public private(set) var limits: [(metric: Metric, milliseconds: Double)]

  /// Names as in vLLM's `--goodput`.
  public enum Metric: String, Sendable, CaseIterable { case ttft, tpot, e2el }

  public init() { limits = [] }

  init(_ limits: [(metric: Metric, milliseconds: Double)]) { self.limits = limits }

  public var isEmpty: Bool { limits.isEmpty }

  /// Reads `ttft:200 tpot:50 e2el:2000`, any of them, once each.
  /// - Throws: `RecordError` with the valid names.
  public init(parsing text: String) throws(RecordError) {
    self.init()
    let names = Metric.allCases.map(\.rawValue).joined(separator: ", ")
    for part in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
      let fields = part.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count == 2, let metric = Metric(rawValue: String(fields[0])),
        let value = Double(fields[1]), value > 0, value.isFinite
      else {
        throw RecordError(
          "'\(part)' is no service level; expected NAME:MILLISECONDS above 0, such as ttft:200; "
            + "valid names: \(names)")
      }
      guard !limits.contains(where: { $0.metric == metric }) else {
        throw RecordError("'\(metric.rawValue)' is there twice")
      }
      limits.append((metric, value))
    }
    guard !limits.isEmpty else {
      throw RecordError(
        "no service level; expected such as ttft:200 tpot:50; valid names: \(names)")
    }
  }

  /// Reads multiples of something, such as `ttft:5x tpot:3x`.
  /// - Throws: `RecordError` with the valid names.
  init(parsingMultiples text: String) throws(RecordError) {
    var plain: [Substring] = []
    for part in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
      guard part.hasSuffix("x") else {
        throw RecordError("'\(part)': levels are multiples here, such as ttft:5x tpot:3x")
      }
      plain.append(part.dropLast())
    }
    try self.init(parsing: plain.joined(separator: " "))
  }

  /// True when the request meets all of them. A request of one token has no tpot to miss.
  public func areMet(by request: RequestRecord) -> Bool {
    limits.allSatisfy { metric, limit in
      switch metric {
      case .ttft: request.ttftMilliseconds <= limit
      case .tpot: (request.tpotMilliseconds ?? 0) <= limit
      case .e2el: request.e2elMilliseconds <= limit
      }
    }
  }

  public static func == (a: Self, b: Self) -> Bool { a.description == b.description }
  public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

extension ServiceLevels: CustomStringConvertible {
  public var description: String { text("") }

  /// The text of levels that are multiples of something, such as `ttft:5x`.
  var relativeDescription: String { text("x") }

  private func text(_ unit: String) -> String {
    limits.map {
      "\($0.metric.rawValue):\(Int(exactly: $0.1).map(String.init) ?? "\($0.1)")\(unit)"
    }
    .joined(separator: " ")
  }
}

extension ServiceLevels: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    if text.isEmpty { self.init() } else { try self.init(parsing: text) }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
