import MPI
import Tensors

/// Messages of matrices that lie in a device's memory. They travel in the group's format, which the
/// device makes of them, and the same calls stand in the ledger as for matrices of the host.
extension TensorGroup {
  /// Where a matrix's messages go if it is a device's; nil in host memory.
  func path(of matrix: Matrix) -> DevicePath? {
    matrix.storage.staging == nil || matrix.count == 0 ? nil : devicePath
  }

  /// The first rank's bytes on all of them.
  package func tell(_ bytes: [UInt8]) throws(MPIError) -> [UInt8] {
    try communicator.broadcastArray(bytes, root: 0)
  }

  /// As `sum(_:)`. Where staged, the copy of one part and the sum of another go on at once.
  func sum(_ partial: Matrix, on path: DevicePath) throws(MPIError) {
    let memory = path.memory
    let wire = memory.wire(partial, format, room: 0)
    let kind = format.kind
    memory.convert(partial, into: wire)
    // What was computed so far is no part of the message's time.
    memory.settle()
    switch path.way {
    case .group(let group):
      try communicator.carry(.allReduce, kind, count: wire.count) { group.allReduce(wire) }
    case .direct:
      try communicator.allReduce(inPlace: wire.rawAddress, count: wire.count, kind, part: .max)
    case .staged:
      let host = memory.hostStorage(format.floats(for: wire.count))
      defer { withExtendedLifetime(host) {} }
      let copies = StagedParts(wire, host.pointer, path)
      copies.startAll(of: 0..<wire.count)
      try communicator.allReduce(
        inPlace: copies.address(0), count: wire.count, kind, part: copies.part,
        ready: copies.finish, done: copies.giveBack)
      memory.settle()
    }
    memory.convert(wire, into: partial)
  }

  /// As `reduce(_:into:)` where sums are scattered.
  func scatter(_ partial: Matrix, into own: Matrix, on path: DevicePath) throws(MPIError) {
    let memory = path.memory
    let all = memory.wire(partial, format, room: 0)
    let block = memory.wire(own, format, room: 1)
    let kind = format.kind
    memory.convert(partial, into: all)
    if case .group(let group) = path.way {
      memory.settle()
      try communicator.carry(.reduceScatter, kind, count: all.count) {
        group.reduceScatter(all, into: block)
      }
    } else {
      try lend(all, reads: 0..<all.count, writes: 0..<0, on: path) { (input) throws(MPIError) in
        try lend(block, reads: 0..<0, writes: 0..<block.count, on: path) {
          (output) throws(MPIError) in
          try communicator.reduceScatter(input, into: output, block: block.count, kind)
        }
      }
    }
    memory.convert(block, into: own)
  }

  /// As `gatherParts(_:)`, or as `gather(_:counts:)` where blocks are uneven, which always goes by MPI.
  /// - Parameter counts: elements of each rank.
  func gather(_ matrix: Matrix, counts: [Int]?, on path: DevicePath) throws(MPIError) {
    let memory = path.memory
    let wire = memory.wire(matrix, format, room: 0)
    let kind = format.kind
    let block = wire.count / size
    let first = counts?[..<rank].reduce(0, +) ?? rank * block
    let own = first..<first + (counts?[rank] ?? block)
    memory.convert(matrix.elements(own), into: wire.elements(own))
    if case .group(let group) = path.way, counts == nil {
      memory.settle()
      try communicator.carry(.allGather, kind, count: wire.count) { group.allGather(wire) }
    } else {
      try lend(wire, reads: own, writes: 0..<wire.count, on: path) { (data) throws(MPIError) in
        if let counts {
          try communicator.allGather(inPlace: data, counts: counts, kind)
        } else {
          try communicator.allGather(inPlace: data, block: block, kind)
        }
      }
    }
    memory.convert(wire, into: matrix)
  }

  /// As `collect(_:columns:into:)`, which always goes by MPI.
  func collect(
    _ part: Matrix, counts: [Int], into output: Matrix?, on path: DevicePath
  ) throws(MPIError) {
    let kind = part.storage.format.kind
    try lend(part, reads: 0..<part.count, writes: 0..<0, on: path) { (input) throws(MPIError) in
      guard let output else {
        return try communicator.gather(
          input, count: part.count, counts: counts, into: nil, kind, root: 0)
      }
      try lend(output, reads: 0..<0, writes: 0..<output.count, on: path) {
        (all) throws(MPIError) in
        try communicator.gather(
          input, count: part.count, counts: counts, into: all, kind, root: 0)
      }
    }
  }

  /// Lends the elements where MPI can reach them: in place, or in host memory with copies of what is
  /// read before and of what is written after.
  private func lend(
    _ wire: Matrix, reads: Range<Int>, writes: Range<Int>, on path: DevicePath,
    _ body: (UnsafeMutableRawPointer) throws(MPIError) -> Void
  ) throws(MPIError) {
    path.memory.settle()
    if case .direct = path.way { return try body(wire.rawAddress) }
    let host = path.memory.hostStorage(wire.storage.format.floats(for: wire.count))
    defer { withExtendedLifetime(host) {} }
    let copies = StagedParts(wire, host.pointer, path)
    copies.startAll(of: reads)
    path.memory.settle()
    try body(copies.address(0))
    copies.giveBack(writes)
    path.memory.settle()
  }
}

/// A message in a device's memory beside its copy in the host's, and the copies between them.
package struct StagedParts {
  private let wire: Matrix
  private let host: UnsafeMutableRawPointer
  private let memory: any DeviceMessages
  /// Elements that are copied at once.
  package let part: Int

  /// - Parameter host: room for all elements, page-locked where that could be had.
  package init(_ wire: Matrix, _ host: UnsafeMutableRawPointer, _ path: DevicePath) {
    self.wire = wire
    self.host = host
    memory = path.memory
    part = path.part(of: wire.count, wire.storage.format)
  }

  package func address(_ element: Int) -> UnsafeMutableRawPointer {
    host + element * wire.storage.format.byteCount
  }

  /// Asks for the copies of all parts to the host.
  package func startAll(of range: Range<Int>) {
    for first in stride(from: 0, to: range.count, by: part) {
      let some =
        range.lowerBound + first..<range.lowerBound + min(first + part, range.count)
      memory.startCopy(
        wire.elements(some), toHost: address(some.lowerBound), ticket: first / part)
    }
  }

  /// Waits until a part is in host memory.
  package func finish(_ part: Range<Int>) { memory.finish(ticket: part.lowerBound / self.part) }

  /// Asks for a copy to the device.
  package func giveBack(_ range: Range<Int>) {
    if range.isEmpty { return }
    memory.startCopy(fromHost: address(range.lowerBound), to: wire.elements(range))
  }
}

extension StorageFormat {
  /// The same of messages.
  package var kind: ElementKind { self == .float32 ? .float : .bfloat16 }
}
