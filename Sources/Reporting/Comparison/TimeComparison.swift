import Glibc
import Records
import Statistics

/// Tests of all cells, policies and metrics of two runs as one family.
struct TimeComparison {
  private(set) var rows: [ComparedRow] = []

  private struct Place: Hashable, Comparable {
    var batch: Int
    var turn: Int
    static func < (a: Self, b: Self) -> Bool { (a.batch, a.turn) < (b.batch, b.turn) }
  }

  init(
    _ pairs: [CellMatches.Pair], thresholds: [ComparisonMetric: Double], seed: UInt64,
    resamples: Int
  ) throws(StatisticsError) {
    var slowdowns: [[Place: Double]] = []
    for (base, new) in pairs {
      for policy in base.policyNames {
        let (own, other) = (base.executions(policy), new.executions(policy))
        for metric in ComparisonMetric.allCases {
          guard let threshold = thresholds[metric] else { continue }
          let (before, after) = (Self.values(own, metric), Self.values(other, metric))
          let places = before.keys.filter { after[$0] != nil }.sorted()
          guard !places.isEmpty else { continue }
          let ratios = places.map {
            ($0, metric.slowdown(base: before[$0] ?? .nan, new: after[$0] ?? .nan))
          }
          let clusters = try ClusteredSample(
            Dictionary(grouping: ratios, by: \.0.batch).sorted { $0.key < $1.key }
              .map { $0.value.map(\.1) })
          let interval =
            ratios.count > 1 ? clusters.bootstrapMedian(resamples: resamples, seed: seed) : nil
          rows.append(
            ComparedRow(
              cell: base.name, layout: base.layoutName, variation: base.variation, policy: policy,
              metric: metric, base: try Sample(Array(before.values)).median,
              new: try Sample(Array(after.values)).median, change: clusters.sample.median - 1,
              lower: interval.map { $0.lower - 1 }, upper: interval.map { $0.upper - 1 },
              pairs: ratios.count, pSlower: 1, pFaster: 1, threshold: threshold, verdict: .same))
          slowdowns.append(Dictionary(uniqueKeysWithValues: ratios))
        }
      }
    }
    try test(slowdowns, seed: seed)
  }

  /// Fills in p-values and verdicts.
  private mutating func test(
    _ slowdowns: [[Place: Double]], seed: UInt64
  ) throws(StatisticsError) {
    let places = Set(slowdowns.flatMap(\.keys)).sorted()
    let index = Dictionary(uniqueKeysWithValues: places.enumerated().map { ($1, $0) })
    let flips = try SignFlips(
      rows: zip(rows, slowdowns).map { row, values in
        .init(
          Dictionary(uniqueKeysWithValues: values.map { (index[$0.key] ?? 0, log($0.value)) }),
          scale: row.metric.rawValue)
      }, seed: seed)
    for position in rows.indices {
      let row = rows[position]
      rows[position].pSlower = flips.greater[position]
      rows[position].pFaster = flips.less[position]
      let level = RunComparison.falseAlarms
      if row.change > row.threshold, flips.greater[position] <= level {
        rows[position].verdict = .slower
      } else if row.change < -row.threshold, flips.less[position] <= level {
        rows[position].verdict = .faster
      } else if row.pairs < 5 {
        rows[position].verdict = .tooFew
      }
    }
  }

  private static func values(
    _ records: [BatchRecord], _ metric: ComparisonMetric
  ) -> [Place: Double] {
    var values: [Place: Double] = [:]
    for record in records {
      values[Place(batch: record.batch, turn: record.repeatIndex)] = metric.value(record)
    }
    return values
  }
}
