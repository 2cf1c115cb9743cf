import Kernels
import Models
import Tensors

/// Scratch memory of a shard's forward pass, sized once for the largest micro-batch, so that
/// nothing is allocated while time is taken.
final class Workspace {
  /// [slots, hidden], dead ones included: input of a product, and its output before it is added to
  /// the residual.
  private let normed: Matrix
  private let partial: Matrix
  /// [slots of a block, hidden]: this rank's part of a scattered sum.
  private let reduced: Matrix?
  /// [1, hidden]
  let zeros: Matrix
  /// [slots, query + key + value width]
  private let queryKeyValue: Matrix
  /// [slots, query width]
  private let attention: Matrix
  /// Rows pass through the feed-forward block `Backend.rowsAtOnce` at a time:
  /// [rows of a block, 2 · feed-forward] and [rows of a block, feed-forward]
  private let gateUp: Matrix
  private let activated: Matrix
  /// [samples, hidden]
  private let sampled: Matrix
  /// [samples or scored rows · vocabulary shard], and on the root of several ranks [samples · vocabulary]
  private let logits: Matrix?
  private let gathered: Matrix?
  let slots: SlotPartition
  let samples: Int
  let scored: Int

  /// - Parameters:
  ///   - samples: rows whose logits are wanted whole, on one rank.
  ///   - scored: rows whose logits stay where they are made.
  init(
    plan: ShardPlan, slots: SlotPartition, samples: Int, scored: Int, gathers: Bool,
    backend: any Backend
  ) throws {
    let hidden = plan.model.hiddenSize
    self.slots = slots
    self.samples = samples
    self.scored = scored
    let heads = max(samples, scored)
    normed = try backend.matrix(rows: slots.padded, columns: hidden)
    partial = try backend.matrix(rows: slots.padded, columns: hidden)
    reduced = slots.parts > 1 ? try backend.matrix(rows: slots.block, columns: hidden) : nil
    zeros = try backend.matrix(rows: 1, columns: hidden)
    queryKeyValue = try backend.matrix(
      rows: slots.slots, columns: plan.queryWidth + 2 * plan.kvWidth)
    attention = try backend.matrix(rows: slots.slots, columns: plan.queryWidth)
    let block = min(slots.slots, backend.rowsAtOnce)
    gateUp = try backend.matrix(rows: block, columns: 2 * plan.feedForward.count)
    activated = try backend.matrix(rows: block, columns: plan.feedForward.count)
    sampled = try backend.matrix(rows: samples, columns: hidden)
    guard plan.hasLMHead else {
      logits = nil
      gathered = nil
      return
    }
    logits = try backend.logitMatrix(rows: 1, columns: heads * plan.vocabulary.count)
    gathered =
      gathers
      ? try backend.logitMatrix(rows: 1, columns: samples * plan.model.vocabularySize) : nil
  }

  func normed(_ rows: Int) -> Matrix { normed.rows(0..<rows) }
  func partial(_ rows: Int) -> Matrix { partial.rows(0..<rows) }
  func reduced(_ rows: Int) -> Matrix? { reduced?.rows(0..<rows) }
  func queryKeyValue(_ rows: Int) -> Matrix { queryKeyValue.rows(0..<rows) }
  func attention(_ rows: Int) -> Matrix { attention.rows(0..<rows) }
  func gateUp(_ rows: Int) -> Matrix { gateUp.rows(0..<rows) }
  func activated(_ rows: Int) -> Matrix { activated.rows(0..<rows) }
  func sampled(_ rows: Int) -> Matrix { sampled.rows(0..<rows) }

  /// [rows, columns], contiguous.
  func logits(rows: Int, columns: Int) -> Matrix? {
    logits?.columns(0..<rows * columns).reshaped(rows: rows, columns: columns)
  }

  /// [1, elements]: the parts of all ranks, one after the other.
  func gathered(elements: Int) -> Matrix? { gathered?.columns(0..<elements) }
}
