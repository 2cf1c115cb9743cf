import MPI
import Tensors
import Transformers

/// One tensor of a place in a device's memory, and the transfer that uses it: from where it lies, or
/// through memory of the device in the format that travels, and of the host where messages are staged.
final class DeviceActivations {
  /// All elements as one row, and as they travel.
  private let matrix: Matrix
  private let wire: Matrix
  private let host: Storage?
  private let links: DeviceLinks
  private var send: PartedRequest?
  /// Of a send from device to device.
  private var number = 0
  private var receive: PartedRequest?
  private var expected = 0..<0

  /// Nil where the matrix is no device's.
  init?(_ matrix: Matrix, _ context: RankContext) throws {
    guard matrix.storage.staging != nil, let links = context.device else { return nil }
    self.links = links
    self.matrix = matrix.elements(0..<matrix.count)
    let (count, format) = (matrix.count, context.messages)
    wire =
      matrix.storage.format == format
      ? self.matrix
      : Matrix(
        storage: try links.memory.messageStorage(count, format), rows: 1, columns: count)
    host = links.isStaged ? links.memory.hostStorage(format.floats(for: count)) : nil
  }

  var isReceiving: Bool { receive != nil }

  func startSend(
    _ range: Range<Int>, on pipeline: borrowing Communicator, to stage: Int, tag: Int
  ) throws(MPIError) {
    guard let path = links.next else { preconditionFailure("the last stage sends to nobody") }
    let part = wire.elements(range)
    let kind = part.storage.format.kind
    links.memory.convert(matrix.elements(range), into: part)
    // What was computed so far is no part of the message's time.
    links.memory.settle()
    switch path.way {
    case .group(let group):
      send = try pipeline.carrySend(kind, count: part.count, to: stage, tag: tag) {
        number = group.startSend(part, to: 1)
      }
    case .direct:
      send = try pipeline.startSend(
        part.rawAddress, count: part.count, kind, part: .max, to: stage, tag: tag)
    case .staged:
      let copies = copies(part, range, path)
      copies.startAll(of: 0..<part.count)
      send = try pipeline.startSend(
        copies.address(0), count: part.count, kind, part: copies.part, to: stage, tag: tag,
        ready: copies.finish)
    }
  }

  func startReceive(
    _ range: Range<Int>, on pipeline: borrowing Communicator, from stage: Int, tag: Int
  ) throws(MPIError) {
    guard let path = links.previous else { preconditionFailure("nobody sends to the first stage") }
    expected = range
    let part = wire.elements(range)
    let kind = part.storage.format.kind
    switch path.way {
    case .group:
      receive = try pipeline.carryReceive(kind, count: part.count, from: stage, tag: tag)
    case .direct:
      // The device may not have read yet what lies there.
      links.memory.settle()
      receive = try pipeline.startReceive(
        into: part.rawAddress, count: part.count, kind, part: .max, from: stage, tag: tag)
    case .staged:
      let copies = copies(part, range, path)
      receive = try pipeline.startReceive(
        into: copies.address(0), count: part.count, kind, part: copies.part, from: stage, tag: tag)
    }
  }

  func finishSend() throws(MPIError) {
    guard let request = send.take() else { return }
    try request.wait(finish: {
      if case .group(let group) = links.next?.way { group.finishSend(number) }
    })
  }

  func finishReceive() throws(MPIError) {
    guard let request = receive.take(), let path = links.previous else {
      preconditionFailure("no receive was started")
    }
    let part = wire.elements(expected)
    switch path.way {
    case .group(let group): try request.wait(finish: { group.receive(part, from: 0) })
    case .direct: try request.wait()
    case .staged:
      try request.wait(each: copies(part, expected, path).giveBack)
      // The next receive may come into the same host memory.
      links.memory.settle()
    }
    links.memory.convert(part, into: matrix.elements(expected))
  }

  private func copies(_ part: Matrix, _ range: Range<Int>, _ path: DevicePath) -> StagedParts {
    guard let host else { preconditionFailure("staged messages have host memory") }
    let start =
      UnsafeMutableRawPointer(host.pointer) + range.lowerBound * wire.storage.format.byteCount
    return StagedParts(part, start, path)
  }
}
