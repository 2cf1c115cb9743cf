import FoundationEssentials
import Records

/// Runs the cells of a plan one after another and keeps their markers.
public struct StudyRun {
  public let plan: RunPlan
  public let directory: RunDirectory
  /// Whether cells that failed before run again.
  let retriesErrors: Bool

  /// What became of one cell.
  public struct Outcome: Hashable, Sendable {
    public let cell: Cell
    public let code: ExitCode
    /// What the ranks said last, when they failed.
    public let text: String
    /// True when it ended before and was not run.
    public var wasDone = false
  }

  public init(plan: RunPlan, directory: RunDirectory, retriesErrors: Bool = false) {
    self.plan = plan
    self.directory = directory
    self.retriesErrors = retriesErrors
  }

  /// Writes the job, each cell's own and the run's record: what must be there before the first rank
  /// starts.
  /// - Parameter binary: digest of the rank program.
  public func prepare(
    arguments: [String], version: String, start: UTCTime, binary: String? = nil
  ) throws -> RunRecord {
    try AtomicFile.createFolder(directory.cellsFolder)
    let axes = plan.axes?.yaml { JobSpecification.rebase($0, directory.path) } ?? ""
    try AtomicFile.write(plan.job.rebased(to: directory.path).yaml + axes, to: directory.job)
    for cell in plan.cells { try write(job: cell) }
    var record = RunRecord(
      identifier: directory.identifier, job: plan.job.name, arguments: arguments,
      padtaxVersion: version, host: plan.host.name, seed: plan.job.seed, clock: plan.job.clock.name,
      network: plan.job.clock.virtualTime?.network,
      startUTC: start.iso8601, endUTC: nil, cells: plan.cells.map(\.id))
    record.variations = Dictionary(
      uniqueKeysWithValues: plan.cells.map { ($0.id, $0.variation) }.filter { $0.1 != "" })
    record.binary = binary
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
    return record
  }

  func write(job cell: Cell) throws {
    let folder = directory.cell(cell.id)
    try AtomicFile.createFolder(folder.path)
    try AtomicFile.write(cell.job.rebased(to: folder.path).yaml, to: folder.job)
  }

  /// Completes the run's record.
  public func finish(_ record: RunRecord, end: UTCTime) throws {
    var record = record
    record.endUTC = end.iso8601
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
  }

  /// Runs the cells that are not done, in order. A cell that fails does not stop the others; a
  /// signal does, and leaves its cell to be run again.
  public func execute(
    signals: SignalInbox?, display: inout ProgressDisplay, write: (ChildLine) -> Void,
    show: (String) -> Void
  ) throws -> [Outcome] {
    var outcomes: [Outcome] = []
    for (index, cell) in plan.cells.enumerated() {
      if let signals, signals.next() != nil || !signals.received.isEmpty { break }
      display.begin(cell: index)
      outcomes.append(
        try attempt(cell, signals: signals, display: &display, write: write, show: show))
    }
    return outcomes
  }

  /// How long a cell waits for ranks of a run that was killed to end.
  static let patience = 3.0

  private func attempt(
    _ cell: Cell, signals: SignalInbox?, display: inout ProgressDisplay,
    write: (ChildLine) -> Void, show: (String) -> Void
  ) throws -> Outcome {
    let folder = directory.cell(cell.id)
    guard let lock = try CellLock(folder, seconds: Self.patience) else {
      return Outcome(
        cell: cell, code: .failed,
        text: "another padtax or its ranks run this cell; wait for it or end it")
    }
    defer { withExtendedLifetime(lock) {} }
    switch standing(cell, warn: { write(.error("padtax: warning: \($0)")) }) {
    case .done: return Outcome(cell: cell, code: .fine, text: "", wasDone: true)
    case .failed(let text):
      return Outcome(
        cell: cell, code: .failed, text: "failed before (--retry-errors runs it again): \(text)",
        wasDone: true)
    case .open: break
    }
    try clear(folder)
    return try run(cell, signals: signals, display: &display, write: write, show: show)
  }

  private func run(
    _ cell: Cell, signals: SignalInbox?, display: inout ProgressDisplay,
    write: (ChildLine) -> Void, show: (String) -> Void
  ) throws -> Outcome {
    let folder = directory.cell(cell.id)
    let child = try ChildProcess(plan.launch(cell, in: directory).command)
    var lastErrors: [String] = []
    var deaths = RankDeaths()
    let status = child.wait(signals: signals) { line in
      switch line {
      case .output(let text):
        if let progress = Self.progress(text) {
          show(display.update(progress, now: MonotonicTime.now()))
          return
        }
      case .error(let text):
        deaths.read(text)
        if !text.allSatisfy(\.isWhitespace) { lastErrors.append(text) }
        if lastErrors.count > 20 { lastErrors.removeFirst() }
      }
      show(display.clear())
      write(line)
    }
    show(display.clear())
    let code = Self.code(of: status)
    guard code != .fine else {
      if folder.state() != .done { try folder.enter(.done) }
      return Outcome(cell: cell, code: code, text: "")
    }
    if let signal = signals?.received.first {
      // Not an error of the cell: it is run again when the study goes on.
      let text = "stopped by signal \(signal)"
      try folder.enter(.ready, text: text + "\n")
      return Outcome(cell: cell, code: .stopped, text: text)
    }
    if FileManager.default.fileExists(atPath: folder.stalls), folder.state() == .error {
      // The ranks' watchdog wrote the error, with every rank's place.
      return Outcome(cell: cell, code: code, text: folder.text(of: .error))
    }
    let head = [deaths.text, Self.text(status)].compactMap(\.self)
    let text = (head + lastErrors).joined(separator: "\n")
    if folder.state() != .error { try folder.enter(.error, text: text + "\n") }
    return Outcome(cell: cell, code: code, text: text)
  }

  /// The progress line in a line of output, nil when it is something else.
  public static func progress(_ text: String) -> ProgressLine? {
    guard text.hasPrefix(ProgressLine.prefix) else { return nil }
    return try? JSONText.decode(
      ProgressLine.self, from: text.dropFirst(ProgressLine.prefix.count), source: "progress")
  }

  /// What the end of the launcher means. Codes that are not padtax's own come from the launcher or
  /// from a killed rank.
  public static func code(of status: ChildStatus) -> ExitCode {
    switch status {
    case .exited(let code): ExitCode(rawValue: code) ?? .failed
    case .killed: .failed
    }
  }

  static func text(_ status: ChildStatus) -> String {
    switch status {
    case .exited(let code) where code > 128: "ranks ended with code \(code) (signal \(code - 128))"
    case .exited(let code): "ranks ended with code \(code)"
    case .killed(let signal): "the launcher was killed by signal \(signal)"
    }
  }
}
