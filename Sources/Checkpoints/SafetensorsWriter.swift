/// Collects F32 and BF16 tensors and writes them as one safetensors file, for references and fixtures.
///
/// Holds everything in memory; the header is padded with spaces to a multiple of 8 bytes, so the data
/// is aligned. Assumes a little-endian machine, as all platforms of this package are.
public struct SafetensorsWriter {
  /// Written as the header's `__metadata__` when it is not empty.
  public var metadata: [String: String] = [:]
  private var header: [(name: String, text: String)] = []
  private var data: [UInt8] = []
  private var names: Set<String> = []

  public init() {}

  /// Adds one tensor; `values` are row-major and as many as the shape says, the name is new.
  public mutating func add(_ name: String, shape: [Int], values: [Float]) {
    add(name, type: "F32", shape: shape, values)
  }

  /// As above, of elements that are bfloat16.
  public mutating func add(_ name: String, shape: [Int], bfloat16 words: [UInt16]) {
    add(name, type: "BF16", shape: shape, words)
  }

  private mutating func add<Value: BitwiseCopyable>(
    _ name: String, type: String, shape: [Int], _ values: [Value]
  ) {
    precondition(
      shape.allSatisfy { $0 >= 0 } && shape.reduce(1, *) == values.count,
      "\(name) has \(values.count) values for shape \(shape)")
    precondition(
      name != "__metadata__" && names.insert(name).inserted, "the tensor name \(name) is taken")
    let begin = data.count
    values.withUnsafeBytes { data.append(contentsOf: $0) }
    let text =
      "{\"dtype\":\"\(type)\",\"shape\":[\(shape.map(String.init).joined(separator: ","))],"
      + "\"data_offsets\":[\(begin),\(data.count)]}"
    header.append((name, text))
  }

  /// The file's content.
  public func serialized() -> [UInt8] { headerBytes() + data }

  /// Writes to a temporary file beside `path`, syncs it and renames it.
  public func write(to path: String) throws(CheckpointError) {
    try MappedFile.write([headerBytes(), data], to: path)
  }

  private func headerBytes() -> [UInt8] {
    var members = header.map { "\(Self.quoted($0.name)):\($0.text)" }
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }
        .map { "\(Self.quoted($0.key)):\(Self.quoted($0.value))" }
      members.insert("\"__metadata__\":{\(pairs.joined(separator: ","))}", at: 0)
    }
    var text = Array("{\(members.joined(separator: ","))}".utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    let length = UInt64(text.count).littleEndian
    return withUnsafeBytes(of: length) { Array($0) } + text
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
