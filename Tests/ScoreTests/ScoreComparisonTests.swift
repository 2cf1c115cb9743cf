import Inference
import Testing

@Suite struct ScoreComparisonTests {
  private let reference = ScoreReference(losses: [[1, 2, 3], [], [4]], tolerance: 0.01)

  @Test("equal losses pass, and the largest error is reported") func passes() {
    let found = ScoreComparison(
      losses: [[1, 2.004, 3], [], [4]], fed: [4, 1, 2], reference: reference)
    #expect(found.passed && found.tokensCompared == 4)
    #expect(abs(found.maxError - 0.004) < 1e-12)
  }

  @Test("a prompt that was cut is compared as far as it goes") func cut() {
    let found = ScoreComparison(losses: [[1, 2], [], [4]], fed: [3, 1, 2], reference: reference)
    #expect(found.passed && found.tokensCompared == 3)
  }

  @Test("differences, missing losses and what is no number fail") func fails() {
    func failure(_ losses: [[Double]], _ fed: [Int] = [4, 1, 2]) -> String {
      ScoreComparison(losses: losses, fed: fed, reference: reference).failure ?? "passed"
    }
    #expect(
      failure([[1, 2, 3.5], [], [5]]).hasPrefix(
        "sequence 0, token 3: negative log-likelihood 3.5, expected 3.0"))
    #expect(failure([[1, .nan, 3], [], [4]]).hasPrefix("sequence 0, token 2"))
    #expect(failure([[1, 2], [], [4]]).hasPrefix("sequence 0: 2 tokens scored, expected 3"))
    #expect(failure([[1, 2, 3], [], [4]], [3, 1, 2]).hasPrefix("sequence 0: 3 tokens scored"))
    #expect(failure([[1, 2, 3], []]).hasPrefix("2 sequences have losses, expected 3"))
  }
}
