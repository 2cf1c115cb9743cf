import Kernels
import Tensors

/// Logits as the ranks of a stage made them: one block of vocabulary columns per rank, each
/// [samples, columns].
public struct LogitBlocks {
  /// Rank by rank.
  public let blocks: [Matrix]

  public var rows: Int { blocks[0].rows }

  /// The most likely token per row; the lowest id wins a tie.
  public func argmax(_ backend: any Backend) -> [Int32] {
    var best = [(index: Int, value: Float)](repeating: (0, -.infinity), count: rows)
    var first = 0
    for block in blocks {
      for (row, candidate) in backend.argmax(block).enumerated()
      where candidate.value > best[row].value {
        best[row] = (first + candidate.index, candidate.value)
      }
      first += block.columns
    }
    return best.map { Int32($0.index) }
  }

  /// One row, all columns.
  public func row(_ row: Int, _ backend: any Backend) -> [Float] {
    blocks.flatMap { backend.download($0.rows(row..<row + 1)) }
  }
}
