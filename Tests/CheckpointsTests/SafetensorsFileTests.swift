import Glibc
import Testing

@testable import Checkpoints

@Suite struct SafetensorsFileTests {
  /// A header with one mistake, the data bytes after it, and what must be said about it.
  struct Mistake: CustomTestStringConvertible, Sendable {
    let header: String
    let data: Int
    let kind: CheckpointError.Kind
    let tensor: String?
    init(_ header: String, _ data: Int, _ kind: CheckpointError.Kind, _ tensor: String? = "a") {
      (self.header, self.data, self.kind, self.tensor) = (header, data, kind, tensor)
    }
    var testDescription: String { "\(kind.rawValue): \(header.prefix(70))" }
  }

  static func entry(
    _ name: String, _ dtype: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]"
  ) -> String {
    "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  static func one(
    _ dtype: String = "F32", _ shape: String = "[2]", _ offsets: String = "[0,8]"
  ) -> String {
    "{\(entry("a", dtype, shape, offsets))}"
  }

  static let mistakes: [Mistake] = [
    Mistake(" {}", 0, .malformedHeader, nil),
    Mistake("[]", 0, .malformedHeader, nil),
    Mistake("", 0, .malformedHeader, nil),
    Mistake("{", 0, .malformedHeader, nil),
    Mistake("{} x", 0, .malformedHeader, nil),
    Mistake("{\"a\":1}", 0, .malformedHeader),
    Mistake("{\"__metadata__\":[]}", 0, .malformedHeader, nil),
    Mistake("{\"__metadata__\":{\"k\":1}}", 0, .malformedHeader, nil),
    Mistake(String(repeating: "{\"a\":", count: 5000), 0, .malformedHeader),
    Mistake("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, .malformedHeader),
    Mistake("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, .malformedHeader),
    Mistake("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, .malformedHeader),
    Mistake(one().replacing("}}", with: ",\"x\":1}}"), 8, .malformedHeader),
    Mistake("{\(entry("a")),\(entry("a", "F32", "[2]", "[8,16]"))}", 16, .duplicateName),
    Mistake("{\(entry("a")),\(entry("\\u0061", "F32", "[2]", "[8,16]"))}", 16, .duplicateName),
    Mistake(one().replacing("}}", with: ",\"dtype\":\"F32\"}}"), 8, .duplicateName),
    Mistake(one("F33"), 8, .unknownElementType),
    Mistake(one("f32"), 8, .unknownElementType),
    Mistake(one("F4", "[16]"), 8, .unknownElementType),
    Mistake(one("F32", "2"), 8, .invalidShape),
    Mistake(one("F32", "[-2]"), 8, .invalidShape),
    Mistake(one("F32", "[2.0]"), 8, .invalidShape),
    Mistake(one("F32", "[2e0]"), 8, .invalidShape),
    Mistake(one("F32", "[null]"), 8, .invalidShape),
    Mistake(one("F32", "[9223372036854775808]"), 8, .invalidShape),
    Mistake(one("F32", "[4294967296,4294967296]"), 8, .invalidShape),
    Mistake(one("F32", "[4611686018427387904]"), 8, .invalidShape),
    Mistake(one("F32", "[2]", "[0]"), 8, .invalidOffsets),
    Mistake(one("F32", "[2]", "[0,8,16]"), 8, .invalidOffsets),
    Mistake(one("F32", "[2]", "[8,0]"), 8, .invalidOffsets),
    Mistake(one("F32", "[2]", "[-8,0]"), 8, .invalidOffsets),
    Mistake(one("F32", "[2]", "[0,99999999999999999999]"), 8, .invalidOffsets),
    Mistake(one("F32", "[2]", "{}"), 8, .invalidOffsets),
    Mistake(one("F32", "[3]"), 8, .wrongByteCount),
    Mistake(one("F16", "[2]"), 8, .wrongByteCount),
    Mistake(one("F32", "[]"), 8, .wrongByteCount),
    Mistake(one("F32", "[0,5]"), 8, .wrongByteCount),
    Mistake(one(), 7, .outOfRange),
    Mistake(one("F32", "[2]", "[9223372036854775799,9223372036854775807]"), 8, .outOfRange),
    Mistake("{\(entry("a")),\(entry("b", "F32", "[2]", "[4,12]"))}", 12, .overlap, "b"),
    Mistake("{\(entry("a")),\(entry("b"))}", 8, .overlap, "b"),
    Mistake("{\(entry("a")),\(entry("b", "F32", "[0]", "[4,4]"))}", 8, .overlap, "b"),
    Mistake(one("F32", "[2]", "[4,12]"), 12, .hole),
    Mistake("{\(entry("a")),\(entry("b", "F32", "[2]", "[12,20]"))}", 20, .hole, "b"),
    Mistake(one(), 9, .hole, nil),
    Mistake("{}", 1, .hole, nil),
  ]

  @Test("a wrong header is an error of its kind that names file and tensor", arguments: mistakes)
  func wrongHeader(mistake: Mistake) throws {
    let folder = try TemporaryFolder()
    let path = try folder.safetensors(mistake.header, dataBytes: mistake.data)
    let error = checkpointError { _ = try SafetensorsFile(path: path) }
    #expect(error?.kind == mistake.kind)
    #expect(error?.file == path)
    // Two tensors over the same bytes: either may be named.
    if mistake.kind == .overlap {
      #expect(error?.tensor == "a" || error?.tensor == "b")
    } else {
      #expect(error?.tensor == mistake.tensor)
    }
    #expect(error?.description.hasPrefix(path) == true)
  }

  @Test("text that is not JSON or not UTF-8 is malformed")
  func notJSON() throws {
    let folder = try TemporaryFolder()
    let texts: [[UInt8]] =
      [
        "{\"a\" 1}", "{\"a\":tru}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":-}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\u{1}\"}", "{\"a\":[1,]}", "{a:1}",
        "{\"a\":1,}", "{\"a", "{\"a\":\"\\",
      ].map { Array($0.utf8) } + [[0x7B, 0x22, 0xC3, 0x28, 0x22, 0x3A, 0x31, 0x7D]]
    for text in texts {
      let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
      let path = try folder.write(length + text, to: "x.safetensors")
      let error = checkpointError { _ = try SafetensorsFile(path: path) }
      #expect(error?.kind == .malformedHeader, "\(String(decoding: text, as: UTF8.self))")
    }
  }

  @Test("a header length that the file cannot have is refused")
  func headerLength() throws {
    let folder = try TemporaryFolder()
    func kind(_ bytes: [UInt8]) throws -> CheckpointError.Kind? {
      let path = try folder.write(bytes, to: "x.safetensors")
      return checkpointError { _ = try SafetensorsFile(path: path) }?.kind
    }
    #expect(try kind([]) == .tooShort)
    #expect(try kind([2, 0, 0, 0, 0, 0, 0]) == .tooShort)
    #expect(try kind([1, 0, 0, 0, 0, 0, 0, 0]) == .headerBeyondFile)
    #expect(try kind([3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]) == .headerBeyondFile)
    #expect(try kind([1, 0xE1, 0xF5, 5, 0, 0, 0, 0]) == .headerTooLarge)  // 100,000,001
    #expect(try kind([0, 0xE1, 0xF5, 5, 0, 0, 0, 0]) == .headerBeyondFile)  // 100,000,000
    #expect(try kind([UInt8](repeating: 0xFF, count: 8)) == .headerTooLarge)
    #expect(try kind([2, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D]) == nil)
  }

  @Test("a path that is missing, a folder or a device is refused")
  func notAFile() throws {
    let folder = try TemporaryFolder()
    let missing = folder.file("missing")
    #expect(checkpointError { _ = try SafetensorsFile(path: missing) }?.kind == .cannotOpen)
    #expect(checkpointError { _ = try SafetensorsFile(path: folder.path) }?.kind == .notAFile)
    #expect(checkpointError { _ = try SafetensorsFile(path: "/dev/zero") }?.kind == .notAFile)
    let fifo = folder.file("fifo")
    try #require(mkfifo(fifo, 0o600) == 0)
    #expect(checkpointError { _ = try SafetensorsFile(path: fifo) }?.kind == .notAFile)
  }

  @Test("metadata, padding, scalars, empty tensors and unaligned data are read")
  func unusualButValid() throws {
    let folder = try TemporaryFolder()
    let header =
      "{\"__metadata__\":{\"format\":\"pt\"},\(Self.entry("e", "F32", "[0,5]", "[0,0]")),"
      + "\(Self.entry("s", "F32", "[]", "[0,4]")),\(Self.entry("\\u00e9\\ud83d\\ude00", "I64", "[1]", "[4,12]"))}   "
    let scalar = withUnsafeBytes(of: Float(-1.5)) { Array($0) }
    for spaces in 0..<4 {
      let text = header + String(repeating: " ", count: spaces)
      let path = try folder.write(
        safetensorsBytes(text, data: scalar + [UInt8](repeating: 7, count: 8)), to: "m")
      let file = try SafetensorsFile(path: path)
      #expect(file.tensors.map(\.name) == ["e", "s", "é😀"])
      #expect(file.metadata == ["format": "pt"])
      #expect(try file.floats("e") == [])
      #expect(try file.floats("s") == [-1.5])
      #expect(file.tensor(named: "s")?.shape == [])
      #expect(file.tensor(named: "é😀")?.elementType == .int64)
      let error = checkpointError { _ = try file.floats("é😀") }
      #expect(error?.kind == .notFloat)
      #expect(error?.tensor == "é😀")
      #expect(error?.message.contains("I64") == true)
      #expect(checkpointError { _ = try file.floats("x") }?.kind == .missingTensor)
    }
  }

  @Test("a file that was cut short after opening is an error of the next read")
  func cutShort() throws {
    let folder = try TemporaryFolder()
    var writer = SafetensorsWriter()
    writer.add("a", shape: [4096], values: [Float](repeating: 1, count: 4096))
    let path = folder.file("model.safetensors")
    try writer.write(to: path)
    let file = try SafetensorsFile(path: path)
    #expect(try file.floats("a").allSatisfy { $0 == 1 })
    try #require(truncate(path, off_t(file.byteCount - 8192)) == 0)
    let error = checkpointError { _ = try file.floats("a") }
    #expect(error?.kind == .fileChanged)
    #expect(error?.tensor == "a")
    #expect(error?.file == path)
  }

  @Test("what the writer writes is read back bit by bit")
  func writerRoundTrip() throws {
    let folder = try TemporaryFolder()
    var writer = SafetensorsWriter()
    writer.metadata = ["format": "pt", "quote\"\\\n": "é"]
    let values: [Float] = [0, -0, 1, .infinity, -.infinity, .leastNonzeroMagnitude, .pi, .ulpOfOne]
    writer.add("m\"\\\t", shape: [2, 4], values: values)
    writer.add("empty", shape: [3, 0], values: [])
    writer.add("half", shape: [4], bfloat16: [0x3F80, 0x4000, 0xC040, 0])
    writer.add("scalar", shape: [], values: [42])
    let path = folder.file("w.safetensors")
    try writer.write(to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file.metadata == writer.metadata)
    #expect(try file.floats("m\"\\\t").map(\.bitPattern) == values.map(\.bitPattern))
    #expect(file.tensor(named: "empty")?.shape == [3, 0])
    #expect(try file.floats("scalar") == [42])
    #expect(
      try file.floats("half") == [1, 2, -3, 0] && file.tensor(named: "half")?.byteRange.count == 8)
    #expect(file.byteCount == writer.serialized().count)
    #expect(file.tensors.allSatisfy { $0.byteRange.lowerBound % 8 == 0 })
    #expect(
      checkpointError { try writer.write(to: "\(folder.path)/no/where") }?.kind == .cannotWrite)
  }
}
