import Hardware
import Models
import Networks
import Records
import Scheduling
import Serving
import Testing
import Workloads

@testable import Simulation

@Suite struct ServingWalkTests {
  private func session(
    _ lengths: [(prompt: Int, output: Int)], _ arrivals: ArrivalProcess = .atOnce,
    chunk: Int = 64, stages: Int = 1, mode: BatchingMode = .inFlight
  ) throws -> ServingSession {
    try ServingSession(
      lengths: lengths, arrivals: arrivals,
      limits: SchedulerLimits(
        mode: mode, maxNumTokens: chunk, maxBatchSize: 16, blockSize: 4, blockCount: 4096,
        iterationsInFlight: stages))
  }

  private func run(_ session: ServingSession, _ deployment: Deployment) throws -> ServingSession {
    var session = session
    var walk = try ServingWalk(deployment)
    try walk.run(&session)
    return session
  }

  @Test func `one request takes what its prefill and its decode steps take`() throws {
    let deployment = try Example.deployment(
      "tp1", device: Example.device(overheads: .init(step: 1e-3, perSequence: 1e-4)))
    let served = try run(session([(prompt: 40, output: 5)]), deployment)
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [40], outputLengths: [5], microBatches: 1)
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan)
    let request = try #require(served.requests.first)
    #expect(abs(request.tokenSeconds[0] / timeline.batchTTFT - 1) < 1e-9)
    #expect(abs(request.completedSeconds / timeline.total - 1) < 1e-9)
  }

  @Test func `a static batch takes what the engine's plan of it takes`() throws {
    let deployment = try Example.deployment("tp1")
    let served = try run(
      session([(30, 4), (12, 2), (21, 4)], chunk: 256, mode: .static), deployment)
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [30, 12, 21], outputLengths: [4, 2, 4], microBatches: 1)
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan)
    #expect(abs((served.requests[0].tokenSeconds[0]) / timeline.batchTTFT - 1) < 1e-9)
  }

  @Test func `a pipeline of equal stages has as many iterations under way as stages`() throws {
    // One head column, so that stages are equal; one chunk after another of one long prompt.
    let model = try Example.model(layers: 8, vocabulary: 8)
    func seconds(_ layout: String, stages: Int) throws -> Double {
      let deployment = try Example.deployment(
        layout, model: model,
        device: Example.device(FLOPModel(free: [model.vocabularySize])))
      let served = try run(
        session(Array(repeating: (64, 1), count: 16), stages: stages), deployment)
      #expect(served.scheduler.plansInFlight == 0)
      return served.requests.map(\.completedSeconds).max() ?? 0
    }
    let (one, four) = (try seconds("tp1", stages: 1), try seconds("pp4", stages: 4))
    // 16 chunks through 4 stages: (16 + 3)/4 of a chunk's time instead of 16.
    #expect(abs(four / one - 19.0 / (4 * 16)) < 1e-6)
  }

  @Test func `arrivals are waited for, and latencies count from them`() throws {
    let served = try run(
      session(Array(repeating: (8, 2), count: 30), .poisson(rate: 50)),
      Example.deployment("tp1"))
    #expect(served.requests.count == 30)
    #expect(served.requests.allSatisfy { $0.tokenSeconds[0] > $0.arrivalSeconds })
    let last = try #require(served.requests.map(\.arrivalSeconds).max())
    #expect(last > 0.2 && served.requests.contains { $0.completedSeconds > last })
  }

  @Test func `a closed loop never has more requests under way than users`() throws {
    let served = try run(
      session(Array(repeating: (8, 3), count: 20), .closed(users: 3)), Example.deployment("tp2"))
    for request in served.requests {
      let others = served.requests.count {
        $0.arrivalSeconds <= request.arrivalSeconds
          && $0.completedSeconds > request.arrivalSeconds
      }
      #expect(others <= 3)
    }
  }
}

@Suite struct ServingTableTests {
  private static let header = ServingTable.columns.joined(separator: ",")
  private static let good = "Qwen/Qwen3-32B,h100_sxm,256,16,2.0,1.0,4,100,10"

  private func table(_ rows: String...) throws -> ServingTable {
    try ServingTable(
      parsing: ([Self.header] + rows).joined(separator: "\n"), source: "s.csv", hardware: "h100")
  }

  @Test(arguments: [
    (",100,10", ",,10", "column silicon_ttft_ms is missing; it must be a number above 0"),
    (",100,10", ",100,-1", "column silicon_tpot_ms is '-1'; it must be a number above 0"),
    (",100,10", ",fast,10", "column silicon_ttft_ms is 'fast'"),
    (",100,10", ",nan,10", "column silicon_ttft_ms is 'nan'"),
    (",256,", ",25.5,", "column isl is '25.5'; it must be a whole number"),
    (",4,", ",0,", "column concurrency is '0'"),
    ("Qwen3-32B", "Qwen9", "column model_path is 'Qwen/Qwen9'; its last part must be a preset"),
    ("h100_sxm", "a100_sxm", "column system is 'a100_sxm'; the rows must be of h100"),
    (",2.0,", ",3.0,", "column tp_size is '3.0'"),
    (",100,10", ",100", "8 fields; wanted 9"),
  ])
  func `a bad row is named with line and column, the others are judged`(
    part: String, bad: String, message: String
  ) throws {
    let table = try table(Self.good.replacing(part, with: bad), Self.good)
    #expect(table.problems.count == 1)
    #expect(table.problems[0].hasPrefix("s.csv:2: "), "\(table.problems)")
    #expect(table.problems[0].contains(message), "\(table.problems)")
    #expect(table.rows.map(\.line) == [3])
  }

  @Test func `a table without a column or a row is refused`() {
    #expect(throws: SimulationError.self) { try table() }
    #expect(throws: SimulationError.self) {
      try ServingTable(parsing: "isl,osl\n1,2\n", source: "s.csv", hardware: "h100")
    }
  }

  @Test func `an engine's overheads are found again from its own times`() throws {
    let hardware = try HardwareCatalogue.accelerator("h100")
    var truth = ServingEngine()
    truth.step = 2e-3
    truth.perSequence = 5e-5
    truth.request = 0.03
    var rows: [ServingTable.Row] = []
    for (line, (users, prompt, output)) in [(2, 300, 6), (4, 900, 4), (8, 500, 8), (3, 2000, 5)]
      .enumerated()
    {
      let asked = ServingTable.Row(
        line: line, model: try .preset("qwen2.5-7b"), layout: try ParallelLayout(parsing: "tp2"),
        prompt: prompt, output: output, users: users, ttft: 1, tpot: 1)
      let times = try truth.times(of: asked, on: hardware, network: nil)
      rows.append(
        ServingTable.Row(
          line: line, model: asked.model, layout: asked.layout, prompt: prompt, output: output,
          users: users, ttft: times.ttft, tpot: times.tpot))
    }
    let table = ServingTable(source: "made", rows: rows)
    let prediction = ServingPrediction(
      table, calibration: Array(rows.dropLast()), hardware: hardware, network: nil)
    #expect(prediction.lines.map(\.isHeldOut) == [false, false, false, true])
    for line in prediction.lines {
      #expect(abs(line.ttftError) < 0.01 && abs(line.tpotError) < 0.01, "\(prediction.engine)")
    }
    #expect(abs(prediction.engine.request / truth.request - 1) < 0.1)
  }

  @Test func `a model that does not fit is a problem of its row`() throws {
    let table = try table(Self.good.replacing(",2.0,", with: ",1.0,"), Self.good)
    var device = try HardwareCatalogue.accelerator("a100-40gb")
    device.overheads = EngineOverheads()
    let prediction = ServingPrediction(table, calibration: [], hardware: device, network: nil)
    #expect(prediction.problems.count == 1 && prediction.lines.count == 1)
    #expect(prediction.problems[0].hasPrefix("s.csv:2: "))
    #expect(prediction.problems[0].contains("does not fit"))
  }
}
