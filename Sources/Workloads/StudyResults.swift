import JSONReading

/// The published padding study's measurements: files `config_{a,b,c}_results.json` of one folder.
public struct StudyResults: Sendable, Hashable {
  /// In the order of the files a, b, c and of their entries.
  public let results: [StudyResult]

  /// Reads the three files of a folder such as the study's `results_v2`; all must be there.
  public init(folder: String) throws(WorkloadError) {
    var results: [StudyResult] = []
    for configuration in StudyConfiguration.allCases {
      let path = "\(folder)/\(configuration.fileName)"
      let file = try StudyResults(contentsOf: path)
      if let other = file.results.first(where: { $0.configuration != configuration }) {
        throw WorkloadError(
          file: path,
          "has results of \(other.configuration.rawValue); its name promises "
            + configuration.rawValue)
      }
      results += file.results
    }
    self.results = results
  }

  /// Reads one file.
  public init(contentsOf path: String) throws(WorkloadError) {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    try self.init(json: bytes, path: path)
  }

  /// Reads one file's bytes; `path` is for messages, which name line and key.
  ///
  /// - Throws: also on a (configuration, cell, batch) that is there twice.
  public init(json: [UInt8], path: String) throws(WorkloadError) {
    let document = JSONDocument(bytes: json, path: path)
    do { results = try document.decode([StudyResult].self) } catch { throw WorkloadError(error) }
    guard !results.isEmpty else { throw WorkloadError(file: path, line: 1, "has no results") }
    var seen = Set<String>()
    for (index, result) in results.enumerated() {
      let name = "\(result.configuration.rawValue), \(result.cell), batch \(result.batchID)"
      guard seen.insert(name).inserted else {
        throw WorkloadError(
          document.problem(at: [.index(index), .key("batch_id")], "\(name) is there twice"))
      }
    }
  }

  /// The cells that have results, in order of padding and spread.
  public var cells: [StudyCellLabel] { Set(results.map(\.cell)).sorted() }

  /// The results of one cell under one configuration.
  public func results(
    of cell: StudyCellLabel, _ configuration: StudyConfiguration
  ) -> [StudyResult] {
    results.filter { $0.cell == cell && $0.configuration == configuration }
  }
}
