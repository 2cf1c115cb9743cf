import Records
import Scheduling
import Units

extension Summary {
  /// A packing efficiency above this is suspicious: more than packing changed.
  public static let efficiencyLimit = 1.05

  /// Aggregates what a run left behind.
  public init(_ contents: RunContents) {
    let seed = contents.run?.seed ?? contents.cells.first?.provenance?.seed ?? 1
    // What somebody else measured has the policies it has; of a run of ours the missing ones are shown.
    let isForeign = contents.cells.flatMap(\.batches).contains { $0.origin == .imported }
    func expected(_ cell: CellContents) -> [String] {
      let job = cell.job ?? contents.job
      return isForeign || job?.serving != nil ? [] : job?.policies.map(\.description) ?? []
    }
    let rows = contents.cells.flatMap { whole in
      // A serving cell has runs of systems instead.
      whole.isServing
        ? []
        : whole.byOrigin.flatMap { origin, cell in
          CellAggregation(cell: cell, origin: origin, seed: seed).rows(expected: expected(cell))
            .map { $0.of(run: contents.identifier, whole) }
        }
    }
    let provenances = contents.cells.compactMap(\.provenance)
    let batches = contents.cells.flatMap(\.batches)
    let origins = Origin.all.filter { origin in
      batches.contains { $0.origin == origin }
        || contents.cells.contains { $0.serving.contains { $0.run.origin == origin } }
    }
    self.init(
      run: contents.identifier,
      job: contents.run?.job ?? contents.job?.name ?? "unknown",
      question: contents.job?.question ?? "",
      origin: origins.isEmpty ? "none" : origins.map(\.rawValue).joined(separator: "+"),
      clock: contents.run?.clock ?? provenances.first?.clock ?? "unknown",
      pretended: provenances.lazy.compactMap(\.virtualTime).first.map(Self.line), seed: seed,
      model: provenances.first?.model,
      machine: provenances.isEmpty
        ? contents.run?.host ?? "unknown machine" : Self.machine(provenances), rows: rows,
      warnings: [])
    let served = contents.cells.flatMap(\.verifiedServing)
    serving = served.isEmpty ? nil : served
    let variations = contents.cells.filter { $0.isServing && !$0.variation.isEmpty }
    servingVariations =
      variations.isEmpty
      ? nil
      : Dictionary(variations.map { ($0.name, $0.variation) }) { first, _ in first }
    let busy = contents.cells.flatMap { cell in
      CollectiveBandwidth.all(of: cell, network: contents.network).map { row in
        var row = row
        row.run = contents.identifier
        return row
      }
    }
    bandwidth = busy.isEmpty ? nil : busy
    audit = RunAudit(contents: contents).sentences.unique
    warnings = Self.warnings(contents, rows: rows, provenances: provenances, audit: audit)
    grid = contents.cells.flatMap { cell in
      cell.grid(expected: expected(cell), seed: seed).map {
        var entry = $0
        entry.row = entry.row.of(run: contents.identifier, cell)
        return entry
      }
    }
  }

  /// What the virtual clock pretended.
  private static func line(_ time: VirtualTimeFacts) -> String {
    let nodes = "\(time.nodes) node\(time.nodes == 1 ? "" : "s")"
    let speed =
      time.computeScale == 1 && time.decodeScale == nil
      ? "this machine's processors"
      : "processors "
        + "\(time.computeScale.significant(4)) times as fast as this machine's"
        + (time.decodeScale.map { ", \($0.significant(4)) times in decode steps" } ?? "")
    let turns = time.computeTokens.map { ", ranks took turns: \($0) computed at once" } ?? ""
    return "\(nodes), network \(time.networkSource), \(speed)\(turns)"
  }

  private static func machine(_ provenances: [Provenance]) -> String {
    guard let provenance = provenances.first, let rank = provenance.ranks.first else {
      return "unknown machine"
    }
    let hosts = Set(provenances.flatMap { $0.ranks.map(\.host) }).count
    let place =
      hosts > 1
      ? "\(hosts) hosts, the first \(rank.host)" : rank.host
    let library = rank.blasCore.isEmpty ? rank.backend : "\(rank.backend) \(rank.blasCore)"
    let cores = "\(rank.usableCores) core\(rank.usableCores == 1 ? "" : "s") for its ranks"
    let threads = "\(rank.threads) thread\(rank.threads == 1 ? "" : "s")"
    let mpi = provenance.mpiLibrary.prefix { $0 != "," }
    return "\(place), \(rank.cpuModel); \(cores), \(threads) each, \(library), "
      + "\(rank.instructionSet); \(mpi)"
  }

  private static func warnings(
    _ contents: RunContents, rows: [SummaryRow], provenances: [Provenance], audit: [String]
  ) -> [String] {
    var warnings = audit
    func add(_ text: String) {
      if !warnings.contains(text) { warnings.append(text) }
    }
    for text in provenances.flatMap(\.warnings) { add(text) }
    let isSlow = provenances.contains { $0.ranks.contains { $0.isSlowBLAS } }
    if isSlow, !warnings.contains(where: { $0.contains("Prescott") }) {
      add(
        "OpenBLAS runs its SSE3 kernels (Prescott) on a CPU with AVX2 or more: GEMM is about 5 times too slow"
      )
    }
    for layout in rows.filter(\.isDistrusted).map(\.layout).unique {
      add("\(layout): oversubscribed, more ranks than cores: its times are not to be trusted")
    }
    for row in rows {
      if let efficiency = row[.packingEfficiency], efficiency > efficiencyLimit,
        (try? Policy(parsing: row.policy))?.isOneRectangle == true
      {
        add(
          "\(row.warningName): packing efficiency \(efficiency.fixed(3)) is above "
            + "\(efficiencyLimit.fixed(2)): something other than packing changed")
      }
      if !row.note.isEmpty { add("\(row.warningName): \(row.note)") }
    }
    for cell in contents.cells {
      for name in cell.unverifiedSystems {
        add("\(cell.label): \(name) has no times: its answers were not verified")
      }
      for record in cell.serving where record.refused > 0 {
        add(
          "\(record.run.layout) \(record.run.system), \(record.run.load)\(cell.variationSuffix): "
            + "\(record.refused) of \(record.requests) requests were refused, they can never run")
      }
      for layout in cell.serving.filter({ $0.run.oversubscribed && $0.run.origin == .measured })
        .map(\.run.layout).unique
      {
        add("\(layout): oversubscribed, more ranks than cores: its times are not to be trusted")
      }
    }
    for cell in contents.cells {
      for check in cell.trafficChecks {
        guard let difference = check.difference else { continue }
        add(
          "\(check.layout) \(check.policy)\(cell.variationSuffix), batch \(check.batch): traffic is "
            + "not the model's: \(difference)")
      }
    }
    for layout in rows.filter({ $0.answersEqual == false }).map(\.warningPlace).unique {
      add("\(layout): the policies' generated tokens differ for at least one batch")
    }
    return warnings
  }
}

extension [String] {
  /// Each text once, in the order of first appearance.
  var unique: [String] {
    enumerated().filter { firstIndex(of: $0.element) == $0.offset }.map(\.element)
  }
}

extension SummaryRow {
  func of(run: String, _ cell: CellContents) -> SummaryRow {
    var row = self
    row.run = run
    row.variation = cell.variation
    return row
  }

  /// Layout in a warning, with what the cell varies of the job.
  fileprivate var warningPlace: String { variation.isEmpty ? layout : "\(layout), \(variation)" }

  fileprivate var warningName: String {
    variation.isEmpty ? "\(layout) \(policy)" : "\(layout) \(policy), \(variation)"
  }
}

extension Origin {
  static let all = [Origin.measured, .virtual, .modelled, .imported]
}

extension Provenance {
  /// Where the times of the cell come from, as far as its clock tells.
  var origin: Origin { Origin(rawValue: clock) ?? .measured }
}

extension RankFacts {
  /// True when OpenBLAS fell back to its oldest kernels on a CPU that has AVX2 or more.
  var isSlowBLAS: Bool {
    blasCore == "Prescott" && instructionSet.uppercased().contains("AVX")
  }
}
