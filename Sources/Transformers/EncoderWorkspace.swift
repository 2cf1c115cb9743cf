import Kernels
import Models
import Tensors

/// Scratch memory of an encoder shard, sized once for the largest micro-batch.
final class EncoderWorkspace {
  /// [slots, hidden]: a product before it is added to the state.
  private let partial: Matrix
  /// [slots, 3 · query width]
  private let queryKeyValue: Matrix
  /// [slots, query width]
  private let attention: Matrix
  /// [rows of a block, feed-forward]
  private let activated: Matrix
  /// [samples, hidden]: the states that a head reads, and those after the MLM transform.
  private let sampled: Matrix
  private let transformed: Matrix
  /// [samples · widest output of this rank], and on the root of several ranks of all of them.
  private let output: Matrix
  private let gathered: Matrix?
  let slots: Int
  let samples: Int

  init(
    plan: ShardPlan, slots: Int, samples: Int, gathers: Bool, backend: any Backend
  ) throws {
    let hidden = plan.model.hiddenSize
    self.slots = slots
    self.samples = samples
    partial = try backend.matrix(rows: slots, columns: hidden)
    queryKeyValue = try backend.matrix(rows: slots, columns: 3 * plan.queryWidth)
    attention = try backend.matrix(rows: slots, columns: plan.queryWidth)
    activated = try backend.matrix(
      rows: min(slots, backend.rowsAtOnce), columns: plan.feedForward.count)
    let heads = plan.hasLMHead ? plan.model.encoder : nil
    let rows = heads == nil ? 0 : samples
    sampled = try backend.matrix(rows: rows, columns: hidden)
    transformed = try backend.matrix(rows: heads?.hasMLMHead == true ? rows : 0, columns: hidden)
    let own = max(
      heads?.hasPooler == true ? plan.pooled.count : 0,
      heads?.hasMLMHead == true ? plan.vocabulary.count : 0)
    let all = max(
      heads?.hasPooler == true ? hidden : 0,
      heads?.hasMLMHead == true ? plan.model.vocabularySize : 0)
    output = try backend.matrix(rows: 1, columns: rows * own)
    gathered = gathers ? try backend.matrix(rows: 1, columns: rows * all) : nil
  }

  func partial(_ rows: Int) -> Matrix { partial.rows(0..<rows) }
  func queryKeyValue(_ rows: Int) -> Matrix { queryKeyValue.rows(0..<rows) }
  func attention(_ rows: Int) -> Matrix { attention.rows(0..<rows) }
  func activated(_ rows: Int) -> Matrix { activated.rows(0..<rows) }
  func sampled(_ rows: Int) -> Matrix { sampled.rows(0..<rows) }
  func transformed(_ rows: Int) -> Matrix { transformed.rows(0..<rows) }

  /// [rows, columns], contiguous.
  func output(rows: Int, columns: Int) -> Matrix {
    output.columns(0..<rows * columns).reshaped(rows: rows, columns: columns)
  }

  /// [1, elements]: the parts of all ranks, one after the other.
  func gathered(elements: Int) -> Matrix? { gathered?.columns(0..<elements) }
}
