import Records
import TestSupport
import Testing

/// Messages of each dialect and tensor reduction, against numbers worked out by hand.
///
/// The job's model has 4 layers, hidden 32, and every number takes 4 bytes. Prompts of 5, 1, 9, 3
/// tokens and outputs of 4, 1, 2, 6.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct DialectTests {
  /// The bytes of a slot's state.
  private static let state = 32 * 4

  private struct Measured {
    let folder: JobFolder
    let ranks: [RankRecord]
    let batches: [BatchRecord]

    /// (calls, states, padded states) of an operation.
    func found(
      _ rank: Int, _ policy: String, _ phase: String, _ operation: String,
      on communicator: String
    ) throws -> [Int] {
      let record = try #require(
        ranks.first { $0.rank == rank && $0.policy == policy && $0.phase == phase })
      let totals = record.traffic.filter {
        $0.operation == operation && $0.communicator == communicator && $0.elementType == "float"
      }
      let bytes = totals.reduce(0) { $0 + $1.bytes }
      let padded = totals.reduce(0) { $0 + $1.paddedBytes }
      #expect(bytes % DialectTests.state == 0 && padded % DialectTests.state == 0)
      return [
        totals.reduce(0) { $0 + $1.calls }, bytes / DialectTests.state,
        padded / DialectTests.state,
      ]
    }
  }

  private func measured(
    _ layout: String, ranks: Int, microBatches: Int = 1, _ more: String
  ) throws -> Measured {
    let folder = try JobFolder(more: ["micro-batches: \(microBatches)", more])
    let result = try Ranks.run(ranks, job: folder.job, layout: layout, out: folder.out)
    try #require(result.exitCode == 0, "\(result.summary)")
    let batches = try folder.records(BatchRecord.self, folder.cell(layout).batches)
    return Measured(
      folder: folder, ranks: try folder.rankRecords(layout, ranks: ranks),
      batches: batches.filter { !$0.warmup })
  }

  /// What the plan says of padding on the wire is what all ranks' ledgers say: what is sent, not
  /// what arrives.
  private func checkPaddedBytes(_ run: Measured) throws {
    for batch in run.batches where batch.repeatIndex == 0 {
      let sent = run.ranks.filter { $0.policy == batch.policy && $0.repeatIndex == 0 }
        .flatMap(\.traffic).filter { $0.communicator != "control" && $0.operation != "receive" }
      let wire = batch.padding.values.reduce(0) { $0 + $1.wireBytes }
      #expect(sent.reduce(0) { $0 + $1.paddedBytes } == wire, "\(batch.policy)")
    }
  }

  @Test("tp4, reduce-scatter: sums are scattered, gathered before products, and dead slots count")
  func reduceScatter() throws {
    let run = try measured("tp4", ranks: 4, "tensor-reduction: reduce-scatter")
    for rank in 0..<4 {
      func found(_ policy: String, _ phase: String, _ operation: String) throws -> [Int] {
        try run.found(rank, policy, phase, operation, on: "tensor")
      }
      // 18 slots in 4 blocks of 5, 2 of them dead: nine sums, eight gathers of all slots and one
      // of the four sampled.
      #expect(try found("packed", "prefill", "reduce-scatter") == [9, 9 * 20, 9 * 2])
      #expect(try found("packed", "prefill", "all-gather") == [9, 8 * 20 + 4, 8 * 2])
      #expect(try found("right-pad", "prefill", "reduce-scatter") == [9, 9 * 36, 9 * 18])
      #expect(try found("right-pad", "prefill", "all-gather") == [9, 8 * 36 + 4, 8 * 18])
      // Five steps of 3, 2, 2, 1 and 1 rows, or of 4: 4 blocks of one slot in all of them.
      for policy in ["packed", "right-pad"] {
        #expect(try found(policy, "decode", "reduce-scatter") == [45, 9 * 20, 9 * 11], "\(policy)")
        #expect(try found(policy, "decode", "all-gather") == [45, 8 * 20 + 9, 8 * 11], "\(policy)")
        #expect(try found(policy, "prefill", "all-reduce") == [0, 0, 0])
      }
    }
    try checkPaddedBytes(run)
    let packed = try #require(run.batches.first { $0.policy == "packed" })
    #expect(packed.padding.keys.sorted() == ["alignment"])
    // 2 + 11 dead slots in seventeen messages of four ranks.
    #expect(
      packed.padding["alignment"] == PaddingRecord(wireBytes: 13 * 17 * 4 * DialectTests.state))
    #expect(packed.prefillSlots == 18 && packed.decodeSlots == 9)
  }

  @Test("tp2pp2, reduce-scatter: a rank passes its own slots on")
  func scatteredStages() throws {
    let run = try measured(
      "tp2pp2", ranks: 4, microBatches: 2, "tensor-reduction: reduce-scatter")
    // Ranks 0 and 1 are the first stage. Micro-batches: rows 5 and 1, then 9 and 3.
    for (rank, operation, tensor) in [
      (0, "send", 0), (1, "send", 1), (2, "receive", 0), (3, "receive", 1),
    ] {
      func found(_ policy: String, _ phase: String) throws -> [Int] {
        try run.found(rank, policy, phase, operation, on: "pipeline")
      }
      #expect(try found("packed", "prefill") == [2, 9, 0])
      // A row of nine slots for each rank.
      #expect(try found("right-pad", "prefill") == [2, 18, tensor == 0 ? 4 : 14])
      #expect(try found("left-pad", "prefill") == [2, 18, tensor == 0 ? 4 : 14])
      // Steps of one row leave nothing but a dead slot for the second rank: 3 + 4 of them.
      #expect(try found("packed", "decode") == [8, 8, tensor == 0 ? 0 : 7])
    }
    try checkPaddedBytes(run)
  }

  @Test("vllm-v0: two tensors between stages, in slices where tensor ranks gather them")
  func vllm() throws {
    let run = try measured("tp2pp2", ranks: 4, microBatches: 2, "dialect: vllm-v0")
    for rank in 0..<4 {
      let operation = rank < 2 ? "send" : "receive"
      func found(
        _ policy: String, _ phase: String, _ operation: String, on communicator: String
      ) throws -> [Int] {
        try run.found(rank, policy, phase, operation, on: communicator)
      }
      // Two messages of half a state per slot and micro-batch.
      #expect(try found("packed", "prefill", operation, on: "pipeline") == [4, 18, 0])
      #expect(try found("right-pad", "prefill", operation, on: "pipeline") == [4, 36, 18])
      #expect(try found("right-pad", "decode", operation, on: "pipeline") == [20, 20, 11])
      #expect(try found("packed", "decode", operation, on: "pipeline") == [16, 9, 0])
      // Gathered twice per micro-batch by the stage that receives.
      let gathers = rank < 2 ? 0 : 1
      #expect(
        try found("right-pad", "prefill", "all-gather", on: "tensor")
          == [4 * gathers, 72 * gathers, 36 * gathers])
      #expect(
        try found("packed", "decode", "all-gather", on: "tensor")
          == [16 * gathers, 18 * gathers, 0])
      // Sums are those of the standard dialect.
      let sums = rank < 2 ? 5 : 4
      #expect(
        try found("right-pad", "prefill", "all-reduce", on: "tensor")
          == [2 * sums, sums * 36, sums * 18])
    }
    try checkPaddedBytes(run)
  }

  @Test(
    "Answers do not depend on the dialect or the reduction",
    arguments: [("pp3", 3), ("tp2pp2", 4)])
  func answers(layout: String, ranks: Int) throws {
    var digests = Set<String>()
    for variant in ["dialect: megatron", "dialect: vllm-v0", "tensor-reduction: reduce-scatter"] {
      let run = try measured(layout, ranks: ranks, microBatches: 2, variant)
      digests.formUnion(run.batches.map(\.tokenDigest))
      let passed = try run.folder.records(
        VerificationRecord.self, run.folder.cell(layout).verification
      ).map(\.passed)
      #expect(passed == [true, true, true])
      try checkPaddedBytes(run)
    }
    #expect(digests.count == 1)
  }
}
