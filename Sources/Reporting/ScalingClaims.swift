import Records
import Units

/// The published characterisation of communication (arXiv 2507.14392) makes claims about shapes: what
/// gets better or worse with the degree and kind of parallelism. This holds a run against them.
///
/// A claim is a chain of layouts along which a number falls (`.falls`) or grows (`.grows`); it is
/// tested separately for each variation, kind of times and policy, and is not testable where the run
/// lacks a layout.
struct ScalingClaim: Sendable {
  enum Course: Sendable { case falls, grows }

  let text: String
  let title: String
  let metric: SummaryMetric
  let course: Course
  let chain: [String]

  static let source = "arXiv 2507.14392"

  static let all: [ScalingClaim] = [
    .init(
      text: "TTFT improves from TP2 to TP4 inside a node", title: "TTFT tp4/tp2",
      metric: .batchTTFT, course: .falls, chain: ["tp2", "tp4"]),
    .init(
      text: "TPOT improves from TP2 to TP4 inside a node", title: "TPOT tp4/tp2",
      metric: .tpot, course: .falls, chain: ["tp2", "tp4"]),
    .init(
      text: "TPOT degrades at TP8 across nodes", title: "TPOT tp8/tp4",
      metric: .tpot, course: .grows, chain: ["tp4", "tp8"]),
    .init(
      text: "TTFT can still improve at TP8 across nodes", title: "TTFT tp8/tp4",
      metric: .batchTTFT, course: .falls, chain: ["tp4", "tp8"]),
    .init(
      text: "PP latency grows with depth (TTFT)", title: "TTFT pp8/pp2",
      metric: .batchTTFT, course: .grows, chain: ["pp2", "pp4", "pp8"]),
    .init(
      text: "PP latency grows with depth (TPOT)", title: "TPOT pp8/pp2",
      metric: .tpot, course: .grows, chain: ["pp2", "pp4", "pp8"]),
    .init(
      text: "PP sends less than a hybrid of 4 ranks, which sends less than TP",
      title: "bytes tp4/pp4", metric: .sentBytes, course: .grows,
      chain: ["pp4", "tp2pp2", "tp4"]),
    .init(
      text: "PP sends less than hybrids of 8 ranks, which send less than TP",
      title: "bytes tp8/pp8", metric: .sentBytes, course: .grows,
      chain: ["pp8", "tp2pp4", "tp4pp2", "tp8"]),
  ]

  /// Last value over first, and whether the whole chain goes the claimed way; nil without all rows.
  func test(_ rows: [SummaryRow]) -> (ratio: Double, holds: Bool)? {
    let values = chain.compactMap { layout in rows.first { $0.layout == layout }?[metric] }
    guard values.count == chain.count, let first = values.first, let last = values.last, first > 0
    else { return nil }
    let holds = zip(values, values.dropFirst()).allSatisfy { course == .falls ? $0 > $1 : $0 < $1 }
    return (last / first, holds)
  }
}

extension Summary {
  /// Rows that differ in their layout alone.
  private var families: [(key: RowKey, rows: [SummaryRow])] {
    var families: [(key: RowKey, rows: [SummaryRow])] = []
    for row in rows {
      let key = RowKey(row, layout: "")
      if let index = families.firstIndex(where: { $0.key == key }) {
        families[index].rows.append(row)
      } else {
        families.append((key, [row]))
      }
    }
    return families
  }

  /// One line per claim: in how many of the families it holds. Empty where no chain can be tested.
  var scalingVerdicts: [String] {
    let families = families
    let tests = ScalingClaim.all.map { claim in families.compactMap { claim.test($0.rows) } }
    guard tests.contains(where: { !$0.isEmpty }) else { return [] }
    return zip(ScalingClaim.all, tests).map { claim, tests in
      let held = tests.count { $0.holds }
      let verdict =
        tests.isEmpty
        ? "not testable, the run lacks one of \(claim.chain.joined(separator: ", "))"
        : held == tests.count
          ? "supported" : held == 0 ? "not supported" : "supported in \(held) of \(tests.count)"
      let ratios = tests.map(\.ratio).sorted()
      let range =
        ratios.first.map { first in
          " (\(claim.title) \(first.significant(3))"
            + (ratios.count > 1 ? " to \((ratios.last ?? first).significant(3))" : "") + ")"
        } ?? ""
      return "\(claim.text): \(verdict)\(range)"
    }
  }

  /// The ratios behind the verdicts: a line per variation and policy, a column per claim.
  var scalingTable: ColumnTable {
    let families = families.filter { family in
      ScalingClaim.all.contains { $0.test(family.rows) != nil }
    }
    return ColumnTable(
      keys: keyColumns(families.map(\.key), hasLayout: false),
      columns: families.isEmpty
        ? []
        : ScalingClaim.all.map { claim in
          let parts = claim.title.split(separator: " ").map(String.init)
          return .init(
            parts[0], unit: parts[1],
            cells: families.map { family in
              claim.test(family.rows).map {
                $0.ratio.significant(3) + ($0.holds ? " " : "!")
              } ?? ColumnTable.blank
            })
        })
  }
}
