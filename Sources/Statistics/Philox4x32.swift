/// The Philox4x32-10 counter-based generator: ten keyed rounds scramble a 128-bit counter.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11; the
/// constants and test vectors are those of the authors' Random123 library (`kat_vectors`).
public struct Philox4x32: Sendable {
  /// 128 bits as four 32-bit lanes, lane 0 first.
  public struct Block: Sendable, Hashable {
    public var x, y, z, w: UInt32

    @inlinable
    public init(x: UInt32, y: UInt32, z: UInt32, w: UInt32) {
      self.x = x
      self.y = y
      self.z = z
      self.w = w
    }

    /// Lane 0...3.
    @inlinable
    public subscript(lane: Int) -> UInt32 {
      switch lane {
      case 0: x
      case 1: y
      case 2: z
      default: w
      }
    }
  }

  /// The random block of `counter` under `key`; a bijection of the counter for each key.
  @inlinable
  public static func block(counter: Block, key: (UInt32, UInt32)) -> Block {
    var (x, y, z, w) = (counter.x, counter.y, counter.z, counter.w)
    var (k0, k1) = key
    for round in 0..<10 {
      if round > 0 {
        k0 &+= 0x9E37_79B9
        k1 &+= 0xBB67_AE85
      }
      let a = UInt64(0xD251_1F53) &* UInt64(x)
      let b = UInt64(0xCD9E_8D57) &* UInt64(z)
      (x, y, z, w) = (
        UInt32(truncatingIfNeeded: b >> 32) ^ y ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ w ^ k1, UInt32(truncatingIfNeeded: a)
      )
    }
    return Block(x: x, y: y, z: z, w: w)
  }
}
