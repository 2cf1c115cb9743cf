/// Message sizes from a smallest to a largest one, each `factor` times the one before, in whole
/// elements of 4 bytes.
public struct SizeLadder: Hashable, Sendable {
  public let minimum: Int
  public let maximum: Int
  public let factor: Double

  /// Largest size: counts of 4-byte elements fit MPI's int.
  public static let largest = 2 << 30

  /// - Throws: `NetbenchError` when a size is not a positive multiple of 4 bytes, the order is wrong
  ///   or the factor does not grow.
  public init(minimum: Int, maximum: Int, factor: Double) throws(NetbenchError) {
    for (option, bytes) in [("--min-bytes", minimum), ("--max-bytes", maximum)] {
      guard bytes > 0, bytes.isMultiple(of: 4), bytes <= Self.largest else {
        throw NetbenchError(
          "\(option) \(bytes): sizes are multiples of 4 bytes (32-bit elements) from 4 to "
            + "\(Self.largest)")
      }
    }
    guard minimum <= maximum else {
      throw NetbenchError("--min-bytes \(minimum) is more than --max-bytes \(maximum)")
    }
    guard (1.01...1_048_576).contains(factor) else {
      throw NetbenchError("--factor \(factor) is out of range; it must be 1.01 to 1048576")
    }
    self.minimum = minimum
    self.maximum = maximum
    self.factor = factor
  }

  /// The sizes in bytes, ascending, none twice.
  public var sizes: [Int] {
    var sizes: [Int] = []
    var bytes = Double(minimum)
    while bytes <= Double(maximum) {
      let whole = Int(bytes) / 4 * 4
      if whole != sizes.last { sizes.append(whole) }
      bytes *= factor
    }
    return sizes
  }

  /// The sizes that an operation really moves on `ranks` ranks (see `MeasuredOperation.extent`):
  /// count argument and S, ascending, none twice.
  public func extents(
    of operation: MeasuredOperation, ranks: Int
  ) -> [(count: Int, size: Int)] {
    var extents: [(count: Int, size: Int)] = []
    for bytes in sizes {
      let extent = operation.extent(bytes: bytes, ranks: ranks)
      if extent.size != extents.last?.size { extents.append(extent) }
    }
    return extents
  }

  /// Bytes of a text such as `8`, `64K`, `64KiB`, `2M`, `1G`; prefixes are powers of 1024.
  public static func bytes(parsing text: String) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits) else { return nil }
    let shift: Int
    switch text.dropFirst(digits.count) {
    case "", "B": shift = 0
    case "K", "KiB": shift = 10
    case "M", "MiB": shift = 20
    case "G", "GiB": shift = 30
    default: return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
    return overflow ? nil : bytes
  }
}
