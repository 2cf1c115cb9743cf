import FoundationEssentials
import Records
import TestSupport
import Testing

/// Jobs under the virtual clock: 4 ranks on however many cores there are.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct VirtualClockTests {
  private static let network = [
    "clock: virtual", "network: nvlink3-a100+infiniband-hdr", "nodes: 2", "micro-batches: 2",
  ]

  private struct Run {
    let folder: JobFolder
    let provenance: Provenance
    let batches: [BatchRecord]
    let ranks: [RankRecord]

    /// The batches without what the wall clock says.
    var virtual: [BatchRecord] {
      batches.map {
        var batch = $0
        batch.elapsedTTFTSeconds = nil
        batch.elapsedSeconds = nil
        return batch
      }
    }
  }

  /// Runs a job on 4 ranks; `counted` with a processor that takes 10 ns from look to look.
  private func run(
    _ more: [String], counted: Bool = false
  ) throws -> Run {
    let layout = "tp2pp2"
    let folder = try JobFolder(more: more)
    let result =
      counted
      ? try Ranks.checks(4, ["counted-time", folder.job, layout, folder.out])
      : try Ranks.run(4, job: folder.job, layout: layout, out: folder.out)
    try #require(result.exitCode == 0, "\(result.summary)")
    let cell = folder.cell(layout)
    let text = try String(contentsOfFile: cell.provenance, encoding: .utf8)
    return Run(
      folder: folder,
      provenance: try JSONText.decode(Provenance.self, from: text, source: cell.provenance),
      batches: try folder.records(BatchRecord.self, cell.batches),
      ranks: try folder.rankRecords(layout, ranks: 4))
  }

  @Test(
    "records say what was pretended, and answers and bytes are those of a run by the wall clock")
  func records() throws {
    let virtual = try run(Self.network + ["compute-token: one", "compute-scale: 2.5"])
    let wall = try run(["micro-batches: 2"])
    #expect(virtual.batches.allSatisfy { $0.origin == .virtual })
    #expect(virtual.ranks.allSatisfy { $0.origin == .virtual })
    #expect(wall.batches.allSatisfy { $0.origin == .measured })
    #expect(wall.ranks.allSatisfy { $0.origin == .measured })
    #expect(wall.batches.allSatisfy { $0.elapsedTTFTSeconds == nil && $0.elapsedSeconds == nil })
    for batch in virtual.batches {
      let first = try #require(batch.elapsedTTFTSeconds)
      let whole = try #require(batch.elapsedSeconds)
      #expect(first > 0 && whole > first, "\(batch)")
    }
    #expect(virtual.provenance.clock == "virtual" && wall.provenance.clock == "wall")
    #expect(wall.provenance.virtualTime == nil)
    let time = try #require(virtual.provenance.virtualTime)
    #expect(time.network == "nvlink3-a100+infiniband-hdr" && time.nodes == 2)
    #expect(time.networkSource.hasPrefix("nvlink3-a100 (") && time.computeScale == 2.5)
    #expect(time.computeTokens == 1)
    #expect(!virtual.provenance.warnings.contains { $0.contains("trusted") })
    #expect(virtual.batches.map(\.tokenDigest) == wall.batches.map(\.tokenDigest))
    func traffic(_ run: Run) -> [[TrafficTotal]] {
      run.ranks.map { record in
        // How often a rank finds its sends done is left to chance by the wall clock.
        record.traffic.filter { $0.operation != "wait" }.map {
          var total = $0
          total.seconds = 0
          total.communicationSeconds = nil
          return total
        }
      }
    }
    #expect(traffic(virtual) == traffic(wall))
  }

  @Test("each rank's phases add up, and virtual time does not depend on what else runs")
  func countedTime() throws {
    let first = try run(Self.network, counted: true)
    let second = try run(Self.network + ["compute-token: off"], counted: true)
    #expect(first.virtual == second.virtual)
    #expect(first.ranks.map(Times.init) == second.ranks.map(Times.init))
    for record in first.ranks {
      let sum = record.computeSeconds + record.communicationSeconds + record.idleSeconds
      #expect(abs(sum - record.wallSeconds) < 1e-12, "\(record)")
      #expect(record.idleSeconds >= 0 && record.communicationSeconds >= 0, "\(record)")
      // Whole looks at the processor: nothing was cut to make the sum right.
      let looks = record.computeSeconds * 1e8
      #expect(abs(looks - looks.rounded()) < 1e-6 && looks > 1, "\(record)")
    }
    // The slowest network in the path is between the nodes: 4 ranks on one node are faster.
    let near = try run(
      ["clock: virtual", "network: nvlink3-a100", "micro-batches: 2"], counted: true
    )
    for (far, near) in zip(first.batches, near.batches) {
      #expect(near.batchTTFTSeconds < far.batchTTFTSeconds)
      #expect(near.totalSeconds < far.totalSeconds)
    }
  }

  @Test("decode steps have a scale of their own")
  func decodeScale() throws {
    func times(_ scale: Int) throws -> Run {
      let scales = ["compute-scale: 2", "decode-scale: \(scale)"]
      return try run(Self.network + scales, counted: true)
    }
    let (same, faster) = (try times(2), try times(8))
    #expect(faster.provenance.virtualTime?.decodeScale == 8)
    #expect(same.batches.map(\.batchTTFTSeconds) == faster.batches.map(\.batchTTFTSeconds))
    for (slow, fast) in zip(same.ranks, faster.ranks) {
      let scale = slow.phase == "decode" ? 4.0 : 1
      #expect(abs(slow.computeSeconds - scale * fast.computeSeconds) < 1e-7, "\(slow), \(fast)")
    }
  }

  /// What of a rank's record is a count, a byte or a time.
  private struct Times: Equatable {
    let numbers: [Double]
    let traffic: [TrafficTotal]
    init(_ record: RankRecord) {
      numbers = [
        record.wallSeconds, record.computeSeconds, record.communicationSeconds, record.idleSeconds,
      ]
      traffic = record.traffic
    }
  }
}
