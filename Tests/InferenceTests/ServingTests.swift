import Records
import TestSupport
import Testing

/// Serving under every layout of one replica; see `engine-checks`.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct ServingTests {
  @Test(
    "Random schedules give the answers of one-by-one decoding, lose no block and send what the model says",
    // Three modes with four checks each, under every layout, dialect and reduction.
    arguments: [(ranks: 1, cases: 12, wanted: 12 * 12), (2, 3, 3 * 36), (4, 3, 3 * 72)])
  func schedules(ranks: Int, cases: Int, wanted: Int) throws {
    // Seeds are printed with each check; `engine-checks serving SEED 1` repeats one.
    let result = try Ranks.checks(ranks, ["serving", "1", "\(cases)"])
    #expect(result.allPassed(atLeast: wanted), "\(result.summary)")
  }

  @Test("Many short requests with preemption and reuse are answered once, and all blocks return")
  func soak() throws {
    let result = try Ranks.checks(2, ["soak", "500"])
    #expect(result.allPassed(atLeast: 10), "\(result.summary)")
  }

  @Test("A weight that is no number stops serving, naming rank and layer", arguments: [1, 2, 4])
  func numbers(ranks: Int) throws {
    let result = try Ranks.checks(ranks, ["numbers"])
    #expect(result.allPassed(atLeast: 4), "\(result.summary)")
  }

  // MARK: Jobs

  /// A job of 30 requests on a model of 4 layers.
  private func job(
    _ more: [String] = ["block-size: 4", "max-tokens-in-paged-kv-cache: 640"],
    longest: String = "30-50"
  ) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    let lines =
      [
        "name: test", "model:", "  preset: qwen2.5-0.5b", "  layers: 4", "  hidden: 32",
        "  heads: 8",
        "  kv-heads: 4", "  head-dimension: 4", "  feed-forward: 44", "  vocabulary: 97",
        "  max-positions: 64", "layouts: [tp1]", "repeats: 1", "serving:",
        "  systems: [static, dynamic+delay:2000, in-flight, in-flight+prefix-cache]",
        "  arrivals: [\"poisson:1000\", \"closed:3\"]", "  max-num-tokens: 64",
        "  max-batch-size: 8", "  max-sequence-length: 64",
      ] + more.map { "  " + $0 } + [
        "  requests:", "    count: 30", "    mix:",
        "      - {name: long, prompt: \"uniform:\(longest)\", output: \"uniform:2-8\", "
          + "shared-prefix: 16}",
        "      - {name: short, share: 3, prompt: \"uniform:2-10\", output: \"uniform:1-12\"}",
      ]
    try folder.write(lines.joined(separator: "\n") + "\n", to: "job.yaml")
    return folder
  }

  @Test(
    "A serving job is verified, answers every request under each system, and sends what the model says",
    arguments: [("tp1", 1), ("tp2", 2), ("pp2", 2)])
  func jobs(layout: String, ranks: Int) throws {
    let folder = try job()
    let out = folder.file("out")
    let result = try Ranks.run(ranks, job: folder.file("job.yaml"), layout: layout, out: out)
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = RunDirectory(path: out).cell(layout)
    let verified = try JSONLines.read(VerificationRecord.self, path: cell.verification)
    #expect(verified.count == 4 && verified.allSatisfy { $0.passed && $0.tokensCompared > 0 })
    let traffic = try JSONLines.read(TrafficCheckRecord.self, path: cell.trafficCheck)
    #expect(traffic.count == 8 && traffic.allSatisfy { $0.passed })
    let runs = try JSONLines.read(ServingRecord.self, path: cell.serving)
    #expect(runs.count == 8 && runs.allSatisfy { $0.completed == 30 && $0.refused == 0 })
    let requests = try JSONLines.read(RequestRecord.self, path: cell.requests)
    for run in runs {
      let answered = requests.filter { $0.run == run.run }
      #expect(answered.map(\.request).sorted() == Array(0..<30))
      #expect(answered.allSatisfy { $0.tokenSeconds.count == $0.outputTokens })
      // Nobody is served before the intended arrival, and tokens follow each other.
      #expect(
        answered.allSatisfy {
          $0.admittedSeconds >= $0.arrivalSeconds && $0.tokenSeconds == $0.tokenSeconds.sorted()
            && $0.tokenSeconds[0] > $0.admittedSeconds
        })
      let steps = try JSONLines.read(IterationRecord.self, path: cell.iterations)
        .filter { $0.run == run.run }
      #expect(steps.count == run.iterations && steps.allSatisfy { $0.stepSeconds > 0 })
      let isPadded = run.run.system.hasPrefix("static") || run.run.system.hasPrefix("dynamic")
      #expect((run.prefillSlots > run.prefillTokens) == isPadded)
    }
  }

  @Test("A pool without a block per running sequence, and a layout with replicas, are refused")
  func badJobs() throws {
    let small = try job(["block-size: 16", "max-tokens-in-paged-kv-cache: 64"])
    let pool = try Ranks.run(
      1, job: small.file("job.yaml"), layout: "tp1", out: small.file("out"))
    #expect(pool.exitCode == 2, "\(pool.summary)")
    #expect(pool.errors.count == 1 && pool.errors[0].contains("the pool has 4 KV blocks of 16"))
    let folder = try job()
    let replicas = try Ranks.run(
      2, job: folder.file("job.yaml"), layout: "dp2", out: folder.file("out"))
    #expect(replicas.exitCode == 2 && replicas.errors.count == 1, "\(replicas.summary)")
  }
}
