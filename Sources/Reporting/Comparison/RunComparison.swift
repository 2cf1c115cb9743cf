import Records

/// Two runs of the same cells, side by side: what must be equal, and what has become slower.
///
/// Counts, slots, bytes and tokens must be equal (`differences`). Times are paired by batch and
/// repeat and tested together (`SignFlips`): when nothing has changed between two runs, the gate
/// fails in at most `falseAlarms` of comparisons, whatever the number of cells, policies and metrics.
/// What differs between runs as a whole (another load, another clock rate) is a change to the test;
/// the threshold is there for that.
public struct RunComparison: Record, Hashable {
  public static let schemaName = "padtax/comparison"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  /// Level of the family of tests.
  public static let falseAlarms = 0.05

  public var base: String
  public var new: String
  /// False where only counts were compared.
  public var comparesTimes: Bool
  /// Why times cannot be compared. With `allowsDifferent` they were all the same.
  public var refusals: [String]
  public var allowsDifferent: Bool
  /// What is worth knowing but fails nothing.
  public var notes: [String]
  /// What must be equal and is not.
  public var differences: [String]
  /// Values that were compared for equality.
  public var exactValues: Int
  public var rows: [ComparedRow]

  /// True when times were asked for and the runs' provenance makes them meaningless.
  public var isRefused: Bool { comparesTimes && !allowsDifferent && !refusals.isEmpty }

  /// False when the gate fails.
  public var passed: Bool {
    differences.isEmpty && !rows.contains { $0.verdict == .slower }
  }

  /// Compares `new` with `base`.
  /// - Parameters:
  ///   - thresholds: metrics that are tested, with the change for the worse that fails the gate;
  ///     empty compares counts only.
  ///   - allowsDifferent: compare times although the provenance differs.
  ///   - resamples: of the intervals' bootstrap.
  public init(
    base: RunContents, new: RunContents, thresholds: [ComparisonMetric: Double],
    allowsDifferent: Bool = false, seed: UInt64 = 1, resamples: Int = 2000
  ) throws {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.base = base.identifier
    self.new = new.identifier
    self.allowsDifferent = allowsDifferent
    comparesTimes = !thresholds.isEmpty
    let matches = CellMatches(base: base, new: new)
    differences = matches.missing
    notes = base.warnings + new.warnings + matches.notes
    if thresholds.isEmpty { notes += matches.renamed }
    var exact = ExactComparison()
    for pair in matches.pairs { try exact.compare(pair.base, pair.new) }
    differences += exact.differences
    notes += exact.notes
    exactValues = exact.count
    let provenance = ProvenanceComparison(matches.pairs)
    refusals = provenance.refusals + matches.renamed
    notes += provenance.notes
    rows = []
    guard comparesTimes, !isRefused else { return }
    rows = try TimeComparison(
      matches.pairs, thresholds: thresholds, seed: seed, resamples: resamples
    ).rows
    if let most = rows.map(\.pairs).max(), most < 5 {
      notes.append(
        "times: \(most) pairs (batches x repeats) at most; a test at "
          + "\(Self.falseAlarms) needs 5 or more")
    }
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, base, new
    case comparesTimes = "compares_times"
    case refusals
    case allowsDifferent = "allows_different"
    case notes, differences
    case exactValues = "exact_values"
    case rows
  }
}

/// Cells of two runs that belong together.
struct CellMatches {
  typealias Pair = (base: CellContents, new: CellContents)
  var pairs: [Pair] = []
  /// Cells of the base run that the new one lacks, or that did not end well.
  var missing: [String] = []
  /// Cells with another identifier: the jobs differ in something that decides the measurement.
  var renamed: [String] = []
  var notes: [String] = []

  init(base: RunContents, new: RunContents) {
    var rest = new.cells
    func take(_ fits: (CellContents) -> Bool) -> CellContents? {
      let found = rest.indices.filter { fits(rest[$0]) }
      return found.count == 1 ? rest.remove(at: found[0]) : nil
    }
    var late: [CellContents] = []
    for cell in base.cells {
      if let other = take({ $0.name == cell.name }) {
        pairs.append((cell, other))
      } else {
        late.append(cell)
      }
    }
    for cell in late {
      // A later padtax may name the same cell differently.
      let alike = late.count { $0.layoutName == cell.layoutName && $0.variation == cell.variation }
      let other =
        alike == 1
        ? take { $0.layoutName == cell.layoutName && $0.variation == cell.variation } : nil
      if let other {
        pairs.append((cell, other))
        renamed.append(
          "\(cell.name) is compared with \(other.name), matched by layout: their jobs differ")
      } else {
        missing.append("\(cell.name): not in \(new.identifier)")
      }
    }
    for pair in pairs {
      if pair.new.state == .error || pair.new.batches.isEmpty && !pair.base.batches.isEmpty {
        missing.append("\(pair.new.name): \(pair.new.shortfall ?? "has no measured batch")")
      }
    }
    if !rest.isEmpty {
      notes.append("only in \(new.identifier): \(rest.map(\.name).joined(separator: ", "))")
    }
  }
}

extension CellContents {
  var layoutName: String { provenance?.layout ?? batches.first?.layout ?? name }

  /// Executions that count, in which the policy's answers were not found wrong.
  func executions(_ policy: String) -> [BatchRecord] {
    guard !verifications.contains(where: { $0.policy == policy && !$0.passed }) else { return [] }
    return batches.filter { $0.policy == policy && !$0.warmup }
  }

  /// Policies in the order of their first execution.
  var policyNames: [String] {
    batches.reduce(into: []) { names, batch in
      if !names.contains(batch.policy) { names.append(batch.policy) }
    }
  }
}
