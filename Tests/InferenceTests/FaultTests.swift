import FoundationEssentials
import Glibc
import Records
import TestSupport
import Testing

/// Engines that compute wrongly, and ranks that die.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct FaultTests {
  @Test("A rank with wrong weights: no policy is timed, and the job ends with code 1")
  func wrongWeights() throws {
    let folder = try JobFolder()
    let result = try Ranks.checks(2, ["wrong-weights", folder.job, "tp2", folder.out])
    #expect(result.exitCode == 1, "\(result.summary)")
    let cell = folder.cell("tp2")
    let verified = try folder.records(VerificationRecord.self, cell.verification)
    #expect(verified.map(\.policy) == ["right-pad", "left-pad", "packed"])
    #expect(verified.allSatisfy { !$0.passed && $0.failure != nil })
    #expect(verified.allSatisfy { $0.maxLogitError > $0.tolerance })
    #expect(try folder.records(BatchRecord.self, cell.batches).isEmpty)
    #expect(try folder.records(RankRecord.self, cell.node(0)).isEmpty)
    #expect(result.errors.count == 1 && result.standardError.contains("answers are wrong"))
    #expect(cell.state() == .error)
  }

  @Test("A backend that forgets the mask: padded policies have no timing, packed has one")
  func forgottenMask() throws {
    let folder = try JobFolder()
    let result = try Ranks.checks(2, ["no-mask", folder.job, "pp2", folder.out])
    #expect(result.exitCode == 1, "\(result.summary)")
    let cell = folder.cell("pp2")
    let verified = try folder.records(VerificationRecord.self, cell.verification)
    #expect(verified.map(\.passed) == [false, false, true], "\(verified)")
    let batches = try folder.records(BatchRecord.self, cell.batches)
    #expect(Set(batches.map(\.policy)) == ["packed"] && batches.count == 3)
    for rank in 0..<2 {
      let records = try folder.records(rank: rank, "pp2")
      #expect(Set(records.map(\.policy)) == ["packed"] && records.count == 6)
    }
    for policy in ["right-pad", "left-pad"] {
      #expect(result.standardError.contains("pp2 \(policy): answers are wrong"))
    }
  }

  @Test(
    "Traffic that is not the predicted one: measured all the same, named to the operation, code 1")
  func wrongTraffic() throws {
    let folder = try JobFolder()
    let result = try Ranks.checks(2, ["wrong-traffic", folder.job, "tp2", folder.out])
    #expect(result.exitCode == 1, "\(result.summary)")
    let cell = folder.cell("tp2")
    // Three policies, a warm-up and two repeats.
    #expect(try folder.records(BatchRecord.self, cell.batches).count == 9)
    let records = try folder.records(TrafficCheckRecord.self, cell.trafficCheck)
    #expect(records.map(\.policy) == ["right-pad", "left-pad", "packed"])
    #expect(records.allSatisfy { !$0.passed && $0.executions == 3 && $0.ranks == 2 })
    // After the embedding and two sums in each of 4 layers the ranks gather logits; a fifth layer
    // would sum [4 x 9 slots, 32] once more.
    #expect(
      records[0].difference
        == TrafficDifference(
          rank: 0, execution: 0, index: 9,
          expected: "prefill all-reduce on tensor, 1152 float (4608 bytes), 36 units of which 18 "
            + "useful",
          found:
            "prefill gather on tensor with root 0, 388 float (1552 bytes), 4 units of which 4 useful"
        ))
    #expect(
      result.standardError.contains("tp2 packed, batch 0: traffic is not the model's: rank 0"))
    #expect(cell.state() == .error)
  }

  @Test("A sound engine passes the same way: every policy is timed, code 0")
  func soundEngine() throws {
    let folder = try JobFolder()
    let result = try Ranks.run(2, job: folder.job, layout: "tp2", out: folder.out)
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = folder.cell("tp2")
    let verified = try folder.records(VerificationRecord.self, cell.verification)
    #expect(verified.count == 3 && verified.allSatisfy { $0.passed && $0.tokensCompared == 13 })
    #expect(try folder.records(BatchRecord.self, cell.batches).count == 9)
    #expect(cell.state() == .done && result.errors.isEmpty)
    let traffic = try folder.records(TrafficCheckRecord.self, cell.trafficCheck)
    #expect(traffic.count == 3 && traffic.allSatisfy { $0.passed && $0.executions == 3 })
  }

  @Test("SIGKILL to one rank while it measures ends the launch; what was written stays readable")
  func killedRank() async throws {
    let folder = try JobFolder(more: ["output-tokens: 6"])
    let cell = folder.cell("tp2")
    var killed: Double?
    let result = try await folder.runEndlessly("tp2") { second in
      kill(second, SIGKILL)
      killed = Self.now()
    }
    let moment = try #require(killed, "\(result.summary)")
    #expect(result.exitCode != 0 && !result.timedOut, "\(result.summary)")
    #expect(Self.now() - moment < 15)
    // Every line but a torn last one can be read, on both ranks.
    let batches = try folder.records(BatchRecord.self, cell.batches)
    #expect(batches.count > 10 && Set(batches.map(\.tokenDigest)).count == 1)
    for rank in 0..<2 {
      #expect(try folder.records(rank: rank, "tp2").count >= 20)
    }
    #expect(cell.state() == .ready)
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
