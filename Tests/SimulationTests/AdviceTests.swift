import Hardware
import Models
import Networks
import Scheduling
import Testing

@testable import Simulation

@Suite struct AdviceTests {
  private func question(_ device: String = "h100", devices: Int = 4) throws -> Advice.Question {
    Advice.Question(
      model: try .preset("qwen2.5-14b"), hardware: try HardwareCatalogue.accelerator(device),
      devices: devices, lengths: (0..<16).map { 200 + 50 * $0 }, generate: 64,
      policies: [.packed, .rightPad])
  }

  @Test func `every layout of the devices is a choice or has its reason`() throws {
    let advice = try Advice(question())
    let named = advice.ranked.map(\.name) + advice.losers.map(\.name)
    for layout in ["tp4", "tp2pp2", "pp4", "tp2dp2", "pp2dp2", "dp4"] {
      #expect(named.contains { $0.hasPrefix(layout + " ") }, "\(layout)")
    }
    let rates = advice.ranked.map(\.outputRate)
    #expect(rates == rates.sorted(by: >))
  }

  @Test func `nothing on the front is dominated and everything else is`() throws {
    let advice = try Advice(question())
    #expect(!advice.front.isEmpty)
    for choice in advice.ranked {
      let isDominated = advice.ranked.contains { $0.dominates(choice) }
      #expect(advice.front.contains(choice) != isDominated)
    }
  }

  @Test func `domination is strict`() throws {
    func choice(_ ttft: Double, _ tpot: Double, _ rate: Double) throws -> Advice.Choice {
      Advice.Choice(
        layout: .single, method: "packed", microBatches: 1, ttft: ttft, tpot: tpot, latency: 1,
        outputRate: rate, memory: 0)
    }
    let one = try choice(1, 1, 10)
    #expect(try !one.dominates(choice(1, 1, 10)))
    #expect(try one.dominates(choice(1, 1, 9)))
    #expect(try !one.dominates(choice(0.9, 1, 9)))
  }

  @Test func `ties are there once`() throws {
    var question = try question()
    question.lengths = Array(repeating: 300, count: 16)
    let advice = try Advice(question)
    #expect(!advice.ranked.contains { $0.method == "right-pad" })
    #expect(advice.losers.contains { $0.reason.hasPrefix("the same figures as") })
  }

  @Test func `objectives decide who may win`() throws {
    var question = try question()
    let free = try Advice(question)
    let first = try #require(free.ranked.first)
    let fastest = try #require(free.ranked.min { $0.ttft < $1.ttft })
    #expect(first != fastest)
    question.limits = Advice.Limits(ttft: fastest.ttft * 1.0001)
    let bound = try Advice(question)
    #expect(bound.ranked.first?.ttft == fastest.ttft)
    #expect(bound.losers.contains { $0.name == first.name && $0.reason.contains("TTFT") })
  }

  @Test func `what does not fit loses with its numbers`() throws {
    var question = try question("a100-40gb", devices: 1)
    question.model = try .preset("qwen2.5-32b")
    let advice = try Advice(question)
    #expect(advice.ranked.isEmpty)
    #expect(advice.losers.allSatisfy { $0.reason.contains("a device has 42.95 GB") })
  }

  @Test func `faster links make tensor parallelism no worse`() throws {
    var question = try question("mi325x")
    func tp4() throws -> Double? {
      try Advice(question).ranked.first { $0.name == "tp4 packed" }?.ttft
    }
    let usual = try #require(try tp4())
    question.settings.linkSpeed = 4
    #expect(try #require(try tp4()) < usual)
  }

  @Test(arguments: ["ttft", "ttft:0", "ttft:-4", "speed:5", "tpot:x"])
  func `objectives that make no sense are refused`(text: String) {
    #expect(throws: SimulationError.self) { try Advice.Limits(parsing: text) }
  }

  @Test func `objectives are read in milliseconds`() throws {
    #expect(
      try Advice.Limits(parsing: "ttft:200 tpot:50 e2el:2000")
        == Advice.Limits(ttft: 0.2, tpot: 0.05, latency: 2))
  }

  @Test func `the loss is the first choice's over the best measured`() throws {
    let check = try AdviceCheck([
      .init(name: "a", measured: 2.2, predicted: 1), .init(name: "b", measured: 2, predicted: 1.1),
      .init(name: "c", measured: 3, predicted: 4),
    ])
    #expect(check.chosen.name == "a" && check.best.name == "b")
    #expect(abs(check.loss - 0.1) < 1e-12)
    #expect(throws: SimulationError.self) { try AdviceCheck([]) }
  }
}
