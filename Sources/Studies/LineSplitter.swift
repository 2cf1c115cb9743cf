/// Cuts a stream of bytes into lines.
public struct LineSplitter: Sendable {
  private var pending: [UInt8] = []

  public init() {}

  /// Lines that the bytes complete, without their ends.
  public mutating func append(_ bytes: some Sequence<UInt8>) -> [String] {
    var lines: [String] = []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") {
        lines.append(take())
      } else {
        pending.append(byte)
      }
    }
    return lines
  }

  /// What came after the last line end, nil when nothing did.
  public mutating func finish() -> String? { pending.isEmpty ? nil : take() }

  private mutating func take() -> String {
    if pending.last == UInt8(ascii: "\r") { pending.removeLast() }
    defer { pending.removeAll(keepingCapacity: true) }
    return String(decoding: pending, as: UTF8.self)
  }
}
