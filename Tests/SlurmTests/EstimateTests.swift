import Models
import Records
import Testing

@testable import Inference
@testable import Slurm

@Suite struct EstimateTests {
  private func resolved(_ settings: [String]) throws -> ResolvedJob {
    let folder = try JobFolder(layouts: "[tp1]")
    let job = try JobFile.read(path: folder.job, settings: settings)
    return try ResolvedJob(job, file: folder.job)
  }

  private func seconds(_ settings: [String], layout: String = "tp1", gflops: Int = 10) throws -> Int
  {
    var site = SiteSettings(cpus: 8, memoryBytes: 1 << 36)
    site.gflops = gflops
    return try TimeEstimate.seconds(
      resolved(settings), ParallelLayout(parsing: layout), site: site)
  }

  @Test("the smallest job gets ten minutes")
  func least() throws { #expect(try seconds([]) == 600) }

  @Test("time grows with the work, in steps of ten minutes")
  func work() throws {
    let model = [
      "model.layers=4", "model.hidden=1024", "model.feed-forward=4096", "model.vocabulary=50000",
    ]
    let once = try seconds(model + ["repeats=1000"])
    let twice = try seconds(model + ["repeats=2000"])
    #expect(once > 600 && once % 600 == 0)
    // Five minutes of it are the start.
    #expect(abs((twice - 300) - 2 * (once - 300)) <= 1200)
    #expect(try seconds(model + ["repeats=1000"], layout: "tp2") < once)
    #expect(try seconds(model + ["repeats=1000"], gflops: 1) > once)
    #expect(try seconds(model + ["repeats=1000", "policies=[one-by-one, packed]"]) > once)
  }

  @Test("absurd work is a number all the same")
  func absurd() throws {
    let size = ["model.layers=4096", "model.hidden=65536", "model.feed-forward=65536"]
    #expect(try seconds(size + ["repeats=100000"]) == 1_000_000_000)
  }

  @Test(
    "times are written as Slurm reads them",
    arguments: [(59, "00:00:59"), (3600, "01:00:00"), (86_399, "23:59:59"), (90_061, "1-01:01:01")])
  func text(seconds: Int, text: String) {
    #expect(TimeEstimate.text(seconds) == text)
    #expect(SiteFile.seconds(text) == seconds)
  }

  @Test(
    "no rank counts more than the estimate of memory",
    arguments: [
      "right-pad", "packed", "one-by-one", "sorted", "\"bucketed:8,16,32,64\"", "multi-bin:4",
      "fixed:40", "megatron-iterative",
    ])
  func memory(policy: String) throws {
    for (index, layout) in ["tp1", "tp2", "pp2", "tp2pp2dp2", "pp4dp2"].enumerated() {
      for micro in [1, 3] {
        let folder = try JobFolder(layouts: "[\(layout)]")
        let settings = [
          "policies=[\(policy)]", "micro-batches=\(micro)", "model.max-positions=4096",
          "workload={generate: \"uniform:1-40\", batch-size: 16, batches-taken: 1}",
          "output-tokens=\(1 + 6 * index)",
        ]
        let job = try JobFile.read(path: folder.job, settings: settings)
        let resolved = try ResolvedJob(job, file: folder.job, settings: settings)
        let layout = try ParallelLayout(parsing: layout)
        let estimate = try MemoryEstimate(resolved, layout)
        let counted = try (0..<layout.worldSize).map { rank in
          let need = try MemoryCheck(resolved: resolved, layout: layout, rank: rank).estimate()
          return need.weights + need.kv + need.activations
        }
        let most = counted.max() ?? 0
        let bound = estimate.rankBytes - MemoryEstimate.programBytes
        #expect(most <= bound, "\(layout), \(micro) micro-batches")
        // Far above would ask for nodes that nobody needs.
        #expect(bound < 12 * most, "\(layout), \(micro) micro-batches")
      }
    }
  }

  @Test("a node needs its ranks' memory, and the reference's where there is room")
  func node() throws {
    let estimate = try MemoryEstimate(resolved([]), .single)
    #expect(estimate.nodeBytes(tasks: 2, available: 2 * estimate.rankBytes - 1) == nil)
    #expect(
      estimate.nodeBytes(tasks: 2, available: 1 << 40)
        == 2 * estimate.rankBytes + estimate.referenceBytes)
  }
}
