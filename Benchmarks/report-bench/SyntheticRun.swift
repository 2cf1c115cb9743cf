import Glibc
import Records

/// A run directory of made-up records, as ranks of `tp8pp4dpN` write them: each rank of a node after
/// the other, execution by execution, prefill then decode, every line sealed.
struct SyntheticRun {
  let directory: RunDirectory
  let ranks: Int
  let ranksPerNode: Int
  let cells: Int
  let executions: Int

  private static let policies = ["right-pad", "sorted", "packed"]
  private static let batches = 8
  private var layout: String { "tp8pp4dp\(ranks / 32)" }

  /// - Returns: bytes of the ranks' records.
  func write() throws -> Int {
    let names = (0..<cells).map { "\(layout)-\($0)" }
    var run = RunRecord(
      identifier: String(directory.path.split(separator: "/").last ?? "run"), job: "synthetic",
      arguments: [], padtaxVersion: "0", host: "n0", seed: 1, clock: "wall",
      startUTC: "2026-01-01T00:00:00Z", endUTC: "2026-01-01T01:00:00Z", cells: names)
    run.variations = Dictionary(uniqueKeysWithValues: names.map { ($0, cells > 1 ? $0 : "") })
    try AtomicFile.createFolder(directory.path)
    try AtomicFile.write(JSONText.pretty(run), to: directory.run)
    var bytes = 0
    for (index, name) in names.enumerated() {
      bytes += try write(directory.cell(name), seed: UInt64(index + 1))
    }
    return bytes
  }

  private func write(_ cell: CellDirectory, seed: UInt64) throws -> Int {
    try AtomicFile.createFolder(cell.ranksFolder)
    try AtomicFile.write(JSONText.pretty(provenance(cell.name)), to: cell.provenance)
    let verified = try Self.policies.flatMap { policy in
      try JSONLinesWriter.line(
        VerificationRecord(
          cell: cell.name, layout: layout, policy: policy, sequences: 4, tokensPerSequence: 4,
          layers: 4, maxLogitError: 1e-6, tolerance: 1e-4, tokensCompared: 16, ties: 0,
          passed: true, failure: nil))
    }
    try AtomicFile.write(verified, to: cell.verification)
    try AtomicFile.write(
      (0..<executions).flatMap { try JSONLinesWriter.line(batch(cell.name, $0)) },
      to: cell.batches)
    var bytes = 0
    for node in 0..<(ranks + ranksPerNode - 1) / ranksPerNode {
      bytes += try writeNode(cell, node, seed: seed &* 1_000_003 &+ UInt64(node))
    }
    try cell.enter(.done)
    return bytes
  }

  /// Lines are made from one record for each rank and phase, with other numbers in the places of its
  /// own: the JSON encoder would take minutes.
  private func writeNode(_ cell: CellDirectory, _ node: Int, seed: UInt64) throws -> Int {
    let own = node * ranksPerNode..<min(ranks, (node + 1) * ranksPerNode)
    let templates = try own.map { rank in
      try ["prefill", "decode"].map { try LineTemplate(cell.name, layout, $0, rank: rank) }
    }
    let writer = try JSONLinesWriter(path: cell.node(node))
    var random = seed
    var bytes = 0
    for execution in 0..<executions {
      var lines: [UInt8] = []
      let (policy, batch, turn) = Self.place(execution)
      for phases in templates {
        for template in phases {
          template.append(
            to: &lines, policy: Self.policies[policy], batch: batch, turn: turn, random: &random)
        }
      }
      try writer.append(lines: lines)
      bytes += lines.count
    }
    return bytes
  }

  private static func place(_ execution: Int) -> (policy: Int, batch: Int, turn: Int) {
    let (policy, rest) = (execution % policies.count, execution / policies.count)
    return (policy, rest % batches, rest / batches)
  }

  private func batch(_ cell: String, _ execution: Int) -> BatchRecord {
    let (policy, batch, turn) = Self.place(execution)
    let slots = policy == 2 ? 4000 : 6000
    let ttft = Double(slots) * 1e-5 * (1 + 0.001 * Double(execution * 7 % 11))
    var record = BatchRecord(
      cell: cell, layout: layout, policy: Self.policies[policy], origin: .measured, batch: batch,
      repeatIndex: turn, warmup: false, order: execution, oversubscribed: false, sequences: 64,
      inputTokens: 4000, outputTokens: 1024, longestPrompt: 100 + batch, shortestPrompt: 20,
      prefillSlots: slots, decodeSlots: 960,
      padding: policy == 2 ? [:] : ["length": PaddingRecord(slots: slots - 4000)],
      truncatedTokens: 0, microBatches: 4, batchTTFTSeconds: ttft, totalSeconds: 2 * ttft,
      usefulFLOPs: 5e12, slotFLOPs: 8e12, prefillUsefulFLOPs: 4e12, prefillSlotFLOPs: 6e12,
      idealPackingSpeedup: 1.5, kvSlotsReserved: slots + 1024, kvSlotsUsed: 5024,
      tokenDigest: "batch-\(batch)")
    record.longestOutput = 16
    return record
  }

  private func provenance(_ cell: String) -> Provenance {
    Provenance(
      cell: cell, arguments: [], padtaxVersion: "0", commit: nil, dirty: nil, seed: 1,
      clock: "wall", startUTC: "2026-01-01T00:00:00Z",
      model: ModelFacts(
        name: "synthetic", parameters: 1_000_000, layers: 4, hidden: 64, queryHeads: 8, kvHeads: 8,
        headDimension: 8, feedForward: 256, vocabulary: 512, weights: "none"),
      layout: layout, mpiLibrary: "none", mpiStandard: "3.1", oversubscribed: false,
      ranks: (0..<ranks).map { rank in
        RankFacts(
          rank: rank, host: "n\(rank / ranksPerNode)", process: 1, cpuModel: "none",
          usableCores: ranksPerNode, binding: "\(rank % ranksPerNode)", numaNode: "0",
          backend: "none", library: "none", blasCore: "none", instructionSet: "none", threads: 1,
          peakGFLOPS: 50, gemmGFLOPS: 40, weightBytes: 1 << 30, loadAverage: 0)
      }, environment: [:], warnings: [])
  }
}
