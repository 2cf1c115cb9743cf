import MPI
import Tensors

/// Results of which each rank keeps a block: nothing of it is sent while sums are whole.
extension TensorGroup {
  /// The index of this rank's block of slots.
  var part: Int { isScattered ? rank : 0 }

  /// Sums partial results [slots, columns] over the ranks and gives this rank's slots of the sum:
  /// `partial` itself, summed in place, or where sums are scattered `own` [block, columns].
  func reduce(_ partial: Matrix, into own: Matrix?) throws(MPIError) -> Matrix {
    guard isScattered else {
      try sum(partial)
      return partial
    }
    guard let own else { preconditionFailure("a scattered sum needs room for this rank's block") }
    if let path = path(of: partial) {
      try scatter(partial, into: own, on: path)
      return own
    }
    try partial.withMutableBuffer(.read) { (input) throws(MPIError) in
      try own.withMutableBuffer(.write) { (output) throws(MPIError) in
        guard format == .bfloat16 else {
          return try communicator.reduceScatter(UnsafeBufferPointer(input), into: output)
        }
        let all = words(input.count + output.count)
        let words = UnsafeMutableBufferPointer(rebasing: all[..<input.count])
        let block = UnsafeMutableBufferPointer(rebasing: all[input.count...])
        input.round(into: words)
        try communicator.reduceScatter(UnsafeBufferPointer(words), into: block)
        block.widen(into: output)
      }
    }
    return own
  }

  /// Fills in the other ranks' blocks of scattered slots; this rank's own is in its place.
  func gather(_ slots: Matrix) throws(MPIError) {
    if isScattered { try gatherParts(slots) }
  }

  /// As `gather`, of blocks of `counts` rows.
  func gather(_ rows: Matrix, counts: [Int]) throws(MPIError) {
    guard isScattered else { return }
    let counts = counts.map { $0 * rows.columns }
    if let path = path(of: rows) { return try gather(rows, counts: counts, on: path) }
    try rows.withMutableBuffer { (buffer) throws(MPIError) in
      guard format == .bfloat16 else {
        return try communicator.allGather(inPlace: buffer, counts: counts)
      }
      let first = counts[..<part].reduce(0, +)
      let words = words(buffer.count)
      words.take(buffer, first..<first + counts[part])
      try communicator.allGather(inPlace: words, counts: counts)
      words.widen(into: buffer)
    }
  }

  /// Fills in the other ranks' equal parts of a matrix that every rank is to have whole; this rank's
  /// own is in its place. A group of one sends nothing.
  public func gatherParts(_ matrix: Matrix) throws(MPIError) {
    guard isJoint else { return }
    if let path = path(of: matrix) { return try gather(matrix, counts: nil, on: path) }
    try matrix.withMutableBuffer { (buffer) throws(MPIError) in
      guard format == .bfloat16 else { return try communicator.allGather(inPlace: buffer) }
      let block = buffer.count / size
      let words = words(buffer.count)
      words.take(buffer, rank * block..<(rank + 1) * block)
      try communicator.allGather(inPlace: words)
      words.widen(into: buffer)
    }
  }
}
