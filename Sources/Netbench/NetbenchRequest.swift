import Models

/// What netbench is asked to measure, checked before any rank starts.
public struct NetbenchRequest: Hashable, Sendable {
  public let layout: ParallelLayout?
  public let ranks: Int
  public let ladder: SizeLadder
  public let operations: [MeasuredOperation]
  public let effort: TimingEffort

  /// Texts as they stand on the command line; nil for what was not given.
  /// - Throws: `NetbenchError` that names the option and the valid choices.
  public init(
    layout: String?, ranks: Int?, minimum: String?, maximum: String?, factor: Double?,
    operations: String?, repeats: Int?, seconds: Double?
  ) throws(NetbenchError) {
    guard layout == nil || ranks == nil else {
      throw NetbenchError("--layout and --ranks exclude each other: a layout says its ranks")
    }
    if let layout {
      do { self.layout = try ParallelLayout(parsing: layout) } catch {
        throw NetbenchError("--layout: \(error)")
      }
    } else {
      self.layout = nil
    }
    self.ranks = self.layout?.worldSize ?? ranks ?? 2
    guard self.ranks >= 2 else {
      throw NetbenchError(
        "netbench measures messages: it needs at least 2 ranks, not \(self.ranks)")
    }
    ladder = try SizeLadder(
      minimum: try Self.bytes("--min-bytes", minimum ?? "8"),
      maximum: try Self.bytes("--max-bytes", maximum ?? "64M"), factor: factor ?? 2)
    self.operations =
      try operations.map { (text) throws(NetbenchError) in
        try MeasuredOperation.list(parsing: text)
      } ?? MeasuredOperation.allCases
    effort = try Self.effort(repeats, seconds)
  }

  private static func bytes(_ option: String, _ text: String) throws(NetbenchError) -> Int {
    guard let bytes = SizeLadder.bytes(parsing: text) else {
      throw NetbenchError("\(option) '\(text)' is no size such as 8, 64K or 2M")
    }
    return bytes
  }

  private static func effort(
    _ repeats: Int?, _ seconds: Double?
  ) throws(NetbenchError) -> TimingEffort {
    switch (repeats, seconds) {
    case (nil, nil): return .standard
    case (_?, _?):
      throw NetbenchError("--repeats and --seconds exclude each other")
    case (let repeats?, nil):
      guard (1...100_000).contains(repeats) else {
        throw NetbenchError("--repeats \(repeats) is out of range; it must be 1 to 100000")
      }
      return .repeats(repeats)
    case (nil, let seconds?):
      guard seconds >= 1e-3, seconds <= 3600 else {
        throw NetbenchError("--seconds \(seconds) is out of range; it must be 0.001 to 3600")
      }
      return .seconds(seconds)
    }
  }

  /// The options that say the same to `padtax-rank netbench`, whose launch says the ranks.
  public var arguments: [String] {
    var words = layout.map { ["--layout", "\($0)"] } ?? []
    words += ["--min-bytes", "\(ladder.minimum)", "--max-bytes", "\(ladder.maximum)"]
    let factor = ladder.factor
    words += ["--factor", factor == factor.rounded() ? "\(Int(factor))" : "\(factor)"]
    words += ["--operations", operations.map(\.rawValue).joined(separator: ",")]
    switch effort {
    case .seconds(let seconds): words += ["--seconds", "\(seconds)"]
    case .repeats(let repeats): words += ["--repeats", "\(repeats)"]
    }
    return words
  }
}
