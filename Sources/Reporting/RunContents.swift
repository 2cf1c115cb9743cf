import FoundationEssentials
import Records

/// Everything that a run directory holds, as far as it came.
public struct RunContents: Sendable {
  public var identifier: String
  public var run: RunRecord?
  /// The job as it ran, nil when its file is missing or cannot be read.
  public var job: JobSpecification?
  public var cells: [CellContents]
  /// True when all that is left of the run is its `records.jsonl`.
  public internal(set) var isGathered = false
  /// The network that cells under the wall clock lie on, where somebody says so: a name or a file.
  public var network: String?
  /// Sentences about what is missing or torn.
  public var warnings: [String]

  public init(
    identifier: String, run: RunRecord?, job: JobSpecification?, cells: [CellContents],
    warnings: [String] = []
  ) {
    self.identifier = identifier
    self.run = run
    self.job = job
    self.cells = cells
    self.warnings = warnings
  }

  /// Reads a run directory. What a killed run left behind is read as far as it goes.
  /// - Throws: `RecordError` when the folder is not a run's, or a whole line cannot be read.
  public init(_ directory: RunDirectory) throws {
    guard FileManager.default.fileExists(atPath: directory.path) else {
      throw RecordError("\(directory.path): no such run directory")
    }
    var warnings: [String] = []
    run = try Self.object(RunRecord.self, directory.run)
    job = nil
    if FileManager.default.fileExists(atPath: directory.job) {
      do { job = try JobFile.read(path: directory.job) } catch { warnings.append("\(error)") }
    }
    let present = directory.cells()
    if present.isEmpty, FileManager.default.fileExists(atPath: directory.records) {
      cells = try CellContents.gathered(in: directory.records) { warnings.append($0) }
      isGathered = true
      identifier = run?.identifier ?? Self.lastName(directory)
      self.warnings = warnings
      return
    }
    guard run != nil || !present.isEmpty else {
      throw RecordError(
        "\(directory.path): is not a run directory: it has neither run.json nor cells/ nor "
          + "records.jsonl")
    }
    let expected = run?.cells ?? []
    let names = expected + present.filter { !expected.contains($0) }
    cells = []
    for name in names {
      var cell = try CellContents(directory.cell(name)) { warnings.append($0) }
      cell.variation = run?.variations?[name] ?? ""
      cells.append(cell)
    }
    identifier = run?.identifier ?? Self.lastName(directory)
    self.warnings = warnings
  }

  private static func lastName(_ directory: RunDirectory) -> String {
    String(directory.path.split(separator: "/").last ?? "run")
  }

  /// The record of a run directory.
  /// - Throws: `RecordError` when the folder is not a run's.
  public static func record(of directory: RunDirectory) throws(RecordError) -> RunRecord {
    guard let record = try object(RunRecord.self, directory.run) else {
      throw RecordError("\(directory.path): is not a run directory: it has no run.json")
    }
    return record
  }

  static func object<Value: Decodable>(
    _ type: Value.Type, _ path: String
  ) throws(RecordError) -> Value? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    return try JSONText.decode(type, from: String(decoding: data, as: UTF8.self), source: path)
  }
}
