import Checkpoints
import TestSupport
import Testing

@Suite struct EncoderExpectationTests {
  private let folder = SharedData.packageFolder + "/Tests/Golden/minilm-l6"

  @Test func `the stored embeddings of MiniLM are read whole`() throws {
    #expect(EncoderExpectation.isPresent(in: folder))
    let expected = try EncoderExpectation(directory: folder)
    #expect(expected.prompts.count == 5 && expected.hidden.rows == 78)
    #expect(expected.lengths.reduce(0, +) == 78 && expected.hidden.columns == 384)
    #expect(expected.tokenTypes.map(\.count) == expected.lengths)
    #expect(expected.pooled?.rows == 5 && expected.mlm == nil)
    // Row 0 is prompt 0's first state; the mean is that of its rows.
    #expect(Array(expected.hidden.row(0)) == Array(expected.first.row(0)))
    let length = expected.lengths[0]
    let mean = (0..<length).reduce(0.0) { $0 + Double(expected.hidden[$1, 7]) } / Double(length)
    #expect(abs(mean - Double(expected.mean[0, 7])) < 1e-6)
  }

  @Test func `a decoder's expectations are not an encoder's`() {
    let decoder = SharedData.packageFolder + "/Tests/Golden/qwen3-tiny"
    #expect(!EncoderExpectation.isPresent(in: decoder))
    #expect(!EncoderExpectation.isPresent(in: folder + "/none"))
    #expect(throws: CheckpointError.self) { try EncoderExpectation(directory: decoder) }
  }
}
