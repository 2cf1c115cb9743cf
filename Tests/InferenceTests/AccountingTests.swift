import FoundationEssentials
import Records
import TestSupport
import Testing

/// Times and bytes that ranks write, against numbers worked out by hand.
///
/// The job's model has 4 layers, hidden 32, vocabulary 97, and every number takes 4 bytes.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct AccountingTests {
  private func measured(
    _ layout: String, ranks: Int, microBatches: Int
  ) throws -> (folder: JobFolder, ranks: [RankRecord], batches: [BatchRecord]) {
    let folder = try JobFolder(
      batches: [([5, 1, 9, 3], [4, 1, 2, 6])], more: ["micro-batches: \(microBatches)"])
    let result = try Ranks.run(ranks, job: folder.job, layout: layout, out: folder.out)
    try #require(result.exitCode == 0, "\(result.summary)")
    let batches = try folder.records(BatchRecord.self, folder.cell(layout).batches)
    return (
      folder, try folder.rankRecords(layout, ranks: ranks), batches.filter { !$0.warmup }
    )
  }

  /// (calls, bytes, padded bytes) of an operation on a communicator.
  private func traffic(
    _ records: [RankRecord], rank: Int, policy: String, phase: String, _ operation: String,
    on communicator: String, _ element: String? = nil
  ) throws -> [Int] {
    let record = try #require(
      records.first { $0.rank == rank && $0.policy == policy && $0.phase == phase })
    let totals = record.traffic.filter {
      $0.operation == operation && $0.communicator == communicator
        && (element == nil || $0.elementType == element)
    }
    return [
      totals.reduce(0) { $0 + $1.calls }, totals.reduce(0) { $0 + $1.bytes },
      totals.reduce(0) { $0 + $1.paddedBytes },
    ]
  }

  @Test("tp2: bytes and padded bytes of every collective are exact")
  func tensorParallel() throws {
    let (folder, records, _) = try measured("tp2", ranks: 2, microBatches: 1)
    defer { withExtendedLifetime(folder) {} }
    for rank in 0..<2 {
      func found(_ policy: String, _ phase: String, _ operation: String) throws -> [Int] {
        try traffic(
          records, rank: rank, policy: policy, phase: phase, operation, on: "tensor")
      }
      // Two sums per layer and one of the embedding: 9 per step of [slots, 32] floats.
      let slot = 9 * 32 * 4
      // Prompts of 5, 1, 9, 3 tokens: 18 real slots, padded to 4 rows of 9.
      #expect(try found("packed", "prefill", "all-reduce") == [9, 18 * slot, 0])
      for policy in ["right-pad", "left-pad"] {
        #expect(
          try found(policy, "prefill", "all-reduce") == [9, 36 * slot, 18 * slot], "\(policy)")
        // Five decode steps of 4 rows; outputs of 4, 1, 2, 6 feed 3 + 0 + 1 + 5 real tokens.
        #expect(
          try found(policy, "decode", "all-reduce") == [45, 20 * slot, 11 * slot], "\(policy)")
      }
      #expect(try found("packed", "decode", "all-reduce") == [45, 9 * slot, 0])
      for policy in ["packed", "right-pad", "left-pad"] {
        // Sampled tokens alone pass through the head: the root counts all 97 columns, the other
        // rank its own 48; then everyone gets the chosen tokens.
        let columns = rank == 0 ? 97 : 48
        #expect(try found(policy, "prefill", "gather") == [1, 4 * columns * 4, 0])
        #expect(try found(policy, "decode", "gather") == [5, 9 * columns * 4, 0])
        #expect(try found(policy, "prefill", "broadcast") == [1, 4 * 4, 0])
        #expect(try found(policy, "decode", "broadcast") == [5, 9 * 4, 0])
      }
    }
  }

  @Test("pp2: activations and tokens are exact, sent and received, in the phase they belong to")
  func pipelineParallel() throws {
    let (folder, records, _) = try measured("pp2", ranks: 2, microBatches: 2)
    defer { withExtendedLifetime(folder) {} }
    func found(
      _ rank: Int, _ policy: String, _ phase: String, _ operation: String, _ element: String
    ) throws -> [Int] {
      try traffic(
        records, rank: rank, policy: policy, phase: phase, operation, on: "pipeline", element)
    }
    let slot = 32 * 4
    // Decode steps with two micro-batches of two rows: rows (4, 1) and (2, 6).
    for (rank, operation) in [(0, "send"), (1, "receive")] {
      #expect(try found(rank, "packed", "prefill", operation, "float") == [2, 18 * slot, 0])
      // The first pair is done after 3 steps, the second after 5.
      #expect(try found(rank, "packed", "decode", operation, "float") == [8, 9 * slot, 0])
      for policy in ["right-pad", "left-pad"] {
        #expect(
          try found(rank, policy, "prefill", operation, "float") == [2, 36 * slot, 18 * slot],
          "\(policy) \(operation)")
        #expect(
          try found(rank, policy, "decode", operation, "float") == [10, 20 * slot, 11 * slot],
          "\(policy) \(operation)")
      }
    }
    for (rank, operation) in [(1, "send"), (0, "receive")] {
      for policy in ["packed", "right-pad", "left-pad"] {
        #expect(try found(rank, policy, "prefill", operation, "int32") == [2, 4 * 4, 0])
        // Micro-batches that sample: 3 steps of the first pair, 5 of the second.
        #expect(try found(rank, policy, "decode", operation, "int32") == [8, 9 * 4, 0])
      }
    }
  }

  @Test(
    "Wall time is compute, communication and idle time, and no share is negative",
    arguments: [("tp1", 1), ("tp2", 2), ("pp2", 2), ("dp2", 2), ("tp2pp2", 4)])
  func timesAddUp(layout: String, ranks: Int) throws {
    let (folder, records, batches) = try measured(layout, ranks: ranks, microBatches: 2)
    defer { withExtendedLifetime(folder) {} }
    // Two phases, three policies, two repeats.
    #expect(records.count == ranks * 12)
    for record in records {
      let parts = [record.computeSeconds, record.communicationSeconds, record.idleSeconds]
      #expect(parts.allSatisfy { $0 >= 0 }, "\(record)")
      #expect(abs(parts.reduce(0, +) - record.wallSeconds) <= 1e-9, "\(record)")
      #expect(record.computeSeconds > 0 && record.wallSeconds > 0, "\(record)")
      if ranks == 1 {
        #expect(record.traffic.isEmpty && record.communicationSeconds == 0, "\(record)")
        #expect(record.idleSeconds <= record.wallSeconds * 0.01 + 1e-6, "\(record)")
      }
    }
    #expect(batches.count == 6)
    for batch in batches {
      let own = records.filter {
        $0.policy == batch.policy && $0.repeatIndex == batch.repeatIndex
      }
      for record in own where record.phase == "prefill" {
        #expect(record.wallSeconds == batch.batchTTFTSeconds)
      }
      for record in own where record.phase == "decode" {
        #expect(
          abs(record.wallSeconds + batch.batchTTFTSeconds - batch.totalSeconds) < 1e-9)
      }
    }
    // All policies and repeats gave the same tokens.
    #expect(Set(batches.map(\.tokenDigest)).count == 1)
  }

  @Test("Slots, FLOPs and KV bytes of the records follow from the lengths alone")
  func counts() throws {
    let (folder, records, batches) = try measured("tp2", ranks: 2, microBatches: 1)
    defer { withExtendedLifetime(folder) {} }
    let packed = try #require(batches.first { $0.policy == "packed" })
    #expect(packed.prefillSlots == 18 && packed.decodeSlots == 9 && packed.padding.isEmpty)
    let right = try #require(batches.first { $0.policy == "right-pad" })
    #expect(right.prefillSlots == 36 && right.decodeSlots == 20)
    #expect(right.padding.mapValues(\.slots) == ["length": 18, "finished": 11])
    // The ledgers of all ranks agree with the plan's padded bytes: what is sent, not what arrives.
    let sent = records.filter { $0.policy == "right-pad" && $0.repeatIndex == 0 && !$0.warmup }
      .flatMap(\.traffic).filter { $0.communicator != "control" && $0.operation != "receive" }
    let wire = right.padding.values.reduce(0) { $0 + $1.wireBytes }
    #expect(sent.reduce(0) { $0 + $1.paddedBytes } == wire && wire > 0)
    #expect(right.usefulFLOPs == packed.usefulFLOPs && right.slotFLOPs > right.usefulFLOPs)
    #expect(packed.inputTokens == 18 && packed.outputTokens == 13)
    // 4 layers, 2 of 4 KV heads on each rank, 4 numbers each, keys and values: 256 bytes a slot.
    let slot = 2 * 4 * 2 * 4 * 4
    for record in records {
      // Tokens that were fed: 18 of prompts and 9 of outputs; rows reserve 9 + 6 - 1.
      #expect(record.kvBytesUsed == 27 * slot, "\(record)")
      #expect(
        record.kvBytesReserved == (record.policy == "packed" ? 27 : 4 * 14) * slot, "\(record)")
    }
  }

  @Test("Provenance tells each rank's process, binding and whether cores were shared")
  func provenance() throws {
    let (folder, _, batches) = try measured("tp2pp2", ranks: 4, microBatches: 2)
    defer { withExtendedLifetime(folder) {} }
    let path = folder.cell("tp2pp2").provenance
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let facts = try JSONText.decode(Provenance.self, from: text, source: path)
    #expect(facts.ranks.map(\.rank) == [0, 1, 2, 3])
    #expect(Set(facts.ranks.map(\.process)).count == 4)
    #expect(facts.ranks.allSatisfy { !$0.binding.isEmpty && $0.usableCores >= 1 })
    let over = facts.ranks.contains { 4 * $0.threads > $0.usableCores }
    #expect(facts.oversubscribed == over)
    #expect(batches.allSatisfy { $0.oversubscribed == over })
    #expect(facts.warnings.contains { $0.contains("not to be trusted") } == over)
    #expect(facts.model.weights == "random, seed 1" && facts.layout == "tp2pp2")
    #expect(facts.peakFLOPS > 0 && facts.ranks.allSatisfy { $0.gemmGFLOPS > 0 })
    // Stages and tensor ranks hold the whole model together: norms are on both tensor ranks.
    let weights = facts.ranks.reduce(0) { $0 + $1.weightBytes }
    #expect(weights >= 4 * facts.model.parameters)
  }
}
