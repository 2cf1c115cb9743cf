import CKernels
import Tensors

/// What a block of vocabulary columns knows of each row's softmax. Blocks combine: with M the
/// largest of all, the log-sum-exp is M + log Σ sum · exp(largest − M).
public struct SoftmaxParts: Sendable, Hashable {
  /// Largest logit per row, −∞ for a block without columns.
  public var largest: [Float]
  /// Σ exp(logit − largest) per row.
  public var sums: [Double]
  /// Logit of the row's target, 0 where the target is not in the block.
  public var targets: [Double]

  /// Room for `rows` rows, as a block without columns leaves it.
  public init(rows: Int) {
    largest = [Float](repeating: -.infinity, count: rows)
    sums = [Double](repeating: 0, count: rows)
    targets = [Double](repeating: 0, count: rows)
  }
}

extension CPUBackend {
  public func softmaxParts(_ logits: Matrix, targets: [Int]) -> SoftmaxParts {
    checkSoftmaxParts(logits, targets: targets)
    var parts = SoftmaxParts(rows: logits.rows)
    for (slot, target) in targets.enumerated() {
      let row = logits.row(slot)
      parts.sums[slot] = kernels.softmax_parts(row, logits.columns, &parts.largest[slot])
      if (0..<logits.columns).contains(target) { parts.targets[slot] = Double(row[target]) }
    }
    return parts
  }
}

extension ReferenceBackend {
  public func softmaxParts(_ logits: Matrix, targets: [Int]) -> SoftmaxParts {
    checkSoftmaxParts(logits, targets: targets)
    var parts = SoftmaxParts(rows: logits.rows)
    for (slot, target) in targets.enumerated() {
      let row = logits.row(slot)
      for column in 0..<logits.columns {
        parts.largest[slot] = max(parts.largest[slot], row[column])
      }
      for column in 0..<logits.columns {
        parts.sums[slot] += exponential(Double(row[column]) - Double(parts.largest[slot]))
        if column == target { parts.targets[slot] = Double(row[column]) }
      }
    }
    return parts
  }
}
