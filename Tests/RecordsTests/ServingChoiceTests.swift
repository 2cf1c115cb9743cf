import Records
import Scheduling
import Testing
import Workloads

@Suite struct ServingChoiceTests {
  private static let small = """
    name: serve
    model:
      preset: qwen2.5-0.5b
      scale: 1/4
    layouts: [tp1]
    serving:
      systems: [static, dynamic+delay:5000, in-flight, in-flight+prefix-cache]
      arrivals: [poisson:2, closed:8]
      max-sequence-length: 256
      max-batch-size: 8
      max-num-tokens: 256
      slo: ttft:200 tpot:50
      requests:
        count: 40
        mix:
          - {name: rag, share: 0.25, prompt: "uniform:64-128", output: "uniform:4-16", shared-prefix: 48}
          - {name: chat, prompt: "uniform:4-32", output: "uniform:4-32", tenants: 2}
    """

  private func replacing(_ old: String, _ new: String) -> String {
    Self.small.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.drop { $0 == " " }.hasPrefix(old) ? new : String($0) }.joined(separator: "\n")
  }

  @Test func aServingJobIsReadWithItsDefaults() throws {
    let serving = try #require(try JobText.parse(Self.small).serving)
    #expect(
      serving.systems.map(\.description)
        == ["static", "dynamic+delay:5000", "in-flight", "in-flight+prefix-cache"])
    #expect(serving.loads == [.poisson(rate: 2), .closed(users: 8)])
    #expect(serving.blockSize == 16 && serving.kvFreeMemoryFraction == 0.9)
    #expect(serving.maxTokensInPagedKVCache == nil && serving.warmupRequests == nil)
    #expect(serving.levels.description == "ttft:200 tpot:50")
    guard case .mix(let mix) = serving.requests.source else {
      Issue.record("no mix")
      return
    }
    #expect(mix.kinds.map(\.name) == ["rag", "chat"] && mix.kinds[0].sharedPrefix == 48)
  }

  @Test func aServingJobSurvivesBeingWrittenAndReadAgain() throws {
    for settings in [
      [], ["serving.max-concurrency=4", "serving.arrivals=[poisson:1]"],
      ["serving.requests={count: 5, trace: t.csv, first: 2, longest-prompt: 99}"],
      ["serving.max-tokens-in-paged-kv-cache=4096", "serving.warm-up-requests=3"],
    ] {
      let job = try JobText.parse(Self.small, settings: settings)
      #expect(try JobFile.parse(job.yaml, file: "y", folder: ".") == job, "\(settings)")
    }
  }

  @Test func multiplesBecomeRatesAndLevelsByWhatTheCellServes() throws {
    let text = replacing("slo:", "  calibrate: true\n  slo: ttft:5x tpot:2x e2el:3x")
      .replacing("poisson:2", with: "poisson:0.5x")
    let job = try JobText.parse(text)
    #expect(try JobFile.parse(job.yaml, file: "y", folder: ".") == job)
    let serving = try #require(job.serving)
    #expect(serving.loads.map(serving.name) == ["poisson:0.5x", "closed:8"])
    // No request has two tokens: a level in multiples of TPOT is of nothing.
    let found = ServingCalibration(
      requestRate: 8, ttftMilliseconds: 12.5, tpotMilliseconds: nil, e2elMilliseconds: 40)
    #expect(
      serving.loads.map { serving.arrivals(of: $0, found) } == [
        .poisson(rate: 4), .closed(users: 8),
      ])
    #expect(serving.levels(found).description == "ttft:62.5 e2el:120")
    // Without multiples a job means what it says.
    let plain = try #require(try JobText.parse(Self.small).serving)
    #expect(
      plain.levels(nil) == plain.levels && plain.arrivals(of: plain.loads[0], nil) == plain.loads[0]
    )
    #expect(plain.loads.map(plain.name) == ["poisson:2", "closed:8"])
  }

  @Test func mistakesAreErrorsWithTheirPlaceAndTheValidChoices() {
    let complaints = [
      ("systems:", "  systems: [orca]", "7:13: serving.systems: unknown system 'orca'; valid"),
      ("systems:", "  systems: [static+prefix-cache]", "take mode in-flight"),
      ("systems:", "  systems: [in-flight, in-flight]", "is there twice"),
      ("systems:", "  systems: [in-flight+paged+contiguos]", "unknown option 'contiguos'"),
      ("arrivals:", "  arrivals: [uniform:2]", "valid forms: poisson:RATE"),
      ("arrivals:", "  arrivals: [trace]", "needs requests of a trace"),
      ("max-sequence-length", "", "max-sequence-length: is missing"),
      ("max-num-tokens", "  max-num-tokens: 7", "less than max_batch_size, 8"),
      ("slo:", "  slo: ttft", "12:8: serving.slo: 'ttft' is no service level"),
      ("count:", "    count: 0", "must be at least 1"),
      ("mix:", "    mixed:", "need one of: mix, trace"),
      ("- {name: chat", "      - {name: rag, prompt: chat, output: chat}", "'rag' is there twice"),
      ("- {name: chat", "      - {name: b, prompt: long, output: chat}", "unknown length distrib"),
      ("- {name: chat", "      - {name: b, prompt: chat, output: chat, salt: 1}", "mix.1.salt'"),
      ("layouts:", "layouts: [tp1]\npolicies: [packed]", "policies: is of jobs with batches"),
      ("layouts:", "layouts: [tp1]\nwarm-up: 1", "takes serving.warm-up-requests"),
      ("layouts:", "layouts: [tp1]\ntrace: true", "trace: is of jobs with batches"),
      ("layouts:", "layouts: [tp1]\nuntil-ci: 2%", "until-ci: is of jobs with batches"),
      ("slo:", "  calibrate: true\n  slo: ttft:5x", "poisson:2': rates are multiples here"),
      ("arrivals:", "  calibrate: true\n  arrivals: [poisson:1x]", "'ttft:200': levels are mult"),
      ("arrivals:", "  arrivals: [poisson:1x]", "expected a number"),
    ]
    for (old, new, expected) in complaints {
      let found = JobText.complaint(replacing(old, new))
      #expect(found.contains(expected), "\(found)")
    }
  }

  @Test func requestsAreCheckedAgainstTheLimits() throws {
    func complaint(_ settings: [String]) -> String {
      do {
        let job = try JobText.parse(Self.small, settings: settings)
        _ = try ResolvedJob(job, file: "jobs/x.yaml")
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(complaint([]) == "accepted")
    #expect(complaint(["serving.max-sequence-length=100"]).contains("max-sequence-length is 100"))
    #expect(complaint(["model={preset: bert-base}"]).contains("is an encoder"))
    #expect(complaint(["model={preset: qwen2.5-0.5b, max-positions: 128}"]).contains("exceed"))
    #expect(complaint(["serving.requests={count: 5, trace: none.csv}"]).contains("none.csv"))
  }

  @Test func verificationGetsTheFirstRequestsWithTheirTokens() throws {
    let resolved = try ResolvedJob(try JobText.parse(Self.small), file: "x.yaml")
    let requests = try resolved.servingRequests()
    #expect(requests.count == 40 && resolved.batches.count == 1)
    #expect(resolved.batches[0].count == resolved.job.verification.sequences)
    for (request, served) in zip(resolved.batches[0].requests, requests) {
      #expect(served.prompt == .tokens(request.tokens ?? []))
      #expect(served.outputTokens == request.outputLength)
    }
    #expect(resolved.positions == 256)
  }

  @Test func systemsAreReadBack() throws {
    for text in [
      "static", "static+paged", "dynamic+delay:100", "in-flight", "in-flight+contiguous",
      "in-flight+prefix-cache+whole-prompts+shortest-first+delay:7", "in-flight+priority",
      "in-flight+prefill-first",
    ] { #expect(try ServingSystem(parsing: text).description == text) }
    for text in [
      "in-flight+", "static+delay:5", "static+whole-prompts", "in-flight+contiguous+prefix-cache",
      "in-flight+priority+shortest-first", "in-flight+delay:0", "in-flight+paged+paged",
      "static+prefill-first",
    ] { #expect(throws: SchedulingError.self) { try ServingSystem(parsing: text) } }
  }
}
