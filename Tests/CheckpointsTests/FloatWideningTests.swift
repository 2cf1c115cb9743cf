import Testing

@testable import Checkpoints

@Suite struct FloatWideningTests {
  /// All 65,536 patterns, widened from an odd address in pieces of uneven length.
  private func widened(_ type: ElementType) -> [Float] {
    let patterns = [UInt8(0)] + (0...UInt16.max).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    var result = [Float](repeating: 0, count: 65536)
    result.withUnsafeMutableBufferPointer { target in
      patterns.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        var done = 0
        while done < 65536 {
          let count = min(1 + done % 777, 65536 - done)
          FloatWidening.widen(type, at: from + 1 + 2 * done, count: count, into: to + done)
          done += count
        }
      }
    }
    return result
  }

  @Test("every BF16 pattern becomes the Float with these upper bits")
  func bfloat16() {
    let values = widened(.bfloat16)
    #expect((0..<65536).allSatisfy { values[$0].bitPattern == UInt32($0) << 16 })
  }

  /// The value by the definition of IEEE 754 binary16, in Double, where all of it is exact.
  private func definition(_ pattern: UInt16) -> Double {
    let exponent = Int(pattern >> 10 & 31)
    let fraction = Double(pattern & 1023) / 1024
    let magnitude: Double
    switch exponent {
    case 0: magnitude = fraction * 0x1p-14
    case 31: magnitude = fraction == 0 ? .infinity : .nan
    default: magnitude = Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction)
    }
    return pattern >> 15 == 1 ? -magnitude : magnitude
  }

  @Test("every F16 pattern becomes the value that IEEE 754 defines, sign and NaN payload kept")
  func float16() {
    let values = widened(.float16)
    for pattern in 0...UInt16.max {
      let value = values[Int(pattern)]
      let expected = definition(pattern)
      if expected.isNaN {
        let bits = UInt32(pattern & 0x8000) << 16 | 0x7F80_0000 | UInt32(pattern & 1023) << 13
        if value.bitPattern != bits { Issue.record("NaN pattern \(pattern)") }
      } else if Double(value) != expected || (value.sign == .minus) != (pattern >> 15 == 1) {
        Issue.record("pattern \(pattern): \(value) is not \(expected)")
      }
    }
  }

  #if !(os(macOS) && arch(x86_64))
    @Test("the F16 conversion agrees with Swift's Float16 on all numbers")
    func float16AgainstStandardLibrary() {
      let values = widened(.float16)
      for pattern in 0...UInt16.max {
        let expected = Float(Float16(bitPattern: pattern))
        let value = values[Int(pattern)]
        if value.bitPattern != expected.bitPattern && !(value.isNaN && expected.isNaN) {
          Issue.record("pattern \(pattern): \(value) is not \(expected)")
        }
      }
    }
  #endif

  @Test("F32 is copied bit by bit from any address")
  func float32() {
    let values: [Float] = [
      1, -0, .infinity, .leastNonzeroMagnitude, Float(bitPattern: 0x7F80_0001),
    ]
    let bytes = [UInt8(9)] + values.withUnsafeBytes { Array($0) }
    var result = [Float](repeating: 0, count: values.count)
    result.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        FloatWidening.widen(.float32, at: from + 1, count: 5, into: to)
      }
    }
    #expect(result.map(\.bitPattern) == values.map(\.bitPattern))
  }
}
