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

  init(residual: Matrix, pending: Matrix?) {
    self.residual = ActivationBuffer(residual)
    self.pending = pending.map(ActivationBuffer.init)
    passed = [self.pending, self.residual].compactMap { $0 }
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

/// One tensor of a place and the transfer that uses its memory, or, where that is a device's, a copy
/// in host memory.
final class ActivationBuffer {
  /// [slots, hidden]
  let matrix: Matrix
  private let host: Storage?
  /// Elements that the receive under way writes to `host`.
  private var expected = 0..<0
  private var send: Request?
  private var receive: Request?

  init(_ matrix: Matrix) {
    self.matrix = matrix
    host = matrix.storage.staging?.hostStorage(matrix.count)
  }

  /// Elements to send, copied to the host where they are not. Valid until the send is finished.
  func outgoing(_ part: Range<Int>) -> UnsafeBufferPointer<Float> {
    if let host, let staging = matrix.storage.staging {
      staging.copy(elements(part), toHost: host.pointer + part.lowerBound)
    }
    return UnsafeBufferPointer(memory(part))
  }

  /// Where elements arrive; `finishReceive` brings them to the device.
  func incoming(_ part: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    expected = part
    return memory(part)
  }

  private func memory(_ part: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    // Sound: this object keeps the memory until the request is done.
    let start = host?.pointer ?? matrix.pointer
    return UnsafeMutableBufferPointer(start: start + part.lowerBound, count: part.count)
  }

  private func elements(_ part: Range<Int>) -> Matrix {
    matrix.reshaped(rows: 1, columns: matrix.count).columns(part)
  }

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
    if let host, let staging = matrix.storage.staging, !expected.isEmpty {
      staging.copy(fromHost: host.pointer + expected.lowerBound, to: elements(expected))
    }
  }
}
