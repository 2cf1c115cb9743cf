import Testing

@testable import Checkpoints

@Suite struct SafetensorsFuzzTests {
  /// Parses the bytes as a file and, when that succeeds, checks what a reader relies on.
  /// Returns whether it succeeded.
  private func survives(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      do throws(CheckpointError) {
        let header = try SafetensorsHeader(file: buffer, path: "fuzz")
        var end = header.dataStart
        for tensor in header.tensors {
          #expect(tensor.byteRange.lowerBound == end)
          #expect(tensor.elementCount * tensor.elementType.bytes == tensor.byteRange.count)
          end = tensor.byteRange.upperBound
        }
        #expect(end == bytes.count)
        return true
      } catch {
        #expect(!error.message.isEmpty)
        return false
      }
    }
  }

  private func sample() -> [UInt8] {
    var writer = SafetensorsWriter()
    writer.metadata = ["format": "pt"]
    writer.add(
      "model.embed_tokens.weight", shape: [4, 3], values: [Float](repeating: 1, count: 12))
    writer.add("model.norm.weight", shape: [3], values: [1, 2, 3])
    writer.add("empty", shape: [0, 7], values: [])
    return writer.serialized()
  }

  @Test("every truncation throws")
  func truncations() {
    let bytes = sample()
    #expect(survives(bytes))
    for count in 0..<bytes.count { #expect(!survives(Array(bytes.prefix(count)))) }
  }

  @Test("mutated files throw or keep the invariants", arguments: [1, 2, 3] as [UInt64])
  func mutations(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let original = sample()
    let headerEnd = 8 + Int(original[0]) + Int(original[1]) << 8
    let interesting = Array("{}[]\",:\\0123456789-.eEun \u{0}".utf8) + [0x80, 0xC3, 0xFF]
    var (accepted, refused) = (0, 0)
    for _ in 0..<3000 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let limit = min(headerEnd, bytes.count)
        let at = Int.random(in: 0..<limit, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[at] = interesting.randomElement(using: &random) ?? 0
        case 2: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 3: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: at)
        case 4: bytes.remove(at: at)
        default:
          let piece = bytes[at..<min(limit, at + Int.random(in: 1...40, using: &random))]
          bytes.insert(contentsOf: piece, at: Int.random(in: 8...limit, using: &random))
        }
        if bytes.count < 16 { break }
      }
      if survives(bytes) { accepted += 1 } else { refused += 1 }
    }
    // Changes inside names and padding are harmless, most others are not.
    #expect(
      accepted > 30 && refused > 1000, "seed \(seed): \(accepted) accepted, \(refused) refused")
  }

  @Test("numbers put into shapes and offsets throw or keep the invariants")
  func numbers() {
    let numbers = [
      "0", "1", "2", "4", "8", "-1", "-0", "1.5", "1e3", "2147483648", "4294967296",
      "9223372036854775807", "9223372036854775808", "18446744073709551615",
      "18446744073709551616", "1e400", "null", "\"2\"", "[]", "00", "true",
    ]
    var accepted = 0
    for shape in numbers {
      for begin in numbers {
        for end in numbers {
          let header =
            "{\"a\":{\"dtype\":\"BF16\",\"shape\":[\(shape),2],\"data_offsets\":[\(begin),\(end)]}}"
          if survives(safetensorsBytes(header, data: [UInt8](repeating: 0, count: 8))) {
            accepted += 1
            #expect(shape == "2" && begin == "0" && end == "8")
          }
        }
      }
    }
    #expect(accepted == 1)
  }
}
