import FoundationEssentials
import Glibc
import TestSupport

/// A folder in which the stand-in library goes by the names of CUDA's, for PADTAX_CUDA_PATH.
final class StandIn: Sendable {
  private let folder: TemporaryDirectory

  static let all = ["libcuda.so.1", "libnvrtc.so.13", "libcublasLt.so.13"]

  /// - Parameters:
  ///   - names: under which the stand-in is found.
  ///   - strangers: names under which a library without CUDA's functions is found.
  init(_ names: [String] = all, strangers: [String] = []) throws {
    folder = try TemporaryDirectory()
    let standIn = try RankLauncher.executable("libcuda-stand-in.so")
    let stranger = strangers.isEmpty ? "" : try Self.mathLibrary()
    for (names, target) in [(names, standIn), (strangers, stranger)] {
      for name in names where symlink(target, folder.file(name)) != 0 {
        throw StandInError(description: "no link \(name) to \(target)")
      }
    }
  }

  var cache: String { folder.file("kernels") }

  func file(_ name: String) -> String { folder.file(name) }

  func write(_ text: String, to name: String) throws { try folder.write(text, to: name) }

  var environment: [String: String] {
    ["PADTAX_CUDA_PATH": folder.path, "PADTAX_KERNEL_CACHE": cache]
  }

  /// Runs a program of the build.
  func run(
    _ program: String, _ arguments: [String], _ more: [String: String] = [:]
  ) throws -> ProcessOutput {
    try runProcess(
      [try RankLauncher.executable(program)] + arguments,
      environment: environment.merging(more) { $1 }, timeLimit: 240)
  }

  /// The C library of mathematics that this process uses: a library, but no driver.
  private static func mathLibrary() throws -> String {
    // The file has no size, which readers of whole files go by.
    guard let maps = fopen("/proc/self/maps", "r") else {
      throw StandInError(description: "/proc/self/maps cannot be read")
    }
    defer { fclose(maps) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), maps) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      guard let start = text.firstIndex(of: "/") else { continue }
      let path = text[start...].split(whereSeparator: \.isNewline).first ?? ""
      if path.hasSuffix("/libm.so.6") { return String(path) }
    }
    throw StandInError(description: "this process has no libm.so.6")
  }

  /// Whether a machine has a driver of its own, which the loader's path would find.
  static let hasDriver: Bool = {
    guard let handle = dlopen("libcuda.so.1", RTLD_NOW) else { return false }
    dlclose(handle)
    return true
  }()
}

struct StandInError: Error, CustomStringConvertible {
  let description: String
}
