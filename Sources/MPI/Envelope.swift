import CMPI

/// Source, tag and length of a message that has arrived or is about to be received.
public struct Envelope: Sendable, Hashable {
  /// Rank in the communicator.
  public let source: Int
  public let tag: Int
  /// Elements of the type asked for; -1 where the message does not hold a whole number of them.
  public let count: Int

  package init(source: Int, tag: Int, count: Int) {
    self.source = source
    self.tag = tag
    self.count = count
  }

  init(_ envelope: cmpi_envelope) {
    source = Int(envelope.source)
    tag = Int(envelope.tag)
    count = Int(envelope.count)
  }
}
