import Models
import Records
import Units

extension FindingEvidence {
  /// TTFT of right-pad over packed, place by place.
  private func overhead(_ cell: CellContents) -> [Place: Double] {
    let packed = values(cell, "packed", Self.ttft)
    return values(cell, "right-pad", Self.ttft).reduce(into: [:]) { ratios, entry in
      if let under = packed[entry.key] { ratios[entry.key] = entry.value / under }
    }
  }

  private func finding(
    id: String, hypothesis: String, test: String, effect: String,
    _ ratio: (_ tensor: CellContents, _ pipeline: CellContents) -> Ratio?
  ) -> Finding {
    let cases = tensorAgainstPipeline.compactMap { name, tensor, pipeline -> Finding.Case? in
      guard let ratio = ratio(tensor, pipeline) else { return nil }
      return .init(
        condition: name, effect: "\(effect) \(ratio.text)", value: ratio.median,
        lower: ratio.interval.lower, upper: ratio.interval.upper, pairs: ratio.pairs,
        verdict: ratio.verdict())
    }
    return Finding(
      id: id, hypothesis: hypothesis, test: test + "; above 1 supports", cases: cases,
      missing:
        "needs a tensor-parallel and a pipeline-parallel layout of as many ranks, with a core "
        + "each, the policies named, and \(Self.fewestPairs) pairs or more")
  }

  var pipelinesTakeVariedLengths: Finding {
    finding(
      id: "pipelines-take-varied-lengths",
      hypothesis: "pipeline parallelism handles variable lengths better than tensor parallelism",
      test: "what right padding multiplies TTFT by over packing: under tensor over under pipeline "
        + "parallelism", effect: "overhead tensor/pipeline"
    ) { ratio(overhead($0), overhead($1)) }
  }

  var tensorWinsLatency: Finding {
    finding(
      id: "tensor-wins-latency", hypothesis: "tensor parallelism wins latency",
      test: "batch_ttft_s of packed batches, pipeline over tensor parallelism",
      effect: "TTFT pipeline/tensor"
    ) { ratio(values($1, "packed", Self.ttft), values($0, "packed", Self.ttft)) }
  }

  var pipelineWinsThroughput: Finding {
    finding(
      id: "pipeline-wins-throughput", hypothesis: "pipeline parallelism wins throughput",
      test: "end_to_end_tps of packed batches, pipeline over tensor parallelism",
      effect: "tokens/s pipeline/tensor"
    ) {
      ratio(values($1, "packed", Metrics.endToEndTPS), values($0, "packed", Metrics.endToEndTPS))
    }
  }

  /// Growth per added rank between the second and third degree over that between the first two.
  var overheadGrows: Finding {
    var cases: [Finding.Case] = []
    let tensor = cells.filter {
      $0.parallelLayout.map { $0.pipeline == 1 && $0.data == 1 } ?? false
    }
    for variation in tensor.map(\.variation).unique {
      let line = tensor.filter { $0.variation == variation }
        .compactMap { cell in cell.parallelLayout.map { (degree: $0.tensor, cell: cell) } }
        .sorted { $0.degree < $1.degree }
      for first in line.indices.dropLast(2) {
        let (a, b, c) = (line[first], line[first + 1], line[first + 2])
        let (low, middle, high) = (overhead(a.cell), overhead(b.cell), overhead(c.cell))
        // The overhead that a straight line through the first two degrees gives the third.
        var straight: [Place: Double] = [:]
        for (place, start) in low {
          guard let next = middle[place] else { continue }
          let slope = (next - start) / Double(b.degree - a.degree)
          straight[place] = next + slope * Double(c.degree - b.degree)
        }
        guard let ratio = ratio(high, straight) else { continue }
        cases.append(
          .init(
            condition: "tp\(a.degree), tp\(b.degree), tp\(c.degree)"
              + (variation.isEmpty ? "" : ", \(variation)"),
            effect: "overhead at tp\(c.degree) over the line through the others \(ratio.text)",
            value: ratio.median, lower: ratio.interval.lower, upper: ratio.interval.upper,
            pairs: ratio.pairs, verdict: ratio.verdict()))
      }
    }
    return Finding(
      id: "overhead-grows",
      hypothesis: "padding's overhead grows faster than linearly with the tensor-parallel degree",
      test:
        "TTFT right-pad/packed at the largest of three degrees over the straight line through the "
        + "other two; above 1 supports", cases: cases,
      missing: "needs three tensor-parallel degrees, a core per rank, right-pad and packed, and "
        + "\(Self.fewestPairs) pairs or more")
  }
}
