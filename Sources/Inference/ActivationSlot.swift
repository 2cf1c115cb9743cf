import MPI
import Tensors

/// One place of the ring in which micro-batches wait, and the transfer that uses its memory.
final class ActivationSlot {
  /// [slots, hidden]
  let matrix: Matrix
  private var send: Request?
  private var receive: Request?

  init(_ matrix: Matrix) { self.matrix = matrix }

  var isReceiving: Bool { receive != nil }

  func sending(_ request: consuming Request) { send = consume request }

  func receiving(_ request: consuming Request) { receive = consume request }

  /// Waits until the memory may be written again.
  func finishSend() throws(MPIError) {
    guard var request = send.take() else { return }
    try request.wait()
  }

  /// Waits until the activations are here.
  func finishReceive() throws(MPIError) {
    guard var request = receive.take() else {
      preconditionFailure("no receive was started")
    }
    try request.wait()
  }
}

/// The order in which micro-batches use the places of the ring.
struct Flow {
  private let ringCount: Int
  /// What the activations of each micro-batch are, in order: slots, tokens and phase.
  private let units: [TrafficContext]
  private var index = -1

  init(ringCount: Int, units: [TrafficContext]) {
    self.ringCount = ringCount
    self.units = units
  }

  /// Place of the next micro-batch.
  mutating func next() -> Int {
    index += 1
    return index % ringCount
  }

  /// The current micro-batch.
  var current: TrafficContext { units[index] }

  /// Place of the micro-batch behind the current one, and what it is; nil at the end, or when it has
  /// to wait for the current one's place.
  var ahead: (slot: Int, unit: TrafficContext)? {
    let following = index + 1
    guard ringCount > 1, following < units.count else { return nil }
    return (following % ringCount, units[following])
  }
}
