import FoundationEssentials
import Glibc

/// The device code, compiled for one architecture. Images are kept on disk, by a hash of all that
/// they depend on, and take the compiler's second only once per card and version.
final class KernelLibrary {
  private static let includes = ["prelude.cuh", "attention.cu"]
  private static let units = ["rows.cu", "random.cu", "attention.cu", "flash.cu"]

  private let context: GPUContext
  private let modules: [UnsafeMutableRawPointer]
  private var functions: [String: UnsafeMutableRawPointer] = [:]
  /// In words, for provenance.
  let origin: String

  init(_ context: GPUContext) throws(GPUError) {
    self.context = context
    let architecture = context.device.architecture
    let version = try GPUContext.compilerVersion()
    var modules: [UnsafeMutableRawPointer] = []
    for unit in Self.units {
      let image = try Self.image(unit, architecture: architecture, version: version)
      do { modules.append(try context.load(image)) } catch {
        throw .unavailable(
          "\(GPUContext.error); the image of \(unit) was made by NVRTC \(version), the driver "
            + "knows CUDA \(context.device.cudaVersion)")
      }
    }
    self.modules = modules
    origin = "NVRTC \(version), \(architecture)"
  }

  /// A kernel by name.
  func function(_ name: String, sharedBytes: Int = 0) -> UnsafeMutableRawPointer {
    if let found = functions[name] { return found }
    for module in modules {
      if let found = try? context.find(name, in: module, sharedBytes: sharedBytes) {
        functions[name] = found
        return found
      }
    }
    context.stop("kernel \(name): \(GPUContext.error)")
  }

  static func source(_ name: String) -> String {
    let bytes: [UInt8] =
      switch name {
      case "prelude.cuh": PackageResources.prelude_cuh
      case "rows.cu": PackageResources.rows_cu
      case "random.cu": PackageResources.random_cu
      case "attention.cu": PackageResources.attention_cu
      case "flash.cu": PackageResources.flash_cu
      default: []
      }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A unit's image from the cache, or compiled and put there.
  static func image(
    _ unit: String, architecture: String, version: String
  ) throws(GPUError) -> [UInt8] {
    let options = ["--gpu-architecture=\(architecture)", "--std=c++17"]
    let includes = Self.includes.map { (name: $0, text: source($0)) }
    let text = source(unit)
    let key = hash([version] + options + includes.map(\.text) + [text])
    let folder = cacheFolder()
    let path = folder.map { "\($0)/\(unit).\(architecture).\(key).cubin" }
    if let path, let data = FileManager.default.contents(atPath: path), !data.isEmpty {
      return Array(data)
    }
    let image = try GPUContext.compile(text, name: unit, includes: includes, options: options)
    if let path, let folder { keep(image, at: path, in: folder) }
    return image
  }

  /// PADTAX_KERNEL_CACHE, or the user's cache folder; nil where there is neither.
  static func cacheFolder() -> String? {
    let variables = ProcessInfo.processInfo.environment
    if let own = variables["PADTAX_KERNEL_CACHE"] { return own.isEmpty ? nil : own }
    if let cache = variables["XDG_CACHE_HOME"], !cache.isEmpty { return cache + "/padtax" }
    return variables["HOME"].flatMap { $0.isEmpty ? nil : $0 + "/.cache/padtax" }
  }

  /// Written beside and renamed, so that no rank reads half a file. A cache that cannot be written
  /// is no error.
  private static func keep(_ image: [UInt8], at path: String, in folder: String) {
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    let own = "\(path).\(getpid())"
    guard FileManager.default.createFile(atPath: own, contents: Data(image)) else { return }
    if rename(own, path) != 0 { unlink(own) }
  }

  /// FNV-1a, 64 bits, of all texts with what separates them.
  private static func hash(_ texts: [String]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for text in texts {
      for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      hash = (hash ^ 0xff) &* 0x100_0000_01b3
    }
    return String(hash, radix: 16)
  }
}
