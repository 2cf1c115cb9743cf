import Records
import Scheduling
import Units

extension SummaryRow {
  /// False for policies that leave no slot without a token; names that are not ours count as padded.
  var isPadded: Bool { (try? Policy(parsing: policy))?.isPadded ?? true }

  /// Whether padtax ran it, so that packed could have been run beside it.
  var isOurs: Bool { origin == .measured || origin == .virtual }

  var tax: Double { self[.taxTTFT] ?? .infinity }
  var ttft: Double { self[.batchTTFT] ?? .infinity }

  /// Whether the interval of the padding tax holds zero.
  var isLostInNoise: Bool {
    guard let low = self[.taxTTFTLower], let high = self[.taxTTFTUpper] else { return false }
    return low <= 0 && high >= 0
  }

  /// `+48 % [+45, +51]`.
  var signedTax: String {
    guard let low = self[.taxTTFTLower], let high = self[.taxTTFTUpper] else {
      return tax.signedPercent() + " %"
    }
    return "\(tax.signedPercent()) % [\(low.signedPercent()), \(high.signedPercent())]"
  }

  /// `123 ms [120, 126]`.
  var ttftText: String {
    func text(_ value: Double) -> String { (value * 1e3).significant(3) }
    guard let low = self[.batchTTFTLower], let high = self[.batchTTFTUpper] else {
      return text(ttft) + " ms"
    }
    return "\(text(ttft)) ms [\(text(low)), \(text(high))]"
  }
}
