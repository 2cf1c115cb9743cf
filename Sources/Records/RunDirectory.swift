import FoundationEssentials
import Glibc

/// Paths of a run directory. `docs/RESULTS-FORMAT.md` describes the files.
public struct RunDirectory: Sendable, Hashable {
  public let path: String

  public init(path: String) { self.path = path }

  public var job: String { path + "/job.yaml" }
  public var run: String { path + "/run.json" }
  public var records: String { path + "/records.jsonl" }
  public var summaryCSV: String { path + "/summary.csv" }
  public var summaryJSON: String { path + "/summary.json" }
  public var reportHTML: String { path + "/report.html" }
  public var cellsFolder: String { path + "/cells" }
  public func cell(_ name: String) -> CellDirectory {
    CellDirectory(path: cellsFolder + "/" + name, name: name)
  }

  /// Names of the cells that exist, sorted.
  public func cells() -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: cellsFolder)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted()
  }
}

/// Paths of one cell: one launch of ranks under one layout.
public struct CellDirectory: Sendable, Hashable {
  /// State that a marker file shows.
  public enum Marker: String, Sendable, CaseIterable {
    case ready, done, error
  }

  public let path: String
  public let name: String

  public init(path: String, name: String) {
    self.path = path
    self.name = name
  }

  /// The job of this cell alone: one layout, one variation.
  public var job: String { path + "/job.yaml" }
  /// Held by whoever runs the cell.
  public var lock: String { path + "/lock" }
  public var provenance: String { path + "/provenance.json" }
  public var batches: String { path + "/batches.jsonl" }
  public var verification: String { path + "/verification.jsonl" }
  public var trafficCheck: String { path + "/traffic-check.jsonl" }
  /// Of a serving job: what runs came to, their requests and their iterations.
  public var serving: String { path + "/serving.jsonl" }
  public var requests: String { path + "/requests.jsonl" }
  public var iterations: String { path + "/iterations.jsonl" }
  public var stages: String { path + "/stages.json" }
  public var ranksFolder: String { path + "/ranks" }
  /// Records of the ranks of one node, counted from 0 in the order of their first ranks.
  public func node(_ node: Int) -> String { "\(ranksFolder)/node-\(Self.digits(node)).jsonl" }
  /// Made by the rank that finds that the ranks stand still; every rank leaves its place in it.
  public var stalls: String { path + "/stalls" }
  public func stall(_ rank: Int) -> String { "\(stalls)/rank-\(Self.digits(rank)).txt" }

  private static func digits(_ number: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }
  public func marker(_ marker: Marker) -> String { path + "/" + marker.rawValue }

  /// The last state that was reached, nil when the cell has not begun.
  public func state() -> Marker? {
    [.done, .error, .ready].first { FileManager.default.fileExists(atPath: marker($0)) }
  }

  /// What a marker says; empty when it is not there.
  public func text(of marker: Marker) -> String {
    FileManager.default.contents(atPath: self.marker(marker))
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  /// Enters a state: writes its marker with `text` and removes the others.
  public func enter(_ state: Marker, text: String = "") throws(RecordError) {
    try AtomicFile.write(text, to: marker(state))
    for other in Marker.allCases where other != state { unlink(marker(other)) }
  }
}

/// Files that are either the old or the new content, never a part of it.
public enum AtomicFile {
  /// Writes to a temporary name beside `path`, syncs it and renames it.
  public static func write(_ bytes: [UInt8], to path: String) throws(RecordError) {
    try write(to: path) { append throws(RecordError) in try append(bytes) }
  }

  /// The same for a file that is made piece by piece.
  /// - Parameter body: hands the pieces to its argument, in order. When it throws, `path` stays as it
  ///   was.
  public static func write(
    to path: String,
    _ body: (_ append: ([UInt8]) throws(RecordError) -> Void) throws(RecordError) -> Void
  ) throws(RecordError) {
    let temporary = "\(path).tmp-\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure("create", temporary) }
    do throws(RecordError) {
      try body { bytes throws(RecordError) in
        var written = 0
        while written < bytes.count {
          let count = bytes.withUnsafeBytes {
            Glibc.write(descriptor, $0.baseAddress! + written, bytes.count - written)
          }
          if count < 0 && errno == EINTR { continue }
          guard count > 0 else { throw failure("write", temporary) }
          written += count
        }
      }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    guard fsync(descriptor) == 0, close(descriptor) == 0, rename(temporary, path) == 0 else {
      let error = failure("finish", path)
      unlink(temporary)
      throw error
    }
  }

  public static func write(_ text: String, to path: String) throws(RecordError) {
    try write(Array(text.utf8), to: path)
  }

  /// Creates a folder and its parents.
  public static func createFolder(_ path: String) throws(RecordError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw RecordError("cannot create folder \(path): \(String(cString: strerror(errno)))")
    }
  }

  static func failure(_ verb: String, _ path: String) -> RecordError {
    RecordError("cannot \(verb) \(path): \(String(cString: strerror(errno)))")
  }
}
