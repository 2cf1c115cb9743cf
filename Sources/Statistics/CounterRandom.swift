/// Random numbers by position: each value depends on (seed, stream, index) alone.
///
/// No state, so any rank can make any element in any order, with the same bits on any machine. The
/// counter of `Philox4x32` holds the block index (lanes 0, 1) and the stream (lanes 2, 3), its key
/// the seed. Normals invert the distribution function (`PortableMath`), one draw each.
public struct CounterRandom: Sendable, Hashable {
  public let seed: UInt64
  public let stream: UInt64

  public init(seed: UInt64, stream: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
  }

  /// A stream number for a name, such as a tensor's: FNV-1a of its UTF-8, 64 bits.
  ///
  /// Source: Fowler, Noll, Vo, offset basis and prime of the IETF draft "The FNV Non-Cryptographic
  /// Hash Algorithm".
  public static func stream(named name: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return hash
  }

  @inline(__always)
  func block(_ index: UInt64) -> Philox4x32.Block {
    Philox4x32.block(
      counter: .init(
        x: UInt32(truncatingIfNeeded: index), y: UInt32(truncatingIfNeeded: index >> 32),
        z: UInt32(truncatingIfNeeded: stream), w: UInt32(truncatingIfNeeded: stream >> 32)),
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
  }

  /// 32 random bits: lane index % 4 of block index / 4.
  public func word(at index: UInt64) -> UInt32 { block(index >> 2)[Int(index & 3)] }

  /// 64 random bits: lanes (0, 1) or (2, 3) of block index / 2, the lower lane in the lower half.
  public func bits(at index: UInt64) -> UInt64 {
    let lanes = block(index >> 1)
    return index & 1 == 0
      ? UInt64(lanes.x) | UInt64(lanes.y) << 32 : UInt64(lanes.z) | UInt64(lanes.w) << 32
  }

  /// Uniform in the open interval (0, 1): (k + ½)/2⁵² of the upper 52 bits of `bits(at:)`.
  public func uniform(at index: UInt64) -> Double {
    (Double(bits(at: index) >> 12) + 0.5) * 0x1p-52
  }

  /// A standard normal variate from `uniform(at:)`.
  public func normal(at index: UInt64) -> Double {
    PortableMath.normalQuantile(uniform(at: index))
  }

  /// An integer in 0..<bound, the upper half of bits · bound (bias below bound/2⁶⁴).
  public func integer(below bound: UInt64, at index: UInt64) -> UInt64 {
    precondition(bound > 0, "a random integer needs a positive bound")
    return bits(at: index).multipliedFullWidth(by: bound).high
  }

  /// 0..<count in random order (Fisher–Yates from the back; draw k uses index k).
  public func permutation(count: Int) -> [Int] {
    precondition(count >= 0, "a permutation has zero or more elements")
    var order = Array(0..<count)
    var last = count - 1
    while last > 0 {
      order.swapAt(last, Int(integer(below: UInt64(last) + 1, at: UInt64(count - 1 - last))))
      last -= 1
    }
    return order
  }

  /// The same numbers one after another, for the standard library's algorithms.
  public var generator: SequentialRandom { SequentialRandom(seed: seed, stream: stream) }
}

/// `CounterRandom.bits(at:)` for index 0, 1, 2 …
public struct SequentialRandom: RandomNumberGenerator, Sendable {
  private let source: CounterRandom
  /// The index of the next value.
  public var index: UInt64 = 0

  public init(seed: UInt64, stream: UInt64 = 0) {
    source = CounterRandom(seed: seed, stream: stream)
  }

  public mutating func next() -> UInt64 {
    defer { index &+= 1 }
    return source.bits(at: index)
  }
}
