import MPI
import Tensors
import Transformers

/// One place of the ring in which micro-batches wait.
struct ActivationSlot {
  let residual: ActivationBuffer
  /// The last product, where it is passed by itself.
  let pending: ActivationBuffer?
  /// What goes from stage to stage, in order.
  let passed: [ActivationBuffer]

  /// A place for micro-batches of up to `slots` slots.
  init(slots: Int, of shard: any ModelShard, context: RankContext) throws {
    let rows = context.tensor.partition(slots).block
    func buffer() throws -> ActivationBuffer {
      ActivationBuffer(
        try shard.backend.matrix(rows: rows, columns: shard.plan.model.hiddenSize),
        context.messages)
    }
    residual = try buffer()
    pending = context.passesPending ? try buffer() : nil
    passed = [pending, residual].compactMap { $0 }
  }

  /// The first `rows` slots.
  func stream(rows: Int) -> ResidualStream {
    ResidualStream(
      residual: residual.matrix.rows(0..<rows), pending: pending?.matrix.rows(0..<rows))
  }

  var isReceiving: Bool { residual.isReceiving }

  /// Waits until the memory may be written again.
  func finishSend() throws(MPIError) {
    for buffer in passed { try buffer.finishSend() }
  }

  /// Waits until the activations are here.
  func finishReceive() throws(MPIError) {
    for buffer in passed { try buffer.finishReceive() }
  }
}

/// One tensor of a place and the transfer that uses its memory, or copies of it in host memory where
/// it is a device's or travels rounded.
final class ActivationBuffer {
  /// [slots, hidden]
  let matrix: Matrix
  /// The same elements as floats in host memory, where the matrix is a device's.
  private let host: Storage?
  /// The same elements as they travel; nil where they travel as floats.
  private let wire: Storage?
  private var send: Request?
  private var receive: Request?
  /// Elements that the receive is for.
  private var expected = 0..<0

  init(_ matrix: Matrix, _ format: StorageFormat) {
    self.matrix = matrix
    host = matrix.storage.staging?.hostStorage(matrix.count)
    wire = format == .bfloat16 ? Storage(count: format.floats(for: matrix.count)) : nil
  }

  var isReceiving: Bool { receive != nil }

  /// Starts sending some elements.
  func startSend(
    _ range: Range<Int>, on pipeline: borrowing Communicator, to stage: Int, tag: Int
  ) throws(MPIError) {
    let floats = floats(range)
    if host != nil, let staging = matrix.storage.staging, let start = floats.baseAddress {
      staging.copy(elements(range), toHost: start)
    }
    guard let wire else {
      send = try pipeline.startSend(UnsafeBufferPointer(floats), to: stage, tag: tag)
      return
    }
    let words = UnsafeMutableBufferPointer(rebasing: wire.words(matrix.count)[range])
    floats.round(into: words)
    send = try pipeline.startSend(UnsafeBufferPointer(words), to: stage, tag: tag)
  }

  /// Posts the receive of some elements.
  func startReceive(
    _ range: Range<Int>, on pipeline: borrowing Communicator, from stage: Int, tag: Int
  ) throws(MPIError) {
    expected = range
    guard let wire else {
      receive = try pipeline.startReceive(into: floats(range), from: stage, tag: tag)
      return
    }
    let words = UnsafeMutableBufferPointer(rebasing: wire.words(matrix.count)[range])
    receive = try pipeline.startReceive(into: words, from: stage, tag: tag)
  }

  /// Elements in host memory. Sound: the ring keeps this object until the request is done.
  private func floats(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    let start = host?.pointer ?? matrix.pointer
    return UnsafeMutableBufferPointer(start: start + range.lowerBound, count: range.count)
  }

  private func elements(_ range: Range<Int>) -> Matrix {
    matrix.reshaped(rows: 1, columns: matrix.count).columns(range)
  }

  func finishSend() throws(MPIError) {
    guard var request = send.take() else { return }
    try request.wait()
  }

  func finishReceive() throws(MPIError) {
    guard var request = receive.take() else {
      preconditionFailure("no receive was started")
    }
    try request.wait()
    if let wire {
      UnsafeMutableBufferPointer(rebasing: wire.words(matrix.count)[expected])
        .widen(into: floats(expected))
    }
    if let host, let staging = matrix.storage.staging, !expected.isEmpty {
      staging.copy(fromHost: host.pointer + expected.lowerBound, to: elements(expected))
    }
  }
}
