import MPI
import Models
import Tensors

/// Row-parallel products that are summed in chunks of rows: while one chunk is on its way, the next
/// is computed.
extension TensorGroup {
  /// Rows that are computed and summed at a time, and how many of them carry tokens.
  struct RowChunk {
    var rows: Range<Int>
    var tokens: Int
  }

  /// The chunks of a micro-batch's slots: one where nothing is sent or sums are scattered.
  func chunks(of input: MicroBatchInput) -> [RowChunk] {
    guard isJoint, !isScattered, reductionChunks > 1 else {
      return [RowChunk(rows: 0..<input.slots, tokens: input.tokens)]
    }
    return ReductionChunks.ranges(of: input.slots, most: reductionChunks).map {
      RowChunk(rows: $0, tokens: input.tokens(in: $0))
    }
  }

  /// Computes a product and reduces it as `reduce(_:into:)` does.
  /// - Parameter product: computes some rows of `partial`; called for each chunk, in order.
  func reduce(
    _ partial: Matrix, into own: Matrix? = nil, _ chunks: [RowChunk],
    product: (Range<Int>) -> Void
  ) throws(MPIError) -> Matrix {
    guard chunks.count > 1 else {
      for chunk in chunks { product(chunk.rows) }
      return try reduce(partial, into: own)
    }
    precondition(path(of: partial) == nil, "jobs that cut the sums of a device are refused")
    try partial.withMutableBuffer { (floats) throws(MPIError) in
      try sum(floats, columns: partial.columns, chunks, product: product)
    }
    return partial
  }

  /// One sum at a time is under way; what travels rounded is rounded and widened beside it, too.
  private func sum(
    _ floats: UnsafeMutableBufferPointer<Float>, columns: Int, _ chunks: [RowChunk],
    product: (Range<Int>) -> Void
  ) throws(MPIError) {
    let words = format == .bfloat16 ? words(floats.count) : nil
    let whole = communicator.ledger?.context
    func elements(_ chunk: RowChunk) -> Range<Int> {
      chunk.rows.lowerBound * columns..<chunk.rows.upperBound * columns
    }
    func compute(_ chunk: RowChunk) {
      product(chunk.rows)
      words?.take(floats, elements(chunk))
    }
    func start(_ chunk: RowChunk) throws(MPIError) -> Request {
      communicator.ledger?.context.units = Int32(chunk.rows.count)
      communicator.ledger?.context.usefulUnits = Int32(chunk.tokens)
      guard let words else {
        return try communicator.startAllReduce(
          inPlace: UnsafeMutableBufferPointer(rebasing: floats[elements(chunk)]), .sum)
      }
      return try communicator.startAllReduce(
        inPlace: UnsafeMutableBufferPointer(rebasing: words[elements(chunk)]), .sum)
    }
    func finish(_ chunk: RowChunk) { words?.give(floats, elements(chunk)) }

    compute(chunks[0])
    for (index, chunk) in chunks.enumerated() {
      var request = try start(chunk)
      if index > 0 { finish(chunks[index - 1]) }
      if index + 1 < chunks.count { compute(chunks[index + 1]) }
      try request.wait()
    }
    finish(chunks[chunks.count - 1])
    if let whole { communicator.ledger?.context = whole }
  }
}
