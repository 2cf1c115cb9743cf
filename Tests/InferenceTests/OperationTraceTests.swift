import Records
import TestSupport
import Testing

@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct OperationTraceTests {
  @Test("a traced execution's calls are those of the rank's record, in its time, and only of one")
  func calls() throws {
    for layout in ["tp2", "pp2"] {
      let folder = try JobFolder(more: ["trace: true", "micro-batches: 2"])
      let result = try Ranks.run(2, job: folder.job, layout: layout, out: folder.out)
      try #require(result.exitCode == 0, "\(result.summary)")
      let batches = try folder.records(BatchRecord.self, folder.cell(layout).batches)
      for rank in 0..<2 {
        let path = folder.cell(layout).node(0)
        let calls = try folder.records(OperationRecord.self, path).filter { $0.rank == rank }
        let records = try folder.records(RankRecord.self, path).filter { $0.rank == rank }
        for policy in ["right-pad", "left-pad", "packed"] {
          let own = calls.filter { $0.policy == policy && $0.communicator != "control" }
          let batch = try #require(
            batches.first { $0.policy == policy && !$0.warmup && $0.repeatIndex == 0 })
          #expect(
            own.allSatisfy {
              $0.rank == rank && $0.peer.map { $0 == 1 - rank } ?? true || layout == "tp2"
            })
          #expect(own.allSatisfy { 0 <= $0.startSeconds && $0.startSeconds <= $0.endSeconds })
          let last = own.map(\.endSeconds).max() ?? 0
          #expect(last > 0 && last < 2 * batch.totalSeconds + 0.1, "\(last)")
          let counted = records.filter {
            $0.policy == policy && !$0.warmup && $0.repeatIndex == 0
          }.flatMap(\.traffic).filter { $0.communicator != "control" }
          #expect(own.count == counted.reduce(0) { $0 + $1.calls }, "\(layout) \(policy)")
          for (sum, expected) in [
            (own.reduce(0) { $0 + $1.bytes }, counted.reduce(0) { $0 + $1.bytes }),
            (own.reduce(0) { $0 + $1.paddedBytes }, counted.reduce(0) { $0 + $1.paddedBytes }),
          ] {
            #expect(sum == expected && sum >= 0, "\(layout) \(policy)")
          }
        }
      }
    }
  }
}
