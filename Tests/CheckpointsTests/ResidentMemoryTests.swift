import FoundationEssentials
import Glibc
import Testing

@testable import Checkpoints

/// Reading a part of a large file must not make the rest resident.
///
/// Measured in a process of its own: other tests that run at the same time would be counted here.
@Suite struct ResidentMemoryTests {
  private static let megabyte = 1 << 20

  /// A field of /proc/self/status in bytes, such as RssFile.
  private func status(_ field: String) throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(field):") })
    let number = try #require(line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first)
    return try #require(Int(number)) * 1024
  }

  /// A sparse BF16 tensor [16384, 8192]: 256 MiB that take no room on the disk.
  private func sparse(_ folder: TemporaryFolder) throws -> Checkpoint {
    let bytes = 256 * Self.megabyte
    let header = "{\"w\":{\"dtype\":\"BF16\",\"shape\":[16384,8192],\"data_offsets\":[0,\(bytes)]}}"
    let path = try folder.safetensors(header)
    try #require(truncate(path, off_t(8 + header.utf8.count + bytes)) == 0)
    return try Checkpoint(directory: folder.path)
  }

  /// Growth of file-backed resident memory left behind, and of the peak beyond the destination.
  private func growth(
    destination: Int, _ body: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> (left: Int, peak: Int) {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: destination)
    defer { buffer.deallocate() }
    // Touched before the measurement, so that the destination is not counted.
    buffer.initialize(repeating: 1)
    let before = try status("RssFile")
    // Writing 5 resets the peak (proc(5)).
    try Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    let resident = try status("VmRSS")
    try body(buffer)
    let result = (try status("RssFile") - before, try status("VmHWM") - resident)
    #expect(buffer.allSatisfy { $0 == 0 })
    return result
  }

  @Test("rows and columns of a 256 MiB tensor leave nothing resident and need 24 MiB at most")
  func boundedResidence() async {
    await #expect(processExitsWith: .success) { try ResidentMemoryTests().measure() }
  }

  private func measure() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try sparse(folder)
    let shape = [16384, 8192]
    let rows = try growth(destination: 4096 * 8192) {
      try checkpoint.readRows("w", shape: shape, rows: 4096..<8192, into: $0)
    }
    let columns = try growth(destination: 16384 * 2048) {
      try checkpoint.readColumns("w", shape: shape, columns: 2048..<4096, into: $0)
    }
    let narrow = try growth(destination: 16384 * 64) {
      try checkpoint.readColumns("w", shape: shape, columns: 0..<64, into: $0)
    }
    for (name, growth) in [("rows", rows), ("columns", columns), ("narrow", narrow)] {
      #expect(growth.left < 4 * Self.megabyte, "\(name): \(growth)")
      #expect(growth.peak < 24 * Self.megabyte, "\(name): \(growth)")
    }
  }
}
