import Units

/// One record as a line of text that shows when it was damaged: the JSON object's last key is the
/// CRC-32 of the object without it.
///
/// `{"batch":0,…,"crc":"1a2b3c4d"}`: the checksum covers the text `{"batch":0,…}`.
package enum RecordLine {
  private static let head = ",\"crc\":\""
  private static let tail = "\"}"
  /// Bytes that sealing adds before the closing brace.
  private static let length = head.utf8.count + 8 + tail.utf8.count

  /// The object's text with its checksum; `object` ends in `}`.
  package static func sealed(_ object: String) -> String {
    object.dropLast() + head + checksum(object.utf8).hexadecimal + tail
  }

  /// Whether a line's checksum fits, and where its object ends without it.
  enum Seal {
    /// No checksum, as in files that people wrote: nothing to hold the line against.
    case none
    case damaged
    /// The object is the first so many bytes and `}`.
    case intact(bytes: Int)
  }

  static func seal(of line: UnsafeRawBufferPointer) -> Seal {
    guard line.count > length else { return .none }
    let bytes = line.count - length
    let end = line.count - tail.utf8.count
    guard line[end...].elementsEqual(tail.utf8), line[bytes...].starts(with: head.utf8) else {
      return .none
    }
    var crc = update(0xffff_ffff, UnsafeRawBufferPointer(rebasing: line[..<bytes]))
    crc = update(crc, UInt8(ascii: "}"))
    return line[end - 8..<end].elementsEqual((~crc).hexadecimal.utf8)
      ? .intact(bytes: bytes) : .damaged
  }

  /// CRC-32 as in zlib and Ethernet (polynomial 0x04C11DB7, reflected).
  static func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
    let crc = bytes.withContiguousStorageIfAvailable {
      update(0xffff_ffff, UnsafeRawBufferPointer($0))
    }
    return ~(crc ?? bytes.reduce(0xffff_ffff) { update($0, $1) })
  }

  private static func update(_ crc: UInt32, _ byte: UInt8) -> UInt32 {
    tables[Int((crc ^ UInt32(byte)) & 0xff)] ^ crc >> 8
  }

  /// Eight bytes a turn (Kounavis and Berry, "A Systematic Approach to Building High Performance
  /// Software-Based CRC Generators", 2005).
  private static func update(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = crc
    let whole = bytes.count & ~7
    tables.withUnsafeBufferPointer { tables in
      for start in stride(from: 0, to: whole, by: 8) {
        let word =
          UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
          ^ UInt64(crc)
        crc =
          tables[1792 + Int(word & 0xff)] ^ tables[1536 + Int(word >> 8 & 0xff)]
          ^ tables[1280 + Int(word >> 16 & 0xff)] ^ tables[1024 + Int(word >> 24 & 0xff)]
        crc ^=
          tables[768 + Int(word >> 32 & 0xff)] ^ tables[512 + Int(word >> 40 & 0xff)]
          ^ tables[256 + Int(word >> 48 & 0xff)] ^ tables[Int(word >> 56)]
      }
      for byte in bytes[whole...] { crc = tables[Int((crc ^ UInt32(byte)) & 0xff)] ^ crc >> 8 }
    }
    return crc
  }

  /// Eight tables of 256 after each other: the k-th is of a byte with k zero bytes after it.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { index in
      (0..<8).reduce(UInt32(index)) { crc, _ in crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xedb8_8320) }
    }
    for index in 256..<2048 {
      let before = tables[index - 256]
      tables.append(tables[Int(before & 0xff)] ^ before >> 8)
    }
    return tables
  }()
}
