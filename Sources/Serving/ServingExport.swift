import Records

/// The files of serving runs that scripts made for other benchmarks read.
public enum ServingExport {
  public enum Format: String, CaseIterable, Sendable {
    /// What `vllm bench serve --save-result` saves.
    case vllm
    /// AIPerf's `profile_export_aiperf.json`.
    case aiperf
  }

  /// The files of one run, as paths below the folder of an export and their texts.
  /// - Parameters:
  ///   - requests: of the run's cell; those of other runs are left out.
  ///   - model: name of the model.
  ///   - start: of the cell, and its end, as ISO 8601 texts in UTC.
  public static func files(
    _ record: ServingRecord, requests: [RequestRecord], model: String, start: String, end: String,
    formats: Set<Format>
  ) throws(RecordError) -> [(path: String, text: String)] {
    let run = record.run
    let folder =
      "\(plain(run.cell))/\(plain("\(run.system)-\(run.load)-repeat\(run.repeatIndex)"))/"
    var files: [(path: String, text: String)] = []
    if formats.contains(.vllm) {
      let export = VLLMExport(record, requests: requests, model: model, date: compact(start))
      files.append((folder + export.fileName, try JSONText.pretty(export)))
    }
    if formats.contains(.aiperf) {
      let export = AIPerfExport(record, requests: requests, start: start, end: end)
      files.append((folder + AIPerfExport.fileName, try JSONText.pretty(export)))
    }
    return files
  }

  /// The name of a file or a folder, without what paths and shells read otherwise.
  static func plain(_ name: String) -> String {
    String(name.map { "/:,".contains($0) ? "_" : $0 })
  }

  /// `20260131-235959` of `2026-01-31T23:59:59Z`.
  static func compact(_ time: String) -> String {
    let digits = time.filter(\.isNumber)
    return "\(digits.prefix(8))-\(digits.dropFirst(8).prefix(6))"
  }
}
