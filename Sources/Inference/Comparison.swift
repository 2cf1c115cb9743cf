/// Compares answers with reference answers, token by token and logit by logit.
public struct Comparison {
  public private(set) var maxError = 0.0
  public private(set) var tokensCompared = 0
  public private(set) var ties = 0
  /// Tokens of undecided sequences, and those of them up to the first that differs: for information.
  public private(set) var undecided = 0
  public private(set) var agreeing = 0
  /// The first difference, in words.
  public private(set) var failure: String?

  public var passed: Bool { failure == nil }

  /// - Parameters:
  ///   - tokens: generated tokens per sequence.
  ///   - logits: per sequence and token. The comparison of a sequence ends where a token differs:
  ///     what follows has another input.
  public init(tokens: [[Int32]], logits: [[[Float]]], reference: ReferenceAnswers) {
    guard tokens.count == reference.tokens.count, logits.count == tokens.count else {
      fail(
        "\(tokens.count) sequences with tokens and \(logits.count) with logits, expected "
          + "\(reference.tokens.count)")
      return
    }
    for sequence in reference.tokens.indices {
      compare(
        sequence: sequence, tokens: tokens[sequence], logits: logits[sequence],
        expected: reference.tokens[sequence], expectedLogits: reference.logits[sequence],
        tolerance: reference.tolerance, comparesTokens: !reference.undecided.contains(sequence))
    }
  }

  private mutating func compare(
    sequence: Int, tokens: [Int32], logits: [[Float]], expected: [Int32],
    expectedLogits: [[Float]], tolerance: Double, comparesTokens: Bool
  ) {
    guard tokens.count == expected.count else {
      return fail("sequence \(sequence): \(tokens.count) tokens, expected \(expected.count)")
    }
    for index in expected.indices {
      if index < expectedLogits.count {
        guard index < logits.count, logits[index].count >= expectedLogits[index].count else {
          return fail("sequence \(sequence), token \(index): logits are missing")
        }
        var worst = 0.0
        for (found, wanted) in zip(logits[index], expectedLogits[index]) {
          let error = Double(abs(found - wanted))
          worst = error.isNaN ? .infinity : max(worst, error)
        }
        maxError = max(maxError, worst)
        guard worst <= tolerance else {
          return fail(
            "sequence \(sequence), token \(index): a logit differs by \(worst), allowed "
              + "\(tolerance)")
        }
      }
      guard comparesTokens else {
        undecided += expected.count
        agreeing += zip(tokens, expected).prefix { $0 == $1 }.count
        return
      }
      tokensCompared += 1
      guard tokens[index] != expected[index] else { continue }
      guard index < expectedLogits.count,
        isTie(tokens[index], expected[index], in: expectedLogits[index], within: 2 * tolerance)
      else {
        return fail(
          "sequence \(sequence), token \(index): \(tokens[index]), expected \(expected[index])")
      }
      ties += 1
      return
    }
  }

  private func isTie(
    _ found: Int32, _ wanted: Int32, in logits: [Float], within margin: Double
  ) -> Bool {
    guard logits.indices.contains(Int(found)), logits.indices.contains(Int(wanted)) else {
      return false
    }
    return Double(abs(logits[Int(found)] - logits[Int(wanted)])) <= margin
  }

  private mutating func fail(_ text: String) {
    if failure == nil { failure = text }
  }
}
