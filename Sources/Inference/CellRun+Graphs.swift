import GPUKernels
import Records

extension CellRun {
  /// Completes the provenance with what became of the ranks' graphs. Collective.
  func noteGraphs(_ provenance: Provenance?) throws {
    guard let gpu = resources.backend as? GPUBackend, let graphs = gpu.graphs else { return }
    let own = GraphFacts(
      sizes: graphs.sizes, captured: graphs.captured, launches: graphs.launches,
      memoryBytes: graphs.bytes, refusal: graphs.refusal)
    let texts = try context.control.gatherArrays(Array(JSONText.line(own).utf8), root: 0)
    try context.together("output") {
      guard let texts, var provenance else { return }
      for (rank, text) in texts.enumerated() {
        provenance.ranks[rank].gpu?.graphs = try JSONText.decode(
          GraphFacts.self, from: String(decoding: text, as: UTF8.self), source: "graphs")
      }
      let refused = provenance.ranks.filter { $0.gpu?.graphs?.refusal != nil }
      if let first = refused.first, let reason = first.gpu?.graphs?.refusal {
        let warning =
          "decode steps of \(refused.count) of \(provenance.ranks.count) ranks ran without CUDA graphs, "
          + "though filled up to their sizes: rank \(first.rank): \(reason)"
        provenance.warnings.append(warning)
        progress.warn(warning)
      }
      try AtomicFile.write(JSONText.pretty(provenance), to: cell.provenance)
    }
  }
}
