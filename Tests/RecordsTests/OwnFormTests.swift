import FoundationEssentials
import Records
import Testing

/// Numbers from a seed, the same on every machine.
private struct Numbers: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ state >> 33) &* 0xff51_afd7_ed55_8ccd
  }
}

@Suite struct OwnFormTests {
  private func time(_ random: inout Numbers) -> Double {
    switch Int.random(in: 0..<5, using: &random) {
    case 0: 0
    case 1: Double.random(in: 0..<1, using: &random)
    case 2: Double(Int.random(in: 0..<1_000_000, using: &random)) * 1e-9
    case 3: -Double.random(in: 0..<1e-18, using: &random)
    default:
      Double(bitPattern: UInt64.random(in: 0..<0x7ff0_0000_0000_0000, using: &random))
    }
  }

  private func record(_ random: inout Numbers) -> RankRecord {
    let names = ["packed", "bucketed:powers-of-two", "Übung", "a\"b\\c", "", "x/y"]
    let traffic = (0..<Int.random(in: 0..<4, using: &random)).map { _ in
      TrafficTotal(
        operation: "all-reduce",
        communicator: ["tensor", "control"].randomElement(using: &random)!,
        elementType: "float", calls: 3, elements: Int.random(in: 0..<9, using: &random),
        bytes: Int.random(in: 0...Int.max, using: &random), paddedBytes: 0,
        seconds: time(&random),
        communicationSeconds: Bool.random(using: &random) ? time(&random) : nil)
    }
    let origins: [Origin?] = [nil, .measured, .virtual, .modelled, .imported]
    return RankRecord(
      cell: names.randomElement(using: &random)!, layout: "tp2",
      origin: origins.randomElement(using: &random)!,
      policy: names.randomElement(using: &random)!, batch: Int.random(in: 0..<50, using: &random),
      repeatIndex: 1, warmup: Bool.random(using: &random), phase: "decode", rank: 10,
      tensorRank: 0, stage: 1, replica: 0, wallSeconds: time(&random),
      computeSeconds: time(&random), communicationSeconds: time(&random),
      idleSeconds: time(&random), traffic: traffic, peakMemoryBytes: 7, weightBytes: -1,
      kvBytesReserved: 0, kvBytesUsed: 12)
  }

  /// The record of the file's only line, and whether it was read without the JSON decoder.
  private func read(_ path: String) throws -> (record: RankRecord?, isOwn: Bool, copy: String) {
    var result: (RankRecord?, Bool, String) = (nil, false, "")
    try JSONLines.forEach(path: path) { line throws(RecordError) in
      var copy: [UInt8] = []
      result.1 = line.copyRankRecord(to: &copy)
      result.2 = String(decoding: copy, as: UTF8.self)
      result.0 = try line.record(RankRecord.self)
    }
    return result
  }

  @Test("what padtax writes is read to the last bit, sealed or not, without the JSON decoder")
  func roundTrips() throws {
    let folder = try TemporaryFolder()
    var random = Numbers(state: 11)
    for index in 0..<200 {
      let record = record(&random)
      let text = try JSONText.line(record)
      let line = index % 2 == 0 ? text : RecordLine.sealed(text)
      let (read, isOwn, copy) = try read(try folder.write(line + "\n", "a.jsonl"))
      #expect(read == record, "\(line)")
      // Escapes and times of others' are left to the decoder.
      let isPlain = !text.contains("\\") && record.origin != .imported
      #expect(isOwn == isPlain, "\(line)")
      if isOwn { #expect(copy == text + "\n") }
    }
  }

  @Test("a changed line is read as the JSON decoder reads it, or left to it")
  func changes() throws {
    let folder = try TemporaryFolder()
    var random = Numbers(state: 5)
    let alphabet = Array("0123456789.-+eE{}[],:\" atx\u{1}".utf8)
    var own = 0
    for _ in 0..<250 {
      var bytes = Array(try JSONText.line(record(&random)).utf8)
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<3, using: &random) {
      case 0: bytes[place] = alphabet.randomElement(using: &random)!
      case 1: bytes.remove(at: place)
      default: bytes.insert(alphabet.randomElement(using: &random)!, at: place)
      }
      let text = String(decoding: bytes, as: UTF8.self)
      let path = try folder.write(text + "\n", "a.jsonl")
      let expected = try? JSONDecoder().decode(RankRecord.self, from: Data(text.utf8))
      let found = try? read(path)
      if found?.isOwn == true {
        own += 1
        #expect(found?.record == expected, "\(text)")
      }
    }
    #expect(own > 15, "changes within numbers and names keep the form")
  }

  @Test("checksums are those of CRC-32, whatever the length")
  func checksums() throws {
    func bitwise(_ bytes: [UInt8]) -> UInt32 {
      var crc = UInt32.max
      for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 {
          let isOdd = crc & 1 == 1
          crc >>= 1
          if isOdd { crc ^= 0xedb8_8320 }
        }
      }
      return ~crc
    }
    #expect(bitwise(Array("123456789".utf8)) == 0xcbf4_3926)
    for length in 0..<40 {
      let head = String("\"0a9zñ\u{7f}:,".prefix(length))
      let object = "{" + head + String(repeating: "7", count: length)
      let digits = String(bitwise(Array((object + "}").utf8)), radix: 16)
      let padded = String(repeating: "0", count: 8 - digits.count) + digits
      #expect(RecordLine.sealed(object + "}") == object + ",\"crc\":\"\(padded)\"}")
    }
  }

  @Test("lines longer than the buffer, and a part of a file, are read whole and numbered")
  func longLines() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.jsonl"
    let lengths = [10, 700_000, 700_000, 3_000_000, 0, 1 << 20, 5]
    do {
      let writer = try JSONLinesWriter(path: path)
      for (index, length) in lengths.enumerated() {
        try writer.append(
          VerificationRecord(
            cell: "\(index)", layout: "tp1", policy: "p", sequences: 1, tokensPerSequence: 1,
            layers: 1, maxLogitError: 0, tolerance: 0, tokensCompared: 1, ties: 0, passed: false,
            failure: String(repeating: "x", count: length)))
      }
    }
    var parts: [FilePart] = []
    var read: [Int] = []
    try JSONLines.forEach(path: path) { line throws(RecordError) in
      parts.append(FilePart(bytes: line.bytes, firstLine: line.number))
      read.append(try line.record(VerificationRecord.self)?.failure?.utf8.count ?? -1)
    }
    #expect(read == lengths && parts.map(\.firstLine) == Array(1...7))
    let middle = FilePart(
      bytes: parts[2].bytes.lowerBound..<parts[4].bytes.upperBound, firstLine: 3)
    var sources: [String] = []
    try JSONLines.forEach(path: path, part: middle) { line throws(RecordError) in
      sources.append("\(line.source) \(try line.record(VerificationRecord.self)?.cell ?? "")")
    }
    #expect(sources == ["\(path):3 2", "\(path):4 3", "\(path):5 4"])
  }
}
