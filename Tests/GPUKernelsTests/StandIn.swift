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
    for (names, target) in [(names, standIn), (strangers, try Self.mathLibrary())] {
      for name in names where symlink(target, folder.file(name)) != 0 {
        throw StandInError(description: "no link \(name) to \(target)")
      }
    }
  }

  var cache: String { folder.file("kernels") }

  func file(_ name: String) -> String { folder.file(name) }

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
    var info = Dl_info()
    guard let cosine = dlsym(nil, "cos"), dladdr(cosine, &info) != 0, let path = info.dli_fname
    else { throw StandInError(description: "this process has no cos") }
    return String(cString: path)
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
