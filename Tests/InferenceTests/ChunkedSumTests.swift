import Records
import TestSupport
import Testing

@testable import Inference
@testable import MPI

/// Sums in chunks, each beside the next one's product: answers, bytes and padding of sums in one
/// piece, in more calls.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct ChunkedSumTests {
  private struct Measured {
    let ranks: [RankRecord]
    let batches: [BatchRecord]

    /// All operations of a rank's phase that count, those between its tensor ranks.
    func traffic(_ rank: Int, _ policy: String, _ phase: String) throws -> [TrafficTotal] {
      let record = try #require(
        ranks.first { $0.rank == rank && $0.policy == policy && $0.phase == phase })
      let parts = record.computeSeconds + record.communicationSeconds + record.idleSeconds
      #expect(abs(parts - record.wallSeconds) <= 1e-9 && record.communicationSeconds > 0)
      return record.traffic.filter { $0.communicator == "tensor" }
    }
  }

  private func measured(_ layout: String, ranks: Int, _ more: [String]) throws -> Measured {
    let folder = try JobFolder(
      batches: [([150, 7, 90, 33], [3, 1, 2, 3])],
      model: [
        "preset: qwen2.5-0.5b", "layers: 4", "hidden: 32", "heads: 8", "kv-heads: 4",
        "head-dimension: 4", "feed-forward: 44", "vocabulary: 97", "max-positions: 256",
      ], more: more)
    let result = try Ranks.run(
      ranks, job: folder.job, layout: layout, out: folder.out,
      ["--set", "policies=[packed, right-pad]", "--set", "repeats=1", "--set", "warm-up=0"])
    try #require(result.exitCode == 0, "\(result.summary)")
    let cell = folder.cell(layout)
    let verified = try folder.records(VerificationRecord.self, cell.verification)
    #expect(verified.count == 2 && verified.allSatisfy(\.passed))
    let traffic = try folder.records(TrafficCheckRecord.self, cell.trafficCheck)
    #expect(traffic.count == 2 && traffic.allSatisfy(\.passed), "\(traffic)")
    let batches = try folder.records(BatchRecord.self, cell.batches)
    return Measured(
      ranks: try folder.rankRecords(layout, ranks: ranks), batches: batches.filter { !$0.warmup })
  }

  /// Slots of the only micro-batch: 280 packed, 4 · 150 padded; of two: 157 and 123, or 2 · 150.
  @Test(
    "Answers and bytes are those of sums in one piece, and a prefill has as many sums as chunks",
    arguments: [
      ("tp2", 2, 1, "fp32", [1 + 8 * 4, 1 + 8 * 5]), ("tp2", 2, 1, "bf16", [1 + 8 * 4, 1 + 8 * 5]),
      ("tp2pp2", 4, 2, "fp32", [2 + 4 * 3, 2 + 4 * 8]),
      ("tp2pp2", 4, 2, "bf16", [2 + 4 * 3, 2 + 4 * 8]),
    ])
  func batches(layout: String, ranks: Int, micro: Int, precision: String, calls: [Int]) throws {
    let more = ["micro-batches: \(micro)", "precision: \(precision)"]
    let whole = try measured(layout, ranks: ranks, more)
    let cut = try measured(layout, ranks: ranks, more + ["reduction-chunks: 5"])
    #expect(cut.batches.map(\.tokenDigest) == whole.batches.map(\.tokenDigest))
    #expect(cut.batches.map(\.padding.wireBytes) == whole.batches.map(\.padding.wireBytes))
    for (policy, count) in zip(["packed", "right-pad"], calls) {
      for rank in 0..<ranks {
        for phase in ["prefill", "decode"] {
          let (before, after) = (
            try whole.traffic(rank, policy, phase), try cut.traffic(rank, policy, phase)
          )
          // Nothing but the number of sums is another; the wait for one is told with it.
          #expect(before.map(\.operation) == after.map(\.operation))
          #expect(before.map(\.bytes) == after.map(\.bytes), "\(policy) \(phase)")
          #expect(before.map(\.paddedBytes) == after.map(\.paddedBytes), "\(policy) \(phase)")
          #expect(before.map(\.elementType) == after.map(\.elementType))
          let sums = after.filter { $0.operation == "all-reduce" }.map(\.calls)
          let once = before.filter { $0.operation == "all-reduce" }.map(\.calls)
          // A second stage embeds nothing.
          let own = rank < 2 ? count : count - micro
          #expect(phase == "prefill" ? sums == [own] : sums == once, "\(rank) \(policy) \(sums)")
        }
      }
    }
  }

  @Test("Losses of a score pass on two ranks are the same to the bit", arguments: ["fp32", "bf16"])
  func losses(precision: String) throws {
    let more = ["phase: score", "precision: \(precision)"]
    let folder = try (0..<2).map { index in
      try JobFolder(
        batches: [([150, 7, 90, 33], [1, 1, 1, 1])],
        more: more + (index == 0 ? [] : ["reduction-chunks: 4"]))
    }
    let found = try folder.map { folder in
      let result = try Ranks.run(
        2, job: folder.job, layout: "tp2", out: folder.out,
        ["--set", "model.max-positions=256", "--set", "repeats=1"])
      try #require(result.exitCode == 0, "\(result.summary)")
      return try folder.records(BatchRecord.self, folder.cell("tp2").batches).map(\.meanNLL)
    }
    #expect(found[0].count == 6 && found[0].allSatisfy { $0 != nil })
    #expect(found[0] == found[1])
  }

  @Test("A started sum and the wait that ends it are one call; waits of stages stay apart")
  func account() throws {
    func event(
      _ operation: TrafficOperation, _ label: CommunicatorLabel, count: Int = 0, from: UInt64,
      to: UInt64
    ) -> TrafficEvent {
      TrafficEvent(
        operation: operation, element: .float, label: label.raw, peer: -1, count: count,
        bytes: 4 * count, context: TrafficContext(phase: 1, units: 2, usefulUnits: 1), start: from,
        end: to)
    }
    var sums = TrafficAccumulator()
    for event in [
      event(.allReduce, Traffic.tensor, count: 8, from: 0, to: 10),
      event(.startAllReduce, Traffic.tensor, count: 4, from: 20, to: 21),
      event(.wait, Traffic.tensor, from: 30, to: 35),
      event(.wait, Traffic.pipeline, from: 40, to: 47),
    ] { sums.add(event, moving: Double(event.end - event.start) / 1e9) }
    let found = sums.sorted
    #expect(found.map(\.operation) == ["wait", "all-reduce"])
    #expect(found.map(\.calls) == [1, 2] && found.map(\.bytes) == [0, 48])
    #expect(found[1].paddedBytes == 24)
    #expect(abs((found[1].communicationSeconds ?? 0) - 16e-9) < 1e-15)
    #expect(abs(found[1].seconds - 16e-9) < 1e-15)
  }
}

extension [String: PaddingRecord] {
  fileprivate var wireBytes: [String: Int] { mapValues(\.wireBytes) }
}
