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
      try ActivationBuffer(
        shard.backend.matrix(rows: rows, columns: shard.plan.model.hiddenSize), context)
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

/// One tensor of a place and the transfer that uses its memory, or a copy of it where it travels
/// rounded.
final class ActivationBuffer {
  /// [slots, hidden]
  let matrix: Matrix
  /// Of a device's memory.
  private let device: DeviceActivations?
  /// The same elements as they travel; nil where they travel as floats.
  private let wire: Storage?
  private var send: Request?
  private var receive: Request?
  /// Elements that the receive is for.
  private var expected = 0..<0

  init(_ matrix: Matrix, _ context: RankContext) throws {
    self.matrix = matrix
    device = try DeviceActivations(matrix, context)
    let format = context.messages
    wire =
      device == nil && format == .bfloat16
      ? Storage(count: format.floats(for: matrix.count)) : nil
  }

  var isReceiving: Bool { device?.isReceiving ?? (receive != nil) }

  /// Starts sending some elements.
  func startSend(
    _ range: Range<Int>, on pipeline: borrowing Communicator, to stage: Int, tag: Int
  ) throws(MPIError) {
    if let device { return try device.startSend(range, on: pipeline, to: stage, tag: tag) }
    let floats = floats(range)
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
    if let device { return try device.startReceive(range, on: pipeline, from: stage, tag: tag) }
    expected = range
    guard let wire else {
      receive = try pipeline.startReceive(into: floats(range), from: stage, tag: tag)
      return
    }
    let words = UnsafeMutableBufferPointer(rebasing: wire.words(matrix.count)[range])
    receive = try pipeline.startReceive(into: words, from: stage, tag: tag)
  }

  /// Sound: the ring keeps this object until the request is done.
  private func floats(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: matrix.pointer + range.lowerBound, count: range.count)
  }

  func finishSend() throws(MPIError) {
    if let device { return try device.finishSend() }
    guard var request = send.take() else { return }
    try request.wait()
  }

  func finishReceive() throws(MPIError) {
    if let device { return try device.finishReceive() }
    guard var request = receive.take() else {
      preconditionFailure("no receive was started")
    }
    try request.wait()
    if let wire {
      UnsafeMutableBufferPointer(rebasing: wire.words(matrix.count)[expected])
        .widen(into: floats(expected))
    }
  }
}
