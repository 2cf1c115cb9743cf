/// The format of the numbers that a kernel multiplies. Raw values are the names that files use.
///
/// `fp8Block` is fp8 with one scale for each block of 128 × 128 weights and 1 × 128 activations: the
/// same numbers through other, slower kernels.
public enum NumberFormat: String, Sendable, Hashable, Codable, CaseIterable {
  case fp32
  case bf16
  case fp8
  case fp8Block = "fp8-block"
  case fp4

  /// Bits of one number; scales are left out.
  public var bits: Int {
    switch self {
    case .fp32: 32
    case .bf16: 16
    case .fp8, .fp8Block: 8
    case .fp4: 4
    }
  }

  public var bytes: Double { Double(bits) / 8 }

  /// Bytes of one number that the kernel writes: sums of narrow products leave as bf16.
  public var outputBytes: Double { max(bytes, 2) }

  /// The format whose peak rate counts.
  public var peakFormat: NumberFormat { self == .fp8Block ? .fp8 : self }

  /// Its place among all formats.
  var index: Int {
    switch self {
    case .fp32: 0
    case .bf16: 1
    case .fp8: 2
    case .fp8Block: 3
    case .fp4: 4
    }
  }
}
