/// What an element in memory is.
public enum StorageFormat: String, Sendable, Hashable, Codable, CaseIterable {
  case float32
  /// The upper half of a float32: 8 bits of exponent, 7 of fraction.
  case bfloat16

  /// Bytes of one element.
  public var byteCount: Int { self == .float32 ? 4 : 2 }

  /// Floats of storage that hold `count` elements.
  public func floats(for count: Int) -> Int { (count * byteCount + 3) / 4 }

  /// Elements that fit into a storage.
  public func elements(in storage: Storage) -> Int {
    storage.count * storage.format.byteCount / byteCount
  }
}

/// The bits of a bfloat16.
public typealias BFloat16Bits = UInt16

extension BFloat16Bits {
  /// Rounds to the nearest, ties to even; what overflows becomes infinite, and NaN stays NaN.
  @inlinable public init(rounding value: Float) {
    let bits = value.bitPattern
    let rounded = bits &+ 0x7FFF &+ ((bits >> 16) & 1)
    let isNaN = (bits & 0x7FFF_FFFF) > 0x7F80_0000
    self = UInt16(truncatingIfNeeded: (isNaN ? bits | 0x40_0000 : rounded) >> 16)
  }

  /// The value as a float, exactly.
  @inlinable public var widened: Float { Float(bitPattern: UInt32(self) << 16) }
}

extension Storage {
  /// The memory as bfloat16 elements, two per float. Valid as long as this object lives.
  public var bfloat16Pointer: UnsafeMutablePointer<BFloat16Bits> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: BFloat16Bits.self)
  }
}
