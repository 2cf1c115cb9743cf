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
        try shard.backend.matrix(rows: rows, columns: shard.plan.model.hiddenSize))
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

/// One tensor of a place and the transfer that uses its memory.
final class ActivationBuffer {
  /// [slots, hidden]
  let matrix: Matrix
  private var send: Request?
  private var receive: Request?

  init(_ matrix: Matrix) { self.matrix = matrix }

  var isReceiving: Bool { receive != nil }

  func sending(_ request: consuming Request) { send = consume request }

  func receiving(_ request: consuming Request) { receive = consume request }

  func finishSend() throws(MPIError) {
    guard var request = send.take() else { return }
    try request.wait()
  }

  func finishReceive() throws(MPIError) {
    guard var request = receive.take() else {
      preconditionFailure("no receive was started")
    }
    try request.wait()
  }
}
