import FoundationEssentials
import Records
import Scheduling
import Serving
import Testing
import Workloads

@Suite struct ServingFiguresTests {
  private let run = ServingRun(
    cell: "c", layout: "tp1", system: "in-flight", load: "gamma:4,0.5", repeatIndex: 0,
    origin: .measured, oversubscribed: false)

  private func request(
    _ id: Int, at arrival: Double, _ tokens: [Double], prompt: Int = 10
  ) -> RequestRecord {
    RequestRecord(
      run: run, request: id, kind: "chat", promptTokens: prompt, outputTokens: tokens.count,
      arrivalSeconds: arrival, admittedSeconds: arrival + 0.125, tokenSeconds: tokens,
      releasedSeconds: tokens[tokens.count - 1])
  }

  /// Two requests whose figures are worked out by hand.
  private var two: [RequestRecord] {
    [request(0, at: 1, [1.5, 1.75, 2.5]), request(1, at: 2, [2.25], prompt: 30)]
  }

  @Test func latenciesCountFromTheIntendedArrival() {
    let first = two[0]
    #expect(first.ttftMilliseconds == 500 && first.e2elMilliseconds == 1500)
    #expect(first.tpotMilliseconds == 500 && first.itlMilliseconds == [250, 750])
    #expect(two[1].tpotMilliseconds == nil && two[1].itlMilliseconds.isEmpty)
  }

  @Test func figuresCarryVLLMsNames() throws {
    let levels = try ServiceLevels(parsing: "ttft:300 tpot:600")
    let figures = ServingWindow(two, warmup: 0).metrics(levels: levels, ranks: 2)
    #expect(figures["mean_ttft_ms"] == 375 && figures["median_ttft_ms"] == 375)
    #expect(figures["std_ttft_ms"] == 125 && figures["p90_ttft_ms"] == 475)
    #expect(figures["mean_tpot_ms"] == 500 && figures["mean_itl_ms"] == 500)
    #expect(figures["mean_e2el_ms"] == 875 && figures["mean_queue_ms"] == 125)
    // 1 s to 2.5 s: 4 output tokens, 44 in all, 2 requests, of which the second is good.
    #expect(figures["duration"] == 1.5)
    #expect(figures["output_throughput"] == 4 / 1.5)
    #expect(figures["output_throughput_per_rank"] == 4 / 1.5 / 2)
    #expect(figures["total_token_throughput"] == 44 / 1.5)
    #expect(figures["request_throughput"] == 2 / 1.5)
    #expect(figures["request_goodput"] == 1 / 1.5)
    #expect(figures["output_tps_per_user"] == 2)
  }

  @Test func whatHasNoValueIsAbsent() {
    let figures = ServingWindow([two[1]], warmup: 0).metrics(levels: ServiceLevels(), ranks: 1)
    #expect(figures["mean_tpot_ms"] == nil && figures["mean_itl_ms"] == nil)
    #expect(figures["request_goodput"] == nil)
    #expect(ServingWindow([], warmup: 0).metrics(levels: ServiceLevels(), ranks: 1).isEmpty)
  }

  @Test func requestsThatFoundAnEmptyServerAreLeftOut() {
    // Ten slow ones, then steady: times to the first token of 1000 ms, then 100 ms.
    let requests = (0..<100).map { id in
      let arrival = Double(id)
      return request(id, at: arrival, [arrival + (id < 10 ? 1 : 0.1 + Double(id % 3) * 0.001)])
    }
    let window = ServingWindow(requests.shuffled())
    #expect(window.warmup == 10 && window.isSteady)
    #expect(window.start == 10 && window.requests.count == 90)
    #expect(ServingWindow(requests, warmup: 3).requests.first?.request == 3)
    // Too few to tell.
    let few = ServingWindow(Array(requests.prefix(12)))
    #expect(few.warmup == 0 && !few.isSteady)
  }

  @Test func serviceLevelsAreReadAndRefused() throws {
    #expect(try ServiceLevels(parsing: "tpot:50 ttft:200.5").description == "tpot:50 ttft:200.5")
    func refusal(_ text: String) -> String {
      do {
        _ = try ServiceLevels(parsing: text)
        return "none"
      } catch { return error.description }
    }
    #expect(refusal("itl:5").contains("valid names: ttft, tpot, e2el"))
    #expect(refusal("ttft:0").contains("above 0"))
    #expect(refusal("ttft:1 ttft:2") == "'ttft' is there twice")
    #expect(refusal(" ").contains("no service level"))
  }

  private func aggregated() throws -> (ServingRecord, [RequestRecord]) {
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 2, blockSize: 4, blockCount: 64)
    var scheduler = ContinuousScheduler(limits: limits)
    try scheduler.submit(
      ServingRequest(id: 0, prompt: .tokens([1, 2, 3, 4, 5]), outputTokens: 2, arrival: 0))
    var iterations: [IterationRecord] = []
    var requests: [RequestRecord] = []
    var now = 0.0
    while case .run(let plan) = scheduler.next(now: now, moreArrivals: false) {
      iterations.append(
        IterationRecord(
          run: run, plan: plan, scheduler: scheduler, preemptions: 0, startSeconds: now,
          stepSeconds: 0.5, planBytes: 4 * plan.encoded().count))
      now += 0.5
      requests += scheduler.complete(plan.id, sampled: [0: 9], now: now)
        .map {
          RequestRecord(
            $0, entry: ServingEntry(id: 0, kind: "chat", promptLength: 5, outputLength: 2), run: run
          )
        }
    }
    let record = ServingRecord(
      run: run, requests: requests, iterations: iterations, refused: 1, limits: limits,
      levels: ServiceLevels(), warmup: 0, ranks: 1)
    return (record, requests)
  }

  @Test func aRunIsAddedUp() throws {
    let (record, requests) = try aggregated()
    #expect(requests[0].tokenSeconds == [0.5, 1])
    #expect(record.iterations == 2 && record.requests == 2 && record.completed == 1)
    #expect(record.prefillTokens == 5 && record.prefillSlots == 5 && record.decodeSlots == 1)
    #expect(record.pairs == 15 + 6 && record.usefulPairs == 21)
    // Two blocks of 4: 5, then 6 slots of 8 filled, half a second each.
    #expect(record.memoryWaste == (3.0 / 8 + 2.0 / 8) / 2)
    #expect(record.peakRunning == 1 && record.planBytes > 0)
    // The second output token is not stored: 6 tokens are two blocks of 4.
    #expect(record.meanRequestBlocks == 2 && record.offeredRate == 4)
    let line = try JSONText.line(record)
    #expect(try JSONText.decode(ServingRecord.self, from: line, source: "x") == record)
  }

  @Test func theVLLMExportHasTheKeysThatScriptsRead() throws {
    let (record, requests) = try aggregated()
    let export = VLLMExport(record, requests: requests, model: "m/x", date: "20260131-235959")
    #expect(export.fileName == "padtax-in-flight-gamma_4_0.5-m_x-20260131-235959.json")
    let json = try JSONValue.object(JSONText.line(export))
    for key in [
      "date", "backend", "model_id", "tokenizer_id", "num_prompts", "duration", "completed",
      "total_input_tokens", "total_output_tokens", "request_throughput", "output_throughput",
      "total_token_throughput", "mean_ttft_ms", "median_ttft_ms", "std_ttft_ms", "p99_ttft_ms",
      "mean_tpot_ms", "p99_itl_ms", "mean_e2el_ms", "input_lens", "output_lens", "ttfts", "itls",
      "generated_texts", "errors", "start_times", "endpoint_type", "label", "failed",
      "max_concurrency", "max_concurrent_requests", "max_output_tokens_per_s", "request_goodput",
    ] { #expect(json.keys.contains(key), "\(key)") }
    // Tokens after half a second and after a whole one: one in each second.
    #expect(json["max_output_tokens_per_s"] == .number(1))
    #expect(json["request_rate"] == .number(4) && json["burstiness"] == .number(0.5))
    #expect(json["ttfts"] == .list([.number(0.5)]))
    #expect(json["itls"] == .list([.list([.number(0.5)])]))
    #expect(json["total_input_tokens"] == .number(5))
  }

  @Test func eachRunHasAFolderWithAFilePerFormat() throws {
    var (record, requests) = try aggregated()
    record.run.load = "gamma:0.5x,0.5"
    record.offeredRate = 7
    for index in requests.indices { requests[index].run = record.run }
    func files(_ formats: Set<ServingExport.Format>) throws -> [(path: String, text: String)] {
      try ServingExport.files(
        record, requests: requests, model: "m", start: "2026-01-31T23:59:59Z",
        end: "2026-02-01T00:00:00Z", formats: formats)
    }
    let both = try files([.vllm, .aiperf])
    #expect(
      both.map(\.path) == [
        "c/in-flight-gamma_0.5x_0.5-repeat0/padtax-in-flight-gamma_0.5x_0.5-m-20260131-235959.json",
        "c/in-flight-gamma_0.5x_0.5-repeat0/profile_export_aiperf.json",
      ])
    #expect(try files([.aiperf]).map(\.path) == [both[1].path])
    // The rate is what the multiple came to.
    let json = try JSONValue.object(both[0].text)
    #expect(json["request_rate"] == .number(7) && json["burstiness"] == .number(0.5))
    #expect(json["ttfts"] == .list([.number(0.5)]))
  }

  @Test func calibrationTakesTheRateOfAllAndTheLatenciesOfOne() throws {
    var (saturated, _) = try aggregated()
    var alone = saturated
    saturated.metrics = ["request_throughput": 8, "p90_ttft_ms": 900]
    alone.metrics = ["request_throughput": 1, "p90_ttft_ms": 20, "p90_e2el_ms": 90]
    let found = try ServingCalibration(saturated: saturated, alone: alone)
    #expect(
      found
        == ServingCalibration(
          requestRate: 8, ttftMilliseconds: 20, tpotMilliseconds: nil, e2elMilliseconds: 90))
    saturated.metrics = [:]
    #expect(throws: RecordError.self) { try ServingCalibration(saturated: saturated, alone: alone) }
  }

  @Test func theAIPerfExportHasABlockPerMetric() throws {
    let (record, requests) = try aggregated()
    let export = AIPerfExport(
      record, requests: requests, start: "2026-01-31T23:59:59Z", end: "2026-02-01T00:00:00Z")
    let json = try JSONValue.object(JSONText.line(export))
    guard case .object(let block) = json["time_to_first_token"] else {
      Issue.record("no block")
      return
    }
    #expect(block["unit"] == .text("ms") && block["avg"] == .number(500))
    #expect(block["p99"] == .number(500) && block["count"] == .number(1))
    guard case .object(let rate) = json["request_throughput"] else {
      Issue.record("no throughput")
      return
    }
    #expect(rate["unit"] == .text("requests/sec") && rate["avg"] == .number(1))
    #expect(rate["p99"] == nil && rate["count"] == nil)
    for key in ["inter_token_latency", "request_latency", "output_sequence_length"] {
      #expect(json.keys.contains(key), "\(key)")
    }
  }
}

/// A JSON object as values that can be compared.
enum JSONValue: Decodable, Hashable {
  case number(Double)
  case text(String)
  case flag(Bool)
  case list([JSONValue])
  case object([String: JSONValue])
  case null

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let list = try? value.decode([JSONValue].self) {
      self = .list(list)
    } else if value.decodeNil() {
      self = .null
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  static func object(_ text: String) throws -> [String: JSONValue] {
    try JSONText.decode([String: JSONValue].self, from: text, source: "export")
  }
}
