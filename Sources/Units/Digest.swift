/// FNV-1a over 64 bits: tells contents apart, protects against nothing.
public struct Digest: Sendable {
  private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  public init() {}

  public mutating func add(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }

  public mutating func add(_ text: String) { add(text.utf8) }

  /// 16 hexadecimal digits.
  public var text: String { hash.hexadecimal }
}

extension FixedWidthInteger where Self: UnsignedInteger {
  /// All hexadecimal digits of the type, zeros in front.
  public var hexadecimal: String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: Self.bitWidth / 4 - digits.utf8.count) + digits
  }
}
