import Glibc
import Models
import Records

extension FindingEvidence {
  /// Layouts with tensor and pipeline parallelism of one variation, replicas and number of ranks.
  private struct Family {
    var name: String
    var tensor: CellContents?
    var pipeline: CellContents?
    /// Both degrees above 1.
    var hybrids: [(layout: ParallelLayout, cell: CellContents)] = []
  }

  private var families: [Family] {
    var order: [String] = []
    var families: [String: Family] = [:]
    for cell in cells {
      guard let layout = cell.parallelLayout, layout.tensor * layout.pipeline > 1 else { continue }
      let key = "\(layout.tensor * layout.pipeline) \(layout.data) \(cell.variation)"
      if families[key] == nil {
        order.append(key)
        families[key] = Family(name: cell.variationSuffix)
      }
      if layout.pipeline == 1 {
        families[key]?.tensor = cell
      } else if layout.tensor == 1 {
        families[key]?.pipeline = cell
      } else {
        families[key]?.hybrids.append((layout, cell))
      }
    }
    return order.compactMap { families[$0] }
  }

  var hybridLatency: Finding {
    between(
      id: "hybrid-between-latency",
      hypothesis: "a hybrid's latency lies between those of TP and PP",
      test: "batch_ttft_s of packed batches", name: "TTFT", Self.ttft)
  }

  var hybridThroughput: Finding {
    between(
      id: "hybrid-between-throughput",
      hypothesis: "a hybrid's throughput lies between those of TP and PP",
      test: "end_to_end_tps of packed batches", name: "tokens/s", Metrics.endToEndTPS)
  }

  /// A hybrid lies between when it is above one of the two and below the other.
  private func between(
    id: String, hypothesis: String, test: String, name: String, _ value: Value
  ) -> Finding {
    var cases: [Finding.Case] = []
    for family in families {
      guard let tensor = family.tensor, let pipeline = family.pipeline else { continue }
      for (layout, cell) in family.hybrids {
        let own = values(cell, "packed", value)
        guard let low = ratio(own, values(tensor, "packed", value)),
          let high = ratio(values(pipeline, "packed", value), own)
        else { continue }
        let sides = [low, high].map { ratio -> Int in
          ratio.interval.lower > 1 + Self.band
            ? 1 : ratio.interval.upper < 1 / (1 + Self.band) ? -1 : 0
        }
        cases.append(
          .init(
            condition: "\(layout)\(family.name)",
            effect: "\(name) hybrid/tensor \(low.text), pipeline/hybrid \(high.text)",
            value: low.median, lower: low.interval.lower, upper: low.interval.upper,
            pairs: min(low.pairs, high.pairs),
            verdict: sides.contains(0)
              ? .undecided : sides[0] == sides[1] ? .supported : .refuted))
      }
    }
    return Finding(
      id: id, hypothesis: hypothesis,
      test: test + ", hybrid over tensor and pipeline over hybrid parallelism, as many ranks: both "
        + "above 1 or both below it supports", cases: cases,
      missing:
        "needs a tensor-parallel, a pipeline-parallel and a hybrid layout of as many ranks, a "
        + "core per rank, packed, and \(Self.fewestPairs) pairs or more")
  }

  /// Hybrids whose two degrees are further apart against the one where they are nearest.
  var unbalancedHybrids: Finding {
    func distance(_ layout: ParallelLayout) -> Double {
      abs(log2(Double(layout.tensor) / Double(layout.pipeline)))
    }
    var cases: [Finding.Case] = []
    for family in families {
      guard let best = family.hybrids.min(by: { distance($0.layout) < distance($1.layout) })
      else { continue }
      for (layout, cell) in family.hybrids where distance(layout) > distance(best.layout) {
        guard
          let ratio = ratio(
            values(cell, "packed", Self.total), values(best.cell, "packed", Self.total))
        else { continue }
        cases.append(
          .init(
            condition: "\(layout) against \(best.layout)\(family.name)",
            effect: "total time \(ratio.text)", value: ratio.median, lower: ratio.interval.lower,
            upper: ratio.interval.upper, pairs: ratio.pairs, verdict: ratio.verdict()))
      }
    }
    return Finding(
      id: "unbalanced-hybrids", hypothesis: "unbalanced hybrids are bad",
      test: "total_s of packed batches, a hybrid over the one of as many ranks whose tensor and "
        + "pipeline degrees are nearer to each other; above 1 supports", cases: cases,
      missing:
        "needs two hybrid layouts of as many ranks, one more balanced than the other (such as "
        + "tp4pp4 and tp2pp8), a core per rank, packed, and \(Self.fewestPairs) pairs or more")
  }

  static func total(_ record: BatchRecord) -> Double? { record.totalSeconds }
}
