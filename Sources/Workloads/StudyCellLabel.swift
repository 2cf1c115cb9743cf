/// The name of a cell of the published padding study: `pad20_cov15`.
public struct StudyCellLabel: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Target pad ratio in per cent, 0 to 99.
  public let padPercent: Int
  /// Target spread in per cent: cov_pad in version 2, the sampled lengths' cov_len in version 1.
  public let covPercent: Int

  public var padRatio: Double { Double(padPercent) / 100 }
  public var cov: Double { Double(covPercent) / 100 }

  /// Reads `padPP_covCC`, two or three digits each; nil for anything else.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count == 2, let pad = Self.number(parts[0], after: "pad"),
      let cov = Self.number(parts[1], after: "cov"), pad < 100
    else { return nil }
    padPercent = pad
    covPercent = cov
  }

  private static func number(_ text: some StringProtocol, after word: String) -> Int? {
    guard text.hasPrefix(word) else { return nil }
    let digits = text.utf8.dropFirst(word.utf8.count)
    guard (2...3).contains(digits.count), digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else {
      return nil
    }
    return digits.reduce(0) { $0 * 10 + Int($1 - 48) }
  }

  public var description: String { "pad\(two(padPercent))_cov\(two(covPercent))" }

  private func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }

  public static func < (a: Self, b: Self) -> Bool {
    (a.padPercent, a.covPercent) < (b.padPercent, b.covPercent)
  }
}
