import Glibc
import Kernels
import MPI
import Models
import Tensors

/// The ranks that share the matrices of one pipeline stage.
public final class TensorGroup {
  let communicator: Communicator
  /// Sums are scattered over the ranks, slot by slot. Never so in a group of one.
  let isScattered: Bool
  /// Chunks of rows at most in which a row-parallel product is summed (`ReductionChunks`).
  package var reductionChunks: Int
  private var pretended: (rank: Int, size: Int)?
  /// What hidden states travel in; logits and losses are not rounded.
  let format: StorageFormat
  /// How messages of a device's memory go; nil where there is none.
  package var devicePath: DevicePath?
  /// Rounded hidden states on their way; grown on demand.
  private var wire = Storage(count: 0)

  public init(
    _ communicator: consuming Communicator, reduction: TensorReduction = .allReduce,
    reductionChunks: Int = 1, format: StorageFormat = .float32
  ) {
    self.format = format
    self.reductionChunks = reductionChunks
    isScattered = reduction == .reduceScatter && communicator.size > 1
    self.communicator = communicator
  }

  /// One rank of a group whose other ranks are not there: it computes its part and keeps partial
  /// sums, blocks and columns as they are. For measuring a shard's compute time; answers are wrong.
  public init(measuring rank: Int, of size: Int, on communicator: consuming Communicator) {
    precondition(communicator.size == 1, "a shard is measured by a process of its own")
    precondition(rank >= 0 && rank < size, "rank \(rank) is not in a group of \(size)")
    isScattered = false
    reductionChunks = 1
    format = .float32
    pretended = (rank, size)
    self.communicator = communicator
  }

  public var rank: Int { pretended?.rank ?? communicator.rank }
  public var size: Int { pretended?.size ?? communicator.size }
  /// Whether there is anybody to exchange messages with.
  var isJoint: Bool { communicator.size > 1 }
  var isRoot: Bool { rank == 0 }

  /// The slots that each rank keeps of a micro-batch.
  public func partition(_ slots: Int) -> SlotPartition {
    SlotPartition(slots: slots, parts: isScattered ? size : 1)
  }

  /// Sums partial results of all ranks in place. A group of one sends nothing.
  func sum(_ partial: Matrix) throws(MPIError) {
    guard isJoint else { return }
    if let path = path(of: partial) { return try sum(partial, on: path) }
    try partial.withMutableBuffer { (buffer) throws(MPIError) in
      guard format == .bfloat16 else {
        return try communicator.allReduce(inPlace: buffer, .sum)
      }
      let words = words(buffer.count)
      buffer.round(into: words)
      try communicator.allReduce(inPlace: words, .sum)
      words.widen(into: buffer)
    }
  }

  /// Room for rounded elements.
  func words(_ count: Int) -> UnsafeMutableBufferPointer<BFloat16Word> {
    let floats = StorageFormat.bfloat16.floats(for: count)
    if wire.count < floats { wire = Storage(count: floats) }
    return wire.words(count)
  }

  /// Collects each rank's columns of a row-major result on the root: rank by rank,
  /// `[rows, counts[rank]]` each. `output` is the root's, [rows · sum of counts] elements.
  func collect(
    _ part: Matrix, columns counts: [Int], into output: Matrix?
  ) throws(MPIError) {
    let counts = counts.map { $0 * part.rows }
    if let path = path(of: part) {
      return try collect(part, counts: counts, into: output, on: path)
    }
    try part.withMutableBuffer(.read) { (input) throws(MPIError) in
      let input = UnsafeBufferPointer(input)
      guard let output else {
        return try communicator.gather(input, counts: counts, into: nil, root: 0)
      }
      try output.withMutableBuffer(.write) { (all) throws(MPIError) in
        try communicator.gather(input, counts: counts, into: all, root: 0)
      }
    }
  }

  /// As `collect`, as blocks of columns: each rank's, on the root; nil elsewhere.
  func collect(
    blocks own: Matrix, columns counts: [Int], into gathered: Matrix?
  ) throws(MPIError) -> LogitBlocks? {
    guard isJoint else { return LogitBlocks(blocks: [own]) }
    try collect(own, columns: counts, into: gathered)
    guard let gathered else { return nil }
    var first = 0
    return LogitBlocks(
      blocks: counts.map { count in
        defer { first += own.rows * count }
        return gathered.columns(first..<first + own.rows * count)
          .reshaped(rows: own.rows, columns: count)
      })
  }

  func broadcast(_ tokens: inout [Int32]) throws(MPIError) {
    guard isJoint else { return }
    try communicator.broadcast(&tokens, root: 0)
  }
}

extension TensorGroup {
  /// Element-wise minimum over the ranks of the group, for bookkeeping after a batch.
  public func minimum(_ values: inout [Double]) throws(MPIError) {
    guard isJoint else { return }
    try communicator.allReduce(inPlace: &values, .min)
  }
}

extension TensorGroup {
  /// Makes each rank's part of some rows' softmax the whole group's. Two calls: the largest logit
  /// (4 bytes a row), then sum and target's logit (16 bytes a row). A group of one sends nothing.
  func combine(_ parts: inout SoftmaxParts) throws(MPIError) {
    guard isJoint else { return }
    let rows = parts.largest.count
    let own = parts.largest
    try communicator.allReduce(inPlace: &parts.largest, .max)
    var pairs = [Double](repeating: 0, count: 2 * rows)
    for row in 0..<rows {
      // A block without columns has no largest logit and adds nothing.
      pairs[2 * row] =
        parts.sums[row] == 0
        ? 0 : parts.sums[row] * exp(Double(own[row]) - Double(parts.largest[row]))
      pairs[2 * row + 1] = parts.targets[row]
    }
    try communicator.allReduce(inPlace: &pairs, .sum)
    for row in 0..<rows {
      parts.sums[row] = pairs[2 * row]
      parts.targets[row] = pairs[2 * row + 1]
    }
  }
}
