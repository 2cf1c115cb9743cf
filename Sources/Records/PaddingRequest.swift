import Workloads

/// Batches asked for by their padding: one set per pair of pad ratio and spread.
public struct PaddingRequest: Hashable, Sendable, Codable {
  /// How lengths are drawn.
  public enum Construction: String, Sendable, Codable, CaseIterable {
    /// The pair is met within 0.01 and 0.02 (`PaddingTarget`).
    case exact
    /// The published study's first and second construction, not corrected afterwards.
    case v1, v2
  }

  public var ratios: [Double]
  public var spreads: [Double]
  public var measure: PaddingSpread.Measure
  public var construction: Construction
  /// Mean length of all rows but the longest, for `v1`.
  public var mean: Double?
  public var shortest: Int
  /// Takes the nearest feasible pair instead of refusing.
  public var nearest: Bool

  /// Batches of each pair, pair after pair: batch k of pair i has the id 1000·i + k.
  func batches(rows: Int, count: Int, longest: Int?, seed: UInt64) throws -> [Batch] {
    let pairs = ratios.flatMap { ratio in spreads.map { (ratio, $0) } }
    return try pairs.enumerated().flatMap { index, pair in
      try (0..<count).map { batch in
        let id = 1000 * index + batch
        var made = try Batch(
          id: id, lengths: try lengths(pair, rows: rows, longest: longest, seed: seed, batch: id))
        made.target = PaddingPair(
          padRatio: pair.0, spread: PaddingSpread(measure, pair.1))
        return made
      }
    }
  }

  private func lengths(
    _ pair: (ratio: Double, spread: Double), rows: Int, longest: Int?, seed: UInt64, batch: Int
  ) throws -> [Int] {
    switch construction {
    case .exact:
      return try PaddingTarget(
        rows: rows, padRatio: pair.ratio, spread: PaddingSpread(measure, pair.spread),
        longest: longest ?? 128, shortest: shortest
      ).lengths(seed: seed, batch: batch, nearest: nearest).lengths
    case .v1:
      return try StudyConstruction.fixedMean(mean ?? 40).lengths(
        rows: rows, padRatio: pair.ratio, cov: pair.spread, shortest: shortest, seed: seed,
        batch: batch)
    case .v2:
      return try StudyConstruction.fixedLongest(longest ?? 128).lengths(
        rows: rows, padRatio: pair.ratio, cov: pair.spread, shortest: shortest, seed: seed,
        batch: batch)
    }
  }
}

extension JobFile {
  static func paddingRequest(
    _ ratios: String, _ node: inout JobNode
  ) throws(RecordError) -> PaddingRequest {
    let covPadding = try node.texts("cov-pad")
    let covLength = try node.texts("cov-len")
    guard let spreads = covPadding ?? covLength, covPadding == nil || covLength == nil else {
      throw node.error("cov-pad", "pad-ratio needs one of cov-pad, cov-len")
    }
    let key = covPadding == nil ? "cov-len" : "cov-pad"
    let takesNearest = try node.flag("nearest") ?? false
    let mean = try node.text("mean")
    return PaddingRequest(
      ratios: try numbers(ratios, "pad-ratio", node),
      spreads: try numbers(spreads.map(\.text).joined(separator: ","), key, node),
      measure: covPadding == nil ? .covLength : .covPadding,
      construction: try node.choice("construction", PaddingRequest.Construction.self) ?? .exact,
      mean: try mean.map { text throws(RecordError) in try numbers(text, "mean", node)[0] },
      shortest: try node.integer("shortest", in: 1...(1 << 24)) ?? 1, nearest: takesNearest)
  }

  private static func numbers(
    _ text: String, _ key: String, _ node: JobNode
  ) throws(RecordError) -> [Double] {
    var values: [Double] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let value = Double(part.filter { $0 != " " }), value.isFinite, value >= 0 else {
        throw node.error(key, "'\(part)' is not a number of 0 or more")
      }
      values.append(value)
    }
    return values
  }
}

extension PaddingRequest {
  /// Keys and values of a job file.
  var jobEntries: [(String, String)] {
    var entries = [
      (
        measure == .covLength ? "cov-len" : "cov-pad",
        JobFile.quoted(spreads.map { "\($0)" }.joined(separator: ","))
      ),
      ("construction", construction.rawValue), ("shortest", "\(shortest)"),
      ("nearest", "\(nearest)"),
    ]
    if let mean { entries.append(("mean", "\(mean)")) }
    return entries
  }
}
