import Records

/// What a run says, in rows of numbers: one per layout and policy. Everything that is printed or
/// stored as a table comes from here.
public struct Summary: Record, Hashable {
  public static let schemaName = "padtax/summary"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var run: String
  public var job: String
  public var question: String
  /// Where the times come from: `measured`, or several joined by `+`.
  public var origin: String
  public var clock: String
  /// One line about what the virtual clock pretended; nil under the wall clock.
  public var pretended: String?
  public var seed: UInt64
  public var model: ModelFacts?
  /// One line about the machine and the libraries, from the first cell that tells.
  public var machine: String
  public var rows: [SummaryRow]
  /// The rows again, for each pad ratio and spread that batches were made to have.
  public var grid: [GridRow] = []
  /// What serving runs came to, those that were verified; nil in a summary without any.
  public var serving: [ServingRecord]?
  /// What the cells of these vary of the job, by cell; nil where nothing is varied.
  public var servingVariations: [String: String]?
  /// Collectives against the network's table; nil where none has a time.
  public var bandwidth: [CollectiveBandwidth]?
  /// What a reader must know before believing a number.
  public var warnings: [String]
  /// Those of the warnings that stand at the top of a report: what is missing from the run or does
  /// not fit together.
  public var audit: [String] = []

  public init(
    run: String, job: String, question: String, origin: String, clock: String,
    pretended: String? = nil,
    seed: UInt64,
    model: ModelFacts?, machine: String, rows: [SummaryRow], warnings: [String]
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.run = run
    self.job = job
    self.question = question
    self.origin = origin
    self.clock = clock
    self.pretended = pretended
    self.seed = seed
    self.model = model
    self.machine = machine
    self.rows = rows
    self.warnings = warnings
  }

  public func row(_ layout: String, _ policy: String) -> SummaryRow? {
    rows.first { $0.layout == layout && $0.policy == policy }
  }
}

/// One layout and policy.
public struct SummaryRow: Codable, Sendable, Hashable {
  /// The run that the row comes from.
  public var run = ""
  /// What its cell varies of the job, in words; empty where nothing is varied.
  public var variation = ""
  public var cell: String
  public var layout: String
  /// Where its times come from; no row mixes origins.
  public var origin: Origin
  public var policy: String
  public var ranks: Int
  /// True when the answers were compared with the reference and agreed. Without that a row has no
  /// numbers.
  public var verified: Bool
  public var oversubscribed: Bool
  /// Executions that count: batches times repeats, warm-up excluded.
  public var executions: Int
  public var batches: Int
  /// Whether each batch's tokens are those of the other policies; nil when there is nothing to
  /// compare.
  public var answersEqual: Bool?
  /// Why numbers are missing, empty when none is.
  public var note: String
  public var metrics: [String: Double]
  /// What padding cost per batch, by cause.
  public var padding: [String: PaddingShare] = [:]
  /// Bytes and communication time by operation, per execution of a batch over all ranks.
  public var communication: [OperationShare]?
  /// Whether every operation of every rank was the one that the model of the traffic has, in all
  /// executions; nil when it was not compared.
  public var trafficEqual: Bool?
  /// Batch TTFT as a line over the difference of the longest and shortest prompt; nil for fewer
  /// than three different differences.
  public var fit: SpreadFit?

  public init(
    cell: String, layout: String, origin: Origin = .measured, policy: String, ranks: Int
  ) {
    self.cell = cell
    self.layout = layout
    self.origin = origin
    self.policy = policy
    self.ranks = ranks
    verified = false
    oversubscribed = false
    executions = 0
    batches = 0
    answersEqual = nil
    note = ""
    metrics = [:]
  }

  /// A number of the row, nil when there is none.
  public subscript(metric: SummaryMetric) -> Double? {
    get { metrics[metric.rawValue] }
    set { metrics[metric.rawValue] = newValue }
  }

  /// Whether its times mean little, since ranks had to share cores. Virtual times stand.
  public var isDistrusted: Bool { oversubscribed && origin == .measured }

  mutating func add(note text: String) { note += (note.isEmpty ? "" : "; ") + text }

  enum CodingKeys: String, CodingKey {
    case run, variation, origin, cell, layout, policy, ranks, verified, oversubscribed, executions,
      batches
    case answersEqual = "answers_equal"
    case note, metrics, padding, communication
    case trafficEqual = "traffic_equal"
    case fit
  }
}

/// What names a row among those of one or several runs.
struct RowKey: Hashable {
  let run: String
  let variation: String
  let origin: String
  let layout: String
  let policy: String

  /// - Parameter layout: in the place of the row's own.
  init(_ row: SummaryRow, layout: String? = nil) {
    run = row.run
    variation = row.variation
    origin = row.origin.rawValue
    self.layout = layout ?? row.layout
    policy = row.policy
  }
}

extension Summary {
  /// The rows of several runs as one summary, as far as they have something in common.
  /// - Parameter runs: what the run directories hold, to tell whether they fit together.
  public init(joining parts: [Summary], runs: [RunContents] = []) {
    func common(_ value: (Summary) -> String) -> String {
      parts.map(value).unique.joined(separator: " + ")
    }
    self.init(
      run: parts.map(\.run).joined(separator: ", "), job: common(\.job),
      question: common(\.question), origin: common(\.origin), clock: common(\.clock),
      seed: parts.first?.seed ?? 1,
      model: Set(parts.map(\.model)).count == 1 ? parts.first?.model : nil,
      machine: common(\.machine), rows: parts.flatMap(\.rows),
      warnings: parts.flatMap { part in part.warnings.map { "\(part.run): \($0)" } })
    grid = parts.flatMap(\.grid)
    let served = parts.flatMap { $0.serving ?? [] }
    serving = served.isEmpty ? nil : served
    let busy = parts.flatMap { $0.bandwidth ?? [] }
    bandwidth = busy.isEmpty ? nil : busy
    let varied = parts.compactMap(\.servingVariations)
    servingVariations =
      varied.isEmpty ? nil : varied.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    audit =
      RunAudit.builds(runs, places: \.run.identifier)
      + parts.flatMap { part in part.audit.map { "\(part.run): \($0)" } }
    warnings = (audit + warnings).unique
  }

  /// The warnings that do not stand at the top.
  var otherWarnings: [String] {
    let first = Set(audit)
    return warnings.filter { !first.contains($0) }
  }
}
