/// Exact conversions of stored elements to Float, without alignment requirements.
///
/// Both loops are branch-free, so the compiler vectorises them with the base instruction set; Swift's
/// own `Float16` conversion is a library call per element there.
enum FloatWidening {
  /// BF16 is the upper half of a Float: exact for every pattern, NaN payloads included.
  @inline(__always)
  static func float(bfloat16 bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }

  /// IEEE 754 binary16 to binary32: exact for every pattern, NaN payloads included.
  @inline(__always)
  static func float(float16 bits: UInt16) -> Float {
    let word = UInt32(bits)
    let magnitude = word & 0x7FFF
    // Normal: shift into place and move the bias from 15 to 127; infinity and NaN: move it once more.
    let special: UInt32 = magnitude >= 0x7C00 ? 112 << 23 : 0
    let normal = magnitude << 13 &+ 112 << 23 &+ special
    // Subnormal: a whole multiple of 2^-24. From an integer, so no subnormal Float is ever an operand
    // and a processor set to flush them gives the same result.
    let subnormal = (Float(Int32(bitPattern: magnitude)) * 0x1p-24).bitPattern
    let positive = magnitude < 0x0400 ? subnormal : normal
    return Float(bitPattern: positive | (word & 0x8000) << 16)
  }

  /// Widens `count` elements of `type` at `source` to `destination`.
  static func widen(
    _ type: ElementType, at source: UnsafeRawPointer, count: Int,
    into destination: UnsafeMutablePointer<Float>
  ) {
    switch type {
    case .float32:
      UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: count * 4)
    case .bfloat16:
      for index in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self)
        destination[index] = float(bfloat16: UInt16(littleEndian: bits))
      }
    case .float16:
      for index in 0..<count {
        let bits = source.loadUnaligned(fromByteOffset: 2 &* index, as: UInt16.self)
        destination[index] = float(float16: UInt16(littleEndian: bits))
      }
    default:
      preconditionFailure("\(type.rawValue) cannot be read as Float; check isReadableAsFloat first")
    }
  }
}
