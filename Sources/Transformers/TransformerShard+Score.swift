import Glibc
import Kernels
import MPI
import Tensors

/// Negative log-likelihoods of a block of slots, the same on all ranks of a stage.
public struct SlotLosses {
  /// Nats per slot that has a target, in order.
  public var values: [Double]
  /// Largest logit of any slot in magnitude, among the largest of each.
  public var largestLogit: Float
}

extension TransformerShard {
  /// Slots that pass through the LM head at once in a score pass: no rank ever holds the logits of
  /// more, and those for its own block of the vocabulary.
  public static let scoreRows = 256

  /// The states of all slots behind the final norm [slots, hidden], which `losses` takes some at a
  /// time. Collective over the stage; valid until the next forward pass.
  public func scoredStates(
    _ hidden: Matrix, input: MicroBatchInput
  ) throws(MPIError) -> Matrix {
    guard let workspace, let norm = weights.finalNorm else {
      preconditionFailure("only the last stage has the head, after reserve")
    }
    let slots = group.partition(input.slots)
    let normed = workspace.normed(slots.padded)
    backend.rmsNorm(
      hidden, weight: norm, epsilon: epsilon, into: normed.rows(slots.range(group.part)))
    try group.gather(normed)
    return normed.rows(0..<slots.slots)
  }

  /// Scores up to `scoreRows` slots by vocabulary-parallel cross-entropy (Megatron-LM, section 3):
  /// −log softmax(logits)[target] = log Σ exp(logit − M) + M − logit[target], M the largest logit.
  ///
  /// The LM head runs for every slot, whether it has a target or not. Collective over the stage.
  /// - Parameters:
  ///   - states: [slots, hidden], some rows of `scoredStates`.
  ///   - targets: token per slot, nil where the loss mask is 0.
  public func losses(
    _ states: Matrix, targets: ArraySlice<Int32?>
  ) throws(MPIError) -> SlotLosses {
    precondition(targets.count == states.rows, "each slot has a target or nil")
    precondition(states.rows <= Self.scoreRows, "slots are scored \(Self.scoreRows) at a time")
    guard let head = weights.head,
      let logits = workspace?.logits(rows: states.rows, columns: plan.vocabulary.count)
    else { preconditionFailure("only the last stage has the head, after reserve") }
    backend.linear(states, head, into: logits)
    let columns = targets.map { $0.map { Int($0) - plan.vocabulary.lowerBound } ?? -1 }
    var parts = backend.softmaxParts(logits, targets: columns)
    try group.combine(&parts)
    var losses = SlotLosses(values: [], largestLogit: 0)
    losses.values.reserveCapacity(targets.count)
    for (row, target) in targets.enumerated() {
      losses.largestLogit = max(losses.largestLogit, abs(parts.largest[row]))
      guard target != nil else { continue }
      losses.values.append(log(parts.sums[row]) + Double(parts.largest[row]) - parts.targets[row])
    }
    return losses
  }
}
