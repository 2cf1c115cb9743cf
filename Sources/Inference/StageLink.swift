import MPI
import Tensors
import Transformers

/// The way of activations from stage to stage, as a rank of a stage sees it.
struct StageLink {
  private static let activationTag = 1

  let context: RankContext

  /// Posts the receive of a micro-batch's activations, once. It is recorded as that micro-batch's,
  /// which may belong to the next step.
  func startReceive(into place: ActivationSlot, _ messages: TrafficContext) throws {
    guard !place.isReceiving else { return }
    try place.finishSend()
    try recording(as: messages) {
      for buffer in place.passed {
        try buffer.startReceive(
          part(of: buffer.matrix, rows: Int(messages.units)), on: context.pipeline,
          from: context.stage - 1, tag: Self.activationTag)
      }
    }
  }

  /// Makes what has been received of the first `rows` slots whole.
  func join(_ place: ActivationSlot, rows: Int) throws {
    guard context.passesSlices else { return }
    for buffer in place.passed { try context.tensor.gatherParts(buffer.matrix.rows(0..<rows)) }
  }

  /// Starts passing a micro-batch's activations on.
  func startSend(from place: ActivationSlot, _ messages: TrafficContext) throws {
    try recording(as: messages) {
      for buffer in place.passed {
        try buffer.startSend(
          part(of: buffer.matrix, rows: Int(messages.units)), on: context.pipeline,
          to: context.stage + 1, tag: Self.activationTag)
      }
    }
  }

  private func recording(as messages: TrafficContext, _ body: () throws -> Void) rethrows {
    let current = context.ledger.context
    context.ledger.context = messages
    defer { context.ledger.context = current }
    try body()
  }

  /// The elements that this rank passes of the first `rows` slots: all of them, or its part.
  private func part(of matrix: Matrix, rows: Int) -> Range<Int> {
    let all = rows * matrix.columns
    guard context.passesSlices else { return 0..<all }
    let count = all / context.tensor.size
    return context.tensor.rank * count..<(context.tensor.rank + 1) * count
  }
}

/// Small messages whose senders do not wait for them.
final class PendingSends {
  private let requests = RequestSet()
  private var buffers: [Storage] = []

  /// Starts sending values to a rank.
  func send<Value: MPIElement>(
    _ values: [Value], on communicator: borrowing Communicator, to peer: Int, tag: Int
  ) throws {
    // Whether the receiver took earlier ones already must not show in virtual time.
    if communicator.clock == nil, try requests.testAll() {
      buffers.removeAll(keepingCapacity: true)
    }
    let bytes = values.count * MemoryLayout<Value>.stride
    let storage = Storage(count: (bytes + 3) / MemoryLayout<Float>.stride)
    let buffer = UnsafeMutableRawBufferPointer(start: storage.pointer, count: bytes)
      .bindMemory(to: Value.self)
    _ = buffer.update(fromContentsOf: values)
    buffers.append(storage)
    requests.add(try communicator.startSend(UnsafeBufferPointer(buffer), to: peer, tag: tag))
  }

  func waitAll() throws {
    try requests.waitAll()
    buffers.removeAll(keepingCapacity: true)
  }
}
