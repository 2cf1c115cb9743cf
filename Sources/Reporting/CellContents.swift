import FoundationEssentials
import Records

/// What one launch of ranks wrote.
public struct CellContents: Sendable {
  public var name: String
  /// What the cell varies of the run's job, in words.
  public var variation = ""
  /// The cell's own job, nil where a rank was started by hand.
  public var job: JobSpecification?
  public var state: CellDirectory.Marker?
  /// What the error marker says.
  public var errorText: String
  public var provenance: Provenance?
  public var verifications: [VerificationRecord]
  public var batches: [BatchRecord]
  public var ranks: RankRecords
  public var trafficChecks: [TrafficCheckRecord]
  /// What serving runs came to, and their requests and iterations.
  public var serving: [ServingRecord] = []
  public var requests: [RequestRecord] = []
  public var iterations: [IterationRecord] = []
  /// Calls of one execution per policy, where the job was traced.
  public var operations: [OperationRecord] = []

  public init(
    name: String, state: CellDirectory.Marker?, errorText: String = "",
    provenance: Provenance? = nil, verifications: [VerificationRecord] = [],
    batches: [BatchRecord] = [], ranks: [RankRecord] = [],
    trafficChecks: [TrafficCheckRecord] = []
  ) {
    self.name = name
    self.state = state
    self.errorText = errorText
    self.provenance = provenance
    self.verifications = verifications
    self.batches = batches
    self.ranks = RankRecords(ranks)
    self.trafficChecks = trafficChecks
  }

  init(_ cell: CellDirectory, warn: (String) -> Void) throws {
    func lines<Value: Record>(_ type: Value.Type, _ path: String) throws -> [Value] {
      guard FileManager.default.fileExists(atPath: path) else { return [] }
      return try JSONLines.read(type, path: path, warning: warn)
    }
    name = cell.name
    job =
      FileManager.default.fileExists(atPath: cell.job)
      ? try? JobFile.read(path: cell.job) : nil
    state = cell.state()
    errorText =
      FileManager.default.contents(atPath: cell.marker(.error))
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
    provenance = try RunContents.object(Provenance.self, cell.provenance)
    verifications = try lines(VerificationRecord.self, cell.verification)
    batches = try lines(BatchRecord.self, cell.batches)
    trafficChecks = try lines(TrafficCheckRecord.self, cell.trafficCheck)
    serving = try lines(ServingRecord.self, cell.serving)
    requests = try lines(RequestRecord.self, cell.requests)
    iterations = try lines(IterationRecord.self, cell.iterations)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: cell.ranksFolder)) ?? []
    let files = names.sorted().filter { $0.hasSuffix(".jsonl") }.map {
      RankRecords.RankFile(path: cell.ranksFolder + "/" + $0)
    }
    let isTraced = job?.trace == true
    var totals = RankTotals()
    var operations: [OperationRecord] = []
    for file in files {
      try JSONLines.forEach(path: file.path, warning: warn) { line throws(RecordError) in
        if let record = try line.record(RankRecord.self) {
          totals.add(record)
        } else if isTraced, let record = try line.record(OperationRecord.self) {
          operations.append(record)
        }
      }
    }
    ranks = RankRecords(files: files, totals: totals)
    self.operations = operations
  }

  /// The cells of a `records.jsonl`, in the order of their first record: what is left of a run whose
  /// `cells/` were not kept, such as a reference study.
  static func gathered(
    in path: String, warn: (String) -> Void
  ) throws(RecordError) -> [CellContents] {
    struct Gathered {
      var cell: CellContents
      var totals = RankTotals()
      var part: FilePart?
    }
    var cells: [Gathered] = []
    var index: [String: Int] = [:]
    func place(_ name: String) -> Int {
      if let place = index[name] { return place }
      index[name] = cells.count
      cells.append(Gathered(cell: CellContents(name: name, state: .done)))
      return cells.count - 1
    }
    try JSONLines.forEach(path: path, warning: warn) { line throws(RecordError) in
      if let record = try line.record(RankRecord.self) {
        let place = place(record.cell)
        cells[place].totals.add(record)
        let start = cells[place].part ?? FilePart(bytes: line.bytes, firstLine: line.number)
        cells[place].part = FilePart(
          bytes: start.bytes.lowerBound..<line.bytes.upperBound, firstLine: start.firstLine)
        return
      }
      switch try line.schema() {
      case Provenance.schemaName:
        if let record = try line.record(Provenance.self) {
          cells[place(record.cell)].cell.provenance = record
        }
      case VerificationRecord.schemaName:
        if let record = try line.record(VerificationRecord.self) {
          cells[place(record.cell)].cell.verifications.append(record)
        }
      case BatchRecord.schemaName:
        if let record = try line.record(BatchRecord.self) {
          cells[place(record.cell)].cell.batches.append(record)
        }
      case TrafficCheckRecord.schemaName:
        if let record = try line.record(TrafficCheckRecord.self) {
          cells[place(record.cell)].cell.trafficChecks.append(record)
        }
      case ServingRecord.schemaName:
        if let record = try line.record(ServingRecord.self) {
          cells[place(record.run.cell)].cell.serving.append(record)
        }
      case RequestRecord.schemaName:
        if let record = try line.record(RequestRecord.self) {
          cells[place(record.run.cell)].cell.requests.append(record)
        }
      case IterationRecord.schemaName:
        if let record = try line.record(IterationRecord.self) {
          cells[place(record.run.cell)].cell.iterations.append(record)
        }
      default: break
      }
    }
    return cells.map { gathered in
      var cell = gathered.cell
      let files = gathered.part.map {
        [RankRecords.RankFile(path: path, part: $0, cell: cell.name)]
      }
      cell.ranks = RankRecords(files: files ?? [], totals: gathered.totals)
      return cell
    }
  }

  /// The cell once for each origin of its times, since times of different clocks make no median.
  var byOrigin: [(origin: Origin, cell: CellContents)] {
    let origins = Origin.all.filter { origin in batches.contains { $0.origin == origin } }
    guard !origins.isEmpty else { return [(provenance?.origin ?? .measured, self)] }
    return origins.map { origin in
      var part = self
      part.batches = batches.filter { $0.origin == origin }
      part.ranks = ranks.of(origin)
      return (origin, part)
    }
  }

  /// Why the cell is not whole, nil when it is.
  var shortfall: String? {
    switch state {
    case .done: nil
    case .error:
      "failed: " + (errorText.split(separator: "\n").first.map(String.init) ?? "no reason given")
    case .ready: "was stopped before it finished; what it had measured is kept"
    case nil:
      batches.isEmpty && ranks.isEmpty ? "did not run" : "was stopped before it finished"
    }
  }
}
