import FoundationEssentials
import Glibc
import Records
import Units

extension StudyRun {
  /// What is done about a cell that has been begun before.
  enum Standing: Hashable {
    /// Not begun, stopped in the middle, or to be tried again.
    case open
    case done
    /// Failed before, and errors are not retried.
    case failed(String)
  }

  /// Where a cell stands by its marker; one that says `done` must have intact records.
  func standing(_ cell: Cell, warn: (String) -> Void) -> Standing {
    let folder = directory.cell(cell.id)
    switch folder.state() {
    case nil, .ready: return .open
    case .error:
      guard !retriesErrors else { return .open }
      return .failed(folder.text(of: .error))
    case .done:
      do {
        let records = try JSONLines.read(BatchRecord.self, path: folder.batches, warning: warn)
        if records.isEmpty { throw StudyError("\(folder.batches): has no records") }
        return .done
      } catch {
        warn("\(cell.id): is marked done, but \(error); it runs again")
        return .open
      }
    }
  }

  /// Removes what an earlier attempt at the cell left, so that no record is there twice.
  func clear(_ folder: CellDirectory) throws {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let kept = [folder.job, folder.lock]
    for name in names where !kept.contains("\(folder.path)/\(name)") {
      try FileManager.default.removeItem(atPath: "\(folder.path)/\(name)")
    }
  }

  /// The record of a run that goes on: its cells, and those that the plan adds.
  ///
  /// - Parameter binary: digest of the rank program that will run.
  /// - Throws: `StudyError` when the rank program is another one than before, unless `force`, which
  ///   the record then says.
  public func resume(
    _ record: RunRecord, binary: String?, force: Bool, time: UTCTime
  ) throws -> RunRecord {
    var record = record
    if let before = record.binary, let binary, before != binary {
      let done = record.cells.filter { directory.cell($0).state() == .done }
      guard force || done.isEmpty else {
        throw StudyError(
          "\(directory.path): \(done.count) cells were measured with another build of padtax-rank "
            + "(\(before), now \(binary)); start a new run, or mix them with --force, which the run "
            + "then says")
      }
      if !done.isEmpty {
        record.forced =
          (record.forced ?? []) + [

            "\(time.iso8601): padtax-rank changed from \(before) to \(binary) after "
              + "\(done.count) cells"
          ]
      }
    }
    record.binary = binary ?? record.binary
    record.endUTC = nil
    for cell in plan.cells where !record.cells.contains(cell.id) {
      try write(job: cell)
      record.cells.append(cell.id)
      if !cell.variation.isEmpty {
        record.variations = (record.variations ?? [:]).merging([cell.id: cell.variation]) { $1 }
      }
    }
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
    return record
  }

  /// Digest of a program's bytes; nil when it cannot be read.
  public static func digest(ofProgram path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    var digest = Digest()
    digest.add(data)
    return digest.text
  }
}
