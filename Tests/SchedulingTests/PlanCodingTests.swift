import Scheduling
import Statistics
import Testing

@Suite struct PlanCodingTests {
  @Test("a plan survives its encoding") func aPlanSurvivesItsEncoding() throws {
    for example in PlanGenerator.cases(300) {
      let plan = try example.plan()
      #expect(try BatchPlan(decoding: plan.encoded()) == plan, "\(example)")
    }
  }

  @Test("a plan cut anywhere is refused") func aPlanCutAnywhereIs() throws {
    let plan = try BatchPlan(
      policy: .leftPad, promptLengths: [3, 1], outputLengths: [2, 3], microBatches: 2)
    let words = plan.encoded()
    for length in 0..<words.count {
      #expect(throws: SchedulingError.self) {
        try BatchPlan(decoding: Array(words.prefix(length)))
      }
    }
    #expect(throws: SchedulingError.self) { try BatchPlan(decoding: words + [0]) }
  }

  @Test("damaged words are refused or make another plan, and never trap")
  func damagedWordsAreRefusedOr() throws {
    var random = SequentialRandom(seed: 5, stream: 0)
    let words = try BatchPlan(
      policy: .rightPad, promptLengths: [3, 1], outputLengths: [2, 2], microBatches: 2
    ).encoded()
    var refused = 0
    for _ in 0..<3000 {
      var damaged = words
      let place = Int.random(in: 0..<words.count, using: &random)
      damaged[place] = [.min, -1, 0, 1, 7, .max].randomElement(using: &random) ?? 0
      do { _ = try BatchPlan(decoding: damaged) } catch { refused += 1 }
    }
    #expect(refused > 1000)
  }

  @Test("a plan without sequences is refused") func aPlanWithoutSequencesIs() {
    #expect(throws: SchedulingError.self) { try BatchPlan(decoding: [0, 0, 0]) }
  }
}
