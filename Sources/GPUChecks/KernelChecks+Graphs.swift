extension KernelChecks {
  /// Rows of the steps that `checkGraphs` runs as graphs; a backend that is to be checked keeps them.
  public static let graphSizes = [4]

  /// Decode steps as graphs against the same steps without, while contexts grow past what graphs were
  /// captured for, in regions and in blocks.
  mutating func checkGraphs() throws {
    guard let before = gpu.graphs, let rows = Self.graphSizes.first else { return }
    let widths =
      isLarge
      ? KernelBenchmarks.Widths(
        hidden: 1024, feedForward: 2048, queryHeads: 16, kvHeads: 4, headDimension: 128)
      : KernelBenchmarks.Widths(
        hidden: 64, feedForward: 32, queryHeads: 2, kvHeads: 1, headDimension: 64)
    // Past a power of two, where contexts are cut into more shares than some of them fill.
    let start = isLarge ? 1020 : 252
    for blockSlots in [nil, isLarge ? 16 : 4] {
      let places = blockSlots.map { "blocks of \($0)" } ?? "regions"
      func layers() throws -> DecodeLayers {
        try DecodeLayers(
          gpu, widths, layers: 2, sequences: rows, capacity: start + 16, blockSlots: blockSlots)
      }
      let (graphed, plain) = (try layers(), try layers())
      for context in start..<start + 12 {
        graphed.step(context: context, asGraph: true)
        let found = gpu.download(graphed.hidden)
        plain.step(context: context, asGraph: false)
        // Contexts are cut into shares of other sizes, whose rounding goes through two layers.
        compare(
          "decode step as a graph, \(places), context \(context)", found,
          gpu.download(plain.hidden), bound: 4 * bound)
      }
    }
    let after = gpu.graphs
    demand("graphs are captured", after?.refusal == nil && (after?.captured ?? 0) > before.captured)
    demand("graphs are launched", (after?.launches ?? 0) >= before.launches + 12)
  }
}
