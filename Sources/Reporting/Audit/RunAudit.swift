import Models
import Records

/// What is missing from a run or does not fit together, in sentences: what stands at the top of its
/// report.
struct RunAudit {
  let contents: RunContents

  var sentences: [String] {
    contents.warnings + absentCells + (contents.run?.forced ?? [])
      + Self.builds([contents], places: { $0.cell.layoutName })
      + contents.cells.flatMap { cell in
        [cell.missingRanks, cell.incompleteRanks].compactMap { $0 } + cell.stragglers
      }
  }

  /// Cells that are not whole; those that never ran in one sentence.
  private var absentCells: [String] {
    let absent = contents.cells.filter(\.isAbsent)
    let others = contents.cells.filter { !$0.isAbsent }.compactMap { cell in
      cell.shortfall.map { "\(cell.label): \($0)" }
    }
    switch absent.count {
    case 0: return others
    case 1: return ["\(absent[0].label): did not run"] + others
    default:
      let names = absent.map(\.label).joined(separator: ", ")
      return ["\(absent.count) of \(contents.cells.count) cells did not run: \(names)"] + others
    }
  }

  /// Facts that all cells of a study must share, where they do not. What others measured is left out.
  /// - Parameter places: how a cell is named.
  static func builds(
    _ runs: [RunContents], places: ((run: RunContents, cell: CellContents)) -> String
  ) -> [String] {
    let cells = runs.flatMap { run in run.cells.map { (run: run, cell: $0) } }
      .filter { part in !part.cell.batches.contains { $0.origin == .imported } }
    func differing(_ name: String, _ fact: (RunContents, Provenance) -> String?) -> String? {
      var found: [(value: String, places: [String])] = []
      for part in cells {
        guard let provenance = part.cell.provenance, let value = fact(part.run, provenance) else {
          continue
        }
        let index = found.firstIndex { $0.value == value }
        if index == nil { found.append((value, [])) }
        found[index ?? found.count - 1].places.append(places(part))
      }
      guard found.count > 1 else { return nil }
      return "\(found.count) different \(name) in one study: "
        + found.map { "\($0.value) (\($0.places.unique.joined(separator: ", ")))" }
        .joined(separator: ", ")
    }
    return [
      differing("builds of padtax-rank") { run, _ in run.run?.binary },
      differing("versions of padtax") { _, provenance in provenance.padtaxVersion },
      differing("commits") { _, provenance in
        provenance.commit.map { $0 + (provenance.dirty == true ? " with changes" : "") }
      },
      differing("MPI libraries") { _, provenance in
        String(provenance.mpiLibrary.prefix { $0 != "," })
      },
    ].compactMap { $0 }
  }
}

extension CellContents {
  /// Whether nothing of the cell is there.
  fileprivate var isAbsent: Bool { state == nil && batches.isEmpty && ranks.isEmpty }

  /// Ranks of the launch without any record.
  fileprivate var missingRanks: String? {
    guard batches.contains(where: { $0.origin == .measured || $0.origin == .virtual }) else {
      return nil
    }
    let expected = provenance?.ranks.map(\.rank) ?? Array(0..<(parallelLayout?.worldSize ?? 0))
    let present = Set(ranks.totals.present.values.joined())
    let missing = expected.filter { !present.contains($0) }
    guard !missing.isEmpty else { return nil }
    return "\(label): no records of \(missing.count) of \(expected.count) ranks: "
      + describe(missing)
  }

  /// Ranks with records of fewer executions than others that did the same; only of cells that are
  /// said to be whole.
  fileprivate var incompleteRanks: String? {
    guard state == .done else { return nil }
    var fewer: Set<Int> = []
    var example = ""
    for group in Dictionary(grouping: ranks.totals.ranks, by: StageKey.init)
      .sorted(by: { $0.key < $1.key })
    {
      let most = group.value.map(\.executions).max() ?? 0
      for rank in group.value where rank.executions < most {
        fewer.insert(rank.key.rank)
        if example.isEmpty {
          example =
            "\(rank.executions) of \(most) in \(group.key.phase) of \(group.key.policy)"
        }
      }
    }
    guard !fewer.isEmpty else { return nil }
    return "\(label): records are missing of \(describe(fewer.sorted())): \(example)"
  }

  /// `ranks 4-7 on n2`; without nodes where those are not known.
  func describe(_ ranks: [Int]) -> String {
    let names = "rank\(ranks.count == 1 ? "" : "s") \(Self.list(ranks))"
    let hosts = (provenance?.ranks ?? []).filter { ranks.contains($0.rank) }.map(\.host).unique
    return hosts.isEmpty ? names : "\(names) on \(hosts.joined(separator: ", "))"
  }

  /// `0-3, 8`, of numbers in order.
  static func list(_ numbers: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for number in numbers.sorted() {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    return ranges.map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
    }.joined(separator: ", ")
  }
}

/// Ranks whose times can be held against each other: they compute the same layers.
struct StageKey: Hashable, Comparable {
  let origin: Origin
  let policy: String
  let phase: String
  let stage: Int

  init(_ rank: RankTotals.Rank) {
    origin = rank.key.origin
    policy = rank.key.policy
    phase = rank.key.phase
    stage = rank.stage
  }

  static func < (a: Self, b: Self) -> Bool {
    (a.origin.rawValue, a.policy, a.phase, a.stage)
      < (b.origin.rawValue, b.policy, b.phase, b.stage)
  }
}
