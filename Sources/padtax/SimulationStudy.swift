import Hardware
import Models
import Records
import Simulation
import Studies

/// The cells of a job that is simulated: layouts × hardware × variations.
struct SimulationStudy {
  /// The job, in its first variation.
  let job: JobSpecification
  private(set) var cells: [(cell: Cell, resolved: ResolvedJob, hardware: String)] = []

  /// Reads and checks the job.
  init(job path: String, settings: [String]) throws {
    let axes = try JobFile.axes(path: path, settings: settings)
    var first: JobSpecification?
    for variation in 0..<axes.count {
      let index = axes.isEmpty ? nil : variation
      let job = try JobFile.read(path: path, settings: settings, variation: index)
      guard let choice = job.simulation else {
        throw RecordError(
          "\(path): hardware: is missing; name one or several of "
            + HardwareCatalogue.names.joined(separator: " ") + ", or a YAML file")
      }
      let resolved = try ResolvedJob(job, file: path, settings: settings, variation: index)
      for hardware in choice.hardware {
        // A wrong name ends the run; what does not fit only its cell.
        do { _ = try HardwareCatalogue.accelerator(hardware) } catch {
          throw RecordError("\(path): hardware: \(error)")
        }
        var own = job
        own.simulation?.hardware = [hardware]
        let one = try ResolvedJob(own, file: path, settings: settings, variation: index)
        let text = [axes.text(variation), choice.hardware.count > 1 ? "hardware=\(hardware)" : ""]
          .filter { !$0.isEmpty }.joined(separator: ", ")
        for layout in resolved.job.layouts {
          cells.append((try Cell(layout: layout, of: one, variation: text), one, hardware))
        }
      }
      first = first ?? job
    }
    guard let first else { preconditionFailure("a job has at least one variation") }
    job = first
  }

  /// Writes what must be there before the first cell.
  func prepare(_ directory: RunDirectory, start: UTCTime) throws -> RunRecord {
    try AtomicFile.createFolder(directory.cellsFolder)
    try AtomicFile.write(job.rebased(to: directory.path).yaml, to: directory.job)
    for (cell, _, _) in cells {
      let folder = directory.cell(cell.id)
      try AtomicFile.createFolder(folder.path)
      try AtomicFile.write(cell.job.rebased(to: folder.path).yaml, to: folder.job)
    }
    var record = RunRecord(
      identifier: directory.identifier, job: job.name, arguments: CommandLine.arguments,
      padtaxVersion: padtaxVersion, host: cells.map(\.hardware).unique.joined(separator: ", "),
      seed: job.seed, clock: "modelled", network: job.simulation?.network,
      startUTC: start.iso8601, endUTC: nil, cells: cells.map(\.cell.id))
    record.variations = Dictionary(
      cells.map { ($0.cell.id, $0.cell.variation) }.filter { $0.1 != "" }
    ) { first, _ in first }
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
    return record
  }

  /// A part of a cell; what is priced at a time.
  private struct Unit: Sendable {
    let cell: Int
    let part: Int
  }

  /// The work of a cell: batches, or requests over time.
  private static func work(
    _ entry: (cell: Cell, resolved: ResolvedJob, hardware: String)
  ) throws(SimulationError) -> any SimulatedWork {
    let deployment = try Deployment(
      entry.resolved, layout: entry.cell.layout, hardware: entry.hardware)
    guard let serving = entry.resolved.job.serving else {
      return try SimulatedCell(
        name: entry.cell.id, resolved: entry.resolved, deployment: deployment)
    }
    return try SimulatedServing(
      name: entry.cell.id, resolved: entry.resolved, serving: serving, deployment: deployment)
  }

  /// Prices all cells and writes their records. A cell that cannot be is marked with its reason and
  /// does not stop the others.
  func execute(
    in directory: RunDirectory, start: UTCTime, threads: Int, progress: (Int, Int) -> Void
  ) throws -> ExitCode {
    let made = cells.map { entry in
      Result { () throws(SimulationError) in try Self.work(entry) }
    }
    let units = made.enumerated().flatMap { index, cell in
      (try? cell.get()).map { cell in
        (0..<cell.unitCount).map { Unit(cell: index, part: $0) }
      } ?? []
    }
    let outputs = WorkerPool.map(units, threads: threads) {
      progress($0, units.count)
    } _: { unit in
      Result { () throws(SimulationError) in try made[unit.cell].get().run(unit: unit.part) }
    }
    var codes: [ExitCode] = []
    for (index, entry) in cells.enumerated() {
      let folder = directory.cell(entry.cell.id)
      do throws(SimulationError) {
        let cell = try made[index].get()
        var own: [SimulatedRecords] = []
        for (unit, output) in zip(units, outputs) where unit.cell == index {
          own.append(try output.get())
        }
        do {
          try cell.write(
            own, to: folder, arguments: CommandLine.arguments, version: padtaxVersion,
            start: start.iso8601)
        } catch { throw SimulationError(.data, "\(error)") }
        codes.append(.fine)
      } catch {
        guard error.kind != .data else { throw error }
        try folder.enter(.error, text: "\(error)\n")
        let variation = entry.cell.variation.isEmpty ? "" : " (\(entry.cell.variation))"
        Terminal.error("padtax: \(entry.cell.id)\(variation): \(error)")
        codes.append(.badInput)
      }
    }
    // A grid has cells that do not fit; without one that does there is no answer.
    return codes.contains(.fine) ? .fine : .badInput
  }
}

extension Array where Element: Hashable {
  /// Each element once, in order.
  var unique: [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}
