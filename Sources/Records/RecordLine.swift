import Units

/// One record as a line of text that shows when it was damaged: the JSON object's last key is the
/// CRC-32 of the object without it.
///
/// `{"batch":0,…,"crc":"1a2b3c4d"}`: the checksum covers the text `{"batch":0,…}`.
enum RecordLine {
  private static let head = ",\"crc\":\""
  private static let tail = "\"}"
  /// Bytes that sealing adds before the closing brace.
  private static let length = head.utf8.count + 8 + tail.utf8.count

  /// The object's text with its checksum; `object` ends in `}`.
  static func sealed(_ object: String) -> String {
    object.dropLast() + head + checksum(object.utf8).hexadecimal + tail
  }

  /// False when the line carries a checksum that does not fit; true without one, as in files that
  /// people wrote.
  static func isIntact(_ line: Substring) -> Bool {
    let bytes = line.utf8
    guard bytes.count > length, line.hasSuffix(tail) else { return true }
    let seal = bytes.suffix(length)
    guard seal.starts(with: head.utf8) else { return true }
    let given = seal.dropFirst(head.utf8.count).prefix(8)
    var crc = update(0xffff_ffff, bytes.dropLast(length))
    crc = update(crc, CollectionOfOne(UInt8(ascii: "}")))
    return given.elementsEqual((~crc).hexadecimal.utf8)
  }

  /// CRC-32 as in zlib and Ethernet (polynomial 0x04C11DB7, reflected).
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 { ~update(0xffff_ffff, bytes) }

  private static func update(_ crc: UInt32, _ bytes: some Sequence<UInt8>) -> UInt32 {
    var crc = crc
    for byte in bytes { crc = table[Int((crc ^ UInt32(byte)) & 0xff)] ^ crc >> 8 }
    return crc
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { crc, _ in crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xedb8_8320) }
  }
}
