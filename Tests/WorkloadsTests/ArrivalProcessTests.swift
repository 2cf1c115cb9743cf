import Statistics
import Testing
import Workloads

@Suite struct ArrivalProcessTests {
  private func gaps(_ text: String, count: Int = 4000) throws -> Sample {
    let times = try #require(try ArrivalProcess(parsing: text).times(count: count, seed: 5))
    #expect(times.count == count && times == times.sorted())
    return try Sample(zip(times, [0] + times).map { $0 - $1 })
  }

  @Test func gapsHaveTheMeanAndSpreadThatTheProcessSays() throws {
    // Standard errors of mean and deviation are 1.6 % and more; 4 of them are allowed.
    let poisson = try gaps("poisson:4")
    #expect(abs(poisson.mean - 0.25) < 0.25 * 0.064)
    #expect(abs(poisson.populationStandardDeviation / poisson.mean - 1) < 0.1)
    let bursty = try gaps("gamma:4,0.25")
    #expect(abs(bursty.mean - 0.25) < 0.25 * 0.13)
    #expect(abs(bursty.populationStandardDeviation / bursty.mean - 2) < 0.3)
    let even = try gaps("gamma:4,16")
    #expect(abs(even.populationStandardDeviation / even.mean - 0.25) < 0.02)
  }

  @Test func rampsGoFromOneRateToTheOther() throws {
    for text in ["ramp-linear:1-9", "ramp-exponential:1-9"] {
      let sample = try gaps(text, count: 20_000)
      let first = try Sample(Array(sample.values.prefix(500))).mean
      let last = try Sample(Array(sample.values.suffix(500))).mean
      #expect(abs(first * 1.1 - 1) < 0.25 && abs(last * 9 - 1) < 0.2, "\(text)")
      let middle = try Sample(Array(sample.values[9750..<10_250])).mean
      #expect(abs(middle * (text.hasPrefix("ramp-linear") ? 5 : 3) - 1) < 0.2, "\(text)")
    }
  }

  @Test func tracesAreAsRecordedAndSoManyTimesAsFast() throws {
    let process = try ArrivalProcess(parsing: "trace:2")
    #expect(try process.times(count: 3, seed: 1, recorded: [4, 5, 9]) == [0, 0.5, 2.5])
    #expect(try ArrivalProcess.atOnce.times(count: 2, seed: 1) == [0, 0])
    #expect(try ArrivalProcess.closed(users: 2).times(count: 2, seed: 1) == nil)
  }

  @Test func textFormsAreReadBack() throws {
    for text in [
      "poisson:4", "gamma:2.5,0.5", "ramp-linear:1-8", "ramp-exponential:0.5-8", "trace", "trace:4",
      "closed:16", "at-once",
    ] { #expect(try ArrivalProcess(parsing: text).description == text) }
    for text in [
      "poisson", "poisson:0", "poisson:-1", "poisson:inf", "gamma:1", "ramp-linear:1", "closed:0",
      "closed:1.5", "at-once:1", "uniform:3",
    ] {
      let error = #expect(throws: WorkloadError.self) { try ArrivalProcess(parsing: text) }
      #expect(error?.message.contains("'\(text)'") == true)
    }
  }

  @Test func aMixHasItsSharesPrefixesAndTenants() throws {
    let mix = ServingMix(kinds: [
      RequestKind(
        name: "rag", share: 1, prompt: "uniform:100-200", output: "fixed:4", sharedPrefix: 120,
        prefixes: 2, tenants: 3, priority: 1),
      RequestKind(name: "chat", share: 3, prompt: "uniform:1-20", output: "uniform:5-9"),
      RequestKind(name: "code", share: 2, prompt: "fixed:50", output: "fixed:9"),
    ])
    let entries = try mix.entries(count: 2000, seed: 3)
    #expect(entries.map(\.id) == Array(0..<2000))
    let rag = entries.filter { $0.kind == "rag" }
    // Binomial: standard deviations of 17 and 22; 4 of them are allowed.
    #expect(abs(rag.count - 333) < 68)
    #expect(abs(entries.count { $0.kind == "chat" } - 1000) < 89)
    #expect(rag.allSatisfy { $0.outputLength == 4 && $0.priority == 1 })
    #expect(rag.allSatisfy { $0.sharedTokens == min(120, $0.promptLength) })
    #expect(Set(rag.map(\.prefix)) == [0, 1])
    #expect(Set(rag.map(\.salt)) == ["rag-0", "rag-1", "rag-2"])
    #expect(entries.allSatisfy { $0.kind == "rag" || ($0.salt == "" && $0.sharedTokens == 0) })
    // The first requests do not depend on how many there are.
    #expect(try mix.entries(count: 10, seed: 3) == Array(entries.prefix(10)))
    let source = try TokenSource(seed: 3, vocabularySize: 500)
    let same = rag.filter { $0.prefix == 0 }.prefix(2).map { $0.tokens(from: source) }
    #expect(same[0].prefix(100) == same[1].prefix(100))
    #expect(same[0].dropFirst(120).first != same[1].dropFirst(120).first || same[0] != same[1])
  }

  @Test func ratesMayBeMultiplesOfSomething() throws {
    for text in [
      "poisson:0.5x", "gamma:2x,0.5", "ramp-linear:0.5x-1.5x", "ramp-exponential:1x-4x", "trace:2",
      "closed:3", "at-once",
    ] {
      let process = try ArrivalProcess(parsingMultiples: text)
      #expect(process.relativeDescription == text)
    }
    let scaled = try ArrivalProcess(parsingMultiples: "gamma:2x,0.5").scaled(by: 3)
    #expect(scaled == .gamma(rate: 6, burstiness: 0.5) && scaled.rate == 6)
    #expect(
      try ArrivalProcess(parsingMultiples: "ramp-linear:0.5x-1.5x").scaled(by: 4)
        == .ramp(.linear, from: 2, to: 6))
    #expect(ArrivalProcess.closed(users: 3).scaled(by: 7) == .closed(users: 3))
    for text in ["poisson:2", "gamma:2,0.5x", "ramp-linear:1x-2", "poisson:xx", "poisson:x"] {
      #expect(throws: WorkloadError.self, "\(text)") {
        try ArrivalProcess(parsingMultiples: text)
      }
    }
    #expect(throws: WorkloadError.self) { try ArrivalProcess(parsing: "poisson:2x") }
  }
}
