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
    _ serving: [String] = ["block-size: 4", "max-tokens-in-paged-kv-cache: 640"],
    more: [String] = [], arrivals: String = "poisson:1000, closed:3"
  ) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    let lines =
      [
        "name: test", "model:", "  preset: qwen2.5-0.5b", "  layers: 4", "  hidden: 32",
        "  heads: 8",
        "  kv-heads: 4", "  head-dimension: 4", "  feed-forward: 44", "  vocabulary: 97",
        "  max-positions: 64", "layouts: [tp1]", "repeats: 1",
      ] + more + [
        "serving:",
        "  systems: [static, dynamic+delay:2000, in-flight, in-flight+prefix-cache]",
        "  arrivals: [\(arrivals)]", "  max-num-tokens: 64",
        "  max-batch-size: 8", "  max-sequence-length: 64",
      ] + serving.map { "  " + $0 } + [
        "  requests:", "    count: 30", "    mix:",
        "      - {name: long, prompt: \"uniform:30-50\", output: \"uniform:2-8\", "
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
      // Plans are control traffic, and every rank sends its part of it.
      #expect((run.controlBytes ?? -1 > run.planBytes) == (ranks > 1), "\(run)")
      #expect((run.controlMessages ?? -1 > run.iterations) == (ranks > 1))
    }
    try checkRanks(cell, runs: runs, ranks: ranks, sharedStage: layout == "tp2")
  }

  /// Every rank has a record of each run for prefill, decode and what lies between.
  private func checkRanks(
    _ cell: CellDirectory, runs: [ServingRecord], ranks: Int, sharedStage: Bool
  ) throws {
    let records = try JSONLines.read(RankRecord.self, path: cell.node(0))
    #expect(records.count == runs.count * ranks * 3)
    for run in runs {
      let own = records.filter {
        $0.policy == run.run.system
          && $0.batch == (run.run.load == "poisson:1000" ? 0 : 1)
      }
      #expect(own.count == 3 * ranks)
      #expect(Set(own.map { "\($0.rank) \($0.phase)" }).count == 3 * ranks)
      for record in own {
        let parts = record.computeSeconds + record.communicationSeconds + record.idleSeconds
        #expect(abs(parts - record.wallSeconds) < 1e-6 && record.kvBytesUsed > 0)
        #expect(record.kvBytesUsed <= record.kvBytesReserved)
        if record.phase != "between" { #expect(record.computeSeconds > 0) }
        let names = Set(record.traffic.map(\.communicator))
        if record.phase == "between" {
          #expect(names.isSubset(of: ["control"]) && names.isEmpty == (ranks == 1))
          #expect(record.computeSeconds == 0)
        } else if sharedStage {
          #expect(names.contains("tensor") && record.communicationSeconds > 0)
          #expect(!names.contains("control"))
        }
      }
      // Bytes that ranks sent as control traffic are the run's.
      let control = own.flatMap { record in
        record.traffic.filter {
          $0.communicator == "control"
            && ($0.operation == "send" || $0.operation == "broadcast" && record.rank == 0)
        }
      }
      #expect(control.reduce(0) { $0 + $1.bytes } == run.controlBytes)
    }
  }

  @Test("Iterations of many slots sum in chunks and send what the model says")
  func chunks() throws {
    let folder = try job(more: ["reduction-chunks: 4"], arrivals: "closed:8")
    let out = folder.file("out")
    let result = try Ranks.run(
      2, job: folder.file("job.yaml"), layout: "tp2", out: out,
      ["--set", "serving.max-num-tokens=256"])
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = RunDirectory(path: out).cell("tp2")
    let verified = try JSONLines.read(VerificationRecord.self, path: cell.verification)
    #expect(verified.count == 4 && verified.allSatisfy { $0.passed && $0.tokensCompared > 0 })
    let traffic = try JSONLines.read(TrafficCheckRecord.self, path: cell.trafficCheck)
    #expect(traffic.count == 4 && traffic.allSatisfy { $0.passed })
    let runs = try JSONLines.read(ServingRecord.self, path: cell.serving)
    let records = try JSONLines.read(RankRecord.self, path: cell.node(0))
    for run in runs where run.run.system.hasPrefix("static") {
      let sums = records.filter { $0.policy == run.run.system && $0.rank == 1 }
        .flatMap(\.traffic).filter { $0.operation == "all-reduce" }
      #expect(sums.reduce(0) { $0 + $1.calls } > 9 * run.iterations, "\(sums)")
      #expect(sums.allSatisfy { $0.communicationSeconds ?? 0 > 0 })
    }
    #expect(runs.count == 4 && runs.allSatisfy { $0.completed == 30 })
  }

  @Test("Rates and levels in multiples are those of what the ranks were found to serve")
  func calibration() throws {
    let folder = try job(
      ["block-size: 4", "max-tokens-in-paged-kv-cache: 640", "calibrate: true", "slo: ttft:50x"],
      arrivals: "poisson:0.5x")
    let out = folder.file("out")
    let result = try Ranks.run(2, job: folder.file("job.yaml"), layout: "tp2", out: out)
    #expect(result.exitCode == 0, "\(result.summary)")
    let runs = try JSONLines.read(
      ServingRecord.self, path: RunDirectory(path: out).cell("tp2").serving)
    #expect(runs.count == 4 && Set(runs.map(\.run.load)) == ["poisson:0.5x"])
    for run in runs {
      let found = try #require(run.calibration)
      #expect(run.offeredRate == found.requestRate * 0.5 && found.requestRate > 0)
      let ttft = try #require(found.ttftMilliseconds)
      #expect(abs((run.levels.limits.first?.milliseconds ?? 0) - 50 * ttft) < 0.001)
      #expect(run.metrics["request_goodput"] != nil && run.completed == 30)
    }
  }

  @Test("Keys and values in bfloat16 are served from half the memory")
  func half() throws {
    func reserved(_ more: [String]) throws -> Int {
      let folder = try job(more: more)
      let out = folder.file("out")
      let result = try Ranks.run(1, job: folder.file("job.yaml"), layout: "tp1", out: out)
      #expect(result.exitCode == 0, "\(result.summary)")
      let cell = RunDirectory(path: out).cell("tp1")
      let runs = try JSONLines.read(ServingRecord.self, path: cell.serving)
      #expect(runs.count == 8 && runs.allSatisfy { $0.completed == 30 })
      let verified = try JSONLines.read(VerificationRecord.self, path: cell.verification)
      #expect(verified.count == 4 && verified.allSatisfy(\.passed))
      return try #require(
        JSONLines.read(RankRecord.self, path: cell.node(0)).first?.kvBytesReserved)
    }
    #expect(try reserved(["kv-precision: bf16"]) * 2 == reserved([]))
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
