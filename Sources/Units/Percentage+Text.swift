extension Percentage {
  /// Reads `2%` or `0.5 %`; nil for text that is no finite number above 0 before a percent sign.
  public init?(parsing text: some StringProtocol) {
    guard text.last == "%" else { return nil }
    let digits = text.dropLast().split(separator: " ")
    guard digits.count == 1, let value = Double(digits[0]), value.isFinite, value > 0 else {
      return nil
    }
    self.init(value / 100)
  }

  /// Text that reads back as the same value, such as `2%`.
  public var exactText: String {
    // A product may be off by a unit in the last place; the shorter number is meant, if it fits.
    let rounded = (fraction * 1e11).rounded() / 1e9
    let value = rounded / 100 == fraction ? rounded : fraction * 100
    return (value == value.rounded() && value < 1e15 ? "\(Int(value))" : "\(value)") + "%"
  }
}
