import FoundationEssentials
import Glibc
import Records
import Studies

/// A folder with fake programs, gone when its owner is.
final class TestFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/padtax-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ text: String, _ name: String) throws -> String {
    try AtomicFile.createFolder(RelativePath.folder(of: path + "/" + name))
    try AtomicFile.write(text, to: path + "/" + name)
    return path + "/" + name
  }

  @discardableResult
  func program(_ name: String, _ body: String) throws -> String {
    let file = try write("#!/bin/sh\n" + body + "\n", name)
    chmod(file, 0o755)
    return file
  }

  func text(_ name: String) -> String {
    FileManager.default.contents(atPath: path + "/" + name)
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

  /// A file of the cell of a layout in the run directory `out`, which has one cell per layout.
  func cell(_ layout: String, _ file: String, in run: String = "out") -> String {
    let name = names(run + "/cells").first { $0.hasPrefix(layout + "-") }
    return "\(run)/cells/\(name ?? layout)/\(file)"
  }

  /// Names in a folder, sorted.
  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }
}
