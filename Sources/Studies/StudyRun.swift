import Records

/// Runs the cells of a plan one after another and keeps their markers.
public struct StudyRun: Sendable {
  public let plan: RunPlan
  public let directory: RunDirectory

  /// What became of one cell.
  public struct Outcome: Hashable, Sendable {
    public let cell: Cell
    public let code: ExitCode
    /// What the ranks said last, when they failed.
    public let text: String
  }

  public init(plan: RunPlan, directory: RunDirectory) {
    self.plan = plan
    self.directory = directory
  }

  /// Writes the job and the run's record: what must be there before the first rank starts.
  public func prepare(arguments: [String], version: String, start: UTCTime) throws -> RunRecord {
    try AtomicFile.createFolder(directory.cellsFolder)
    try AtomicFile.write(plan.job.rebased(to: directory.path).yaml, to: directory.job)
    let record = RunRecord(
      identifier: directory.identifier, job: plan.job.name, arguments: arguments,
      padtaxVersion: version, host: plan.host.name, seed: plan.job.seed, clock: plan.job.clock.name,
      network: plan.job.clock.virtualTime?.network,
      startUTC: start.iso8601, endUTC: nil, cells: plan.cells.map(\.id))
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
    return record
  }

  /// Completes the run's record.
  public func finish(_ record: RunRecord, end: UTCTime) throws {
    var record = record
    record.endUTC = end.iso8601
    try AtomicFile.write(JSONText.pretty(record), to: directory.run)
  }

  /// Runs the cells in order. A cell that fails does not stop the others; a signal does.
  public func execute(
    signals: SignalInbox?, display: inout ProgressDisplay, write: (ChildLine) -> Void,
    show: (String) -> Void
  ) throws -> [Outcome] {
    var outcomes: [Outcome] = []
    for (index, cell) in plan.cells.enumerated() {
      if let signals, signals.next() != nil || !signals.received.isEmpty { break }
      display.begin(cell: index)
      outcomes.append(
        try run(cell, signals: signals, display: &display, write: write, show: show))
    }
    return outcomes
  }

  private func run(
    _ cell: Cell, signals: SignalInbox?, display: inout ProgressDisplay,
    write: (ChildLine) -> Void, show: (String) -> Void
  ) throws -> Outcome {
    let folder = directory.cell(cell.id)
    try AtomicFile.createFolder(folder.path)
    let child = try ChildProcess(plan.launch(cell, in: directory).command)
    var lastErrors: [String] = []
    let status = child.wait(signals: signals) { line in
      switch line {
      case .output(let text):
        if let progress = Self.progress(text) {
          show(display.update(progress, now: MonotonicTime.now()))
          return
        }
      case .error(let text):
        if !text.allSatisfy(\.isWhitespace) { lastErrors.append(text) }
        if lastErrors.count > 20 { lastErrors.removeFirst() }
      }
      show(display.clear())
      write(line)
    }
    show(display.clear())
    let stopped = signals?.received.first
    let code = stopped == nil ? Self.code(of: status) : .failed
    guard code != .fine else {
      if folder.state() != .done { try folder.enter(.done) }
      return Outcome(cell: cell, code: code, text: "")
    }
    let reason = stopped.map { "stopped by signal \($0)" } ?? Self.text(status)
    let text = ([reason] + lastErrors).joined(separator: "\n")
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
