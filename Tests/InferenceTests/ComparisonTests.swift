import Testing

@testable import Inference

@Suite struct ComparisonTests {
  /// Two sequences of two tokens over a vocabulary of three.
  private let reference = ReferenceAnswers(
    tokens: [[2, 0], [1, 1]],
    logits: [[[0, 1, 2], [3, 1, 2]], [[0, 5, 2], [0, 1, 0.5]]], tolerance: 0.01)

  private func compare(
    tokens: [[Int32]]? = nil, _ change: (inout [[[Float]]]) -> Void = { _ in }
  ) -> Comparison {
    var logits = reference.logits
    change(&logits)
    return Comparison(
      tokens: tokens ?? reference.tokens, logits: logits, reference: reference)
  }

  @Test func equalAnswersPass() {
    let found = compare { $0[1][0][2] += 0.009 }
    #expect(found.passed && found.tokensCompared == 4 && found.ties == 0)
    #expect(abs(found.maxError - 0.009) < 1e-6)
  }

  @Test func aLogitBeyondTheBoundFails() {
    #expect(!compare { $0[1][1][0] += 0.011 }.passed)
    #expect(!compare { $0[0][0][0] -= 0.011 }.passed)
  }

  @Test("NaN and infinity never pass, wherever they stand", arguments: [Float.nan, .infinity])
  func notANumber(value: Float) {
    for sequence in 0..<2 {
      for token in 0..<2 {
        let found = compare { $0[sequence][token][1] = value }
        #expect(!found.passed && found.maxError == .infinity)
      }
    }
    let broken = ReferenceAnswers(
      tokens: [[0]], logits: [[[value, 0]]], tolerance: 1e9)
    #expect(!Comparison(tokens: [[0]], logits: [[[0, 0]]], reference: broken).passed)
    #expect(!Comparison(tokens: [[0]], logits: [[[value, 0]]], reference: broken).passed)
  }

  @Test func answersThatAreNotThereFail() {
    #expect(!compare(tokens: []).passed)
    #expect(!compare(tokens: [[2, 0]]).passed)
    #expect(!compare(tokens: [[2, 0], [1]]).passed)
    #expect(!compare { $0.removeLast() }.passed)
    #expect(!compare { $0[1].removeLast() }.passed)
    #expect(!compare { $0[1][1] = [] }.passed)
  }

  @Test func anotherTokenFailsUnlessTheReferenceTies() {
    let wrong = compare(tokens: [[2, 0], [1, 2]])
    #expect(wrong.failure?.contains("sequence 1, token 1: 2, expected 1") == true)
    let tied = ReferenceAnswers(
      tokens: [[1, 0]], logits: [[[0, 2, 1.985], [1, 0, 0]]], tolerance: 0.01)
    let found = Comparison(tokens: [[2, 2]], logits: tied.logits, reference: tied)
    // What follows a tie has another input and is not compared.
    #expect(found.passed && found.ties == 1 && found.tokensCompared == 1)
    let apart = ReferenceAnswers(
      tokens: [[1, 0]], logits: [[[0, 2, 1.975], [1, 0, 0]]], tolerance: 0.01)
    #expect(!Comparison(tokens: [[2, 2]], logits: apart.logits, reference: apart).passed)
  }

  @Test func theFirstDifferenceIsTold() {
    let found = compare {
      $0[0][1][0] += 1
      $0[1][0][0] += 2
    }
    #expect(found.failure?.contains("sequence 0, token 1") == true)
    #expect(abs(found.maxError - 2) < 1e-6)
  }
}
