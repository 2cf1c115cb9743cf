import FoundationEssentials
import Glibc

@testable import Checkpoints

/// A folder of its own that is removed with the object.
final class TemporaryFolder {
  let path: String

  init() throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("padtax-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes the bytes and returns the path.
  func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  /// Writes a safetensors file with the header text and `dataBytes` zero bytes.
  func safetensors(
    _ header: String, dataBytes: Int = 0, name: String = "model.safetensors"
  ) throws -> String {
    try write(safetensorsBytes(header, data: [UInt8](repeating: 0, count: dataBytes)), to: name)
  }
}

func safetensorsBytes(_ header: String, data: [UInt8]) -> [UInt8] {
  let text = Array(header.utf8)
  return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data
}

/// The error that `body` throws, or nil.
func checkpointError(_ body: () throws -> Void) -> CheckpointError? {
  do {
    try body()
    return nil
  } catch {
    return error as? CheckpointError
  }
}

/// The fixtures of this package.
let packageRoot = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// The folder of shared data, or nil: PADTAX_SHARED, else `../shared` beside the package.
let sharedFolder: String? = {
  let named = ProcessInfo.processInfo.environment["PADTAX_SHARED"]
  let folder = named ?? "\(packageRoot)/../shared"
  return FileManager.default.fileExists(atPath: "\(folder)/golden") ? folder : nil
}()

/// Paths of the decoder golden folders under `root`, sorted.
func goldenFolders(under root: String) -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
  return names.sorted().filter { !$0.hasPrefix("bert") }.map { "\(root)/\($0)" }
    .filter { GoldenExpectation.isPresent(in: $0) }
}

/// SplitMix64 (Steele, Lea, Flood 2014): equal numbers on every run.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension Checkpoint {
  /// Reads into a new array through one of the buffer functions.
  func array(
    _ count: Int,
    _ read: (UnsafeMutableBufferPointer<Float>) throws(CheckpointError) -> Void
  ) throws -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    try values.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in try read(buffer) }
    return values
  }
}
