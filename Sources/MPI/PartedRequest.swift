import CMPI

/// A started message that MPI carries in parts, or that another library carries; one `wait` event.
/// Letting it go unfinished traps, as a `Request` does, and its buffer is under the same rules.
package final class PartedRequest {
  private let kind: ElementKind
  private let label: CommunicatorLabel
  private let peer: Int
  private let bytes: Int
  private let isReceive: Bool
  private let ledger: TrafficLedger?
  private let stamp: Stamp?
  private var started: [(part: Range<Int>, handle: cmpi_request)]
  private var isActive = true

  init(
    _ kind: ElementKind, _ communicator: borrowing Communicator, peer: Int, bytes: Int,
    isReceive: Bool, _ stamp: Stamp?,
    _ started: [(part: Range<Int>, handle: cmpi_request)] = []
  ) {
    self.kind = kind
    label = communicator.label
    self.peer = peer
    self.bytes = bytes
    self.isReceive = isReceive
    ledger = communicator.ledger
    self.stamp = stamp
    self.started = started
  }

  deinit {
    precondition(!isActive, "a request was dropped before it finished: wait for it")
  }

  /// Blocks until all parts are done, in order; a wait after the end does nothing.
  /// - Parameters:
  ///   - each: is told of each part as it is there.
  ///   - finish: what another library does to end it, before the clock goes on.
  package func wait(
    each: (Range<Int>) -> Void = { _ in }, finish: () -> Void = {}
  ) throws(MPIError) {
    guard isActive else { return }
    let start = beginWait(
      ledger, stamp?.clock, isReceive ? .startReceive : .wait, label, peer: peer, bytes: bytes)
    isActive = false
    var envelope = cmpi_envelope()
    for index in started.indices {
      try checkWait(
        cmpi_wait(&started[index].handle, kind.rawValue, &envelope), "MPI_Wait", label.name, peer)
      each(started[index].part)
    }
    finish()
    try stamp?.finish(envelope)
    endWait(ledger, stamp?.clock, start, kind, label.raw, peer)
  }
}
