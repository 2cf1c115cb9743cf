import MPI
import Scheduling

/// How iteration plans get to all ranks: one broadcast among the first stage's, then from stage to
/// stage ahead of the activations. It is control traffic, on communicators of its own.
final class PlanChannel {
  /// What the coordinator says.
  enum Word {
    case run(IterationPlan)
    /// Nothing to do for so many nanoseconds: cores that would look for the next word may rest.
    case rest(UInt64)
    /// A logit of this plan was no number: run it again and look where that came from.
    case diagnose(IterationPlan)
    case end
  }

  /// Elements of the broadcast that every word has; longer ones have a second one.
  private static let head = 512
  private static let tag = 1

  private let context: RankContext
  private let peers: Communicator
  private let stages: Communicator
  private var tables = BlockTables()
  private let sends = PendingSends()

  /// Collective.
  init(_ context: RankContext) throws {
    self.context = context
    let place = context.coordinates
    let plane = place.replica * context.layout.pipeline + place.stage
    let line = place.replica * context.layout.tensor + place.tensor
    let peers = try context.control.split(
      color: plane, key: place.tensor, label: Traffic.control)
    let stages = try context.control.split(color: line, key: place.stage, label: Traffic.control)
    guard let peers, let stages else { preconditionFailure("a coloured split gives a group") }
    self.peers = peers
    self.stages = stages
  }

  /// Tells all ranks to run a plan, in the words that `IterationPlan.encoded()` gives.
  func announce(plan words: [Int32]) throws { try tell([0] + words) }

  func announceRest(nanoseconds: UInt64) throws {
    try tell([1, Int32(nanoseconds >> 31), Int32(nanoseconds & 0x7fff_ffff)])
  }

  func announceDiagnosis(plan words: [Int32]) throws { try tell([2] + words) }

  func announceEnd() throws { try tell([3]) }

  private func tell(_ words: [Int32]) throws {
    var words = words
    try share(&words)
    try passOn(words)
  }

  /// What the coordinator says next; the other ranks'.
  func next() throws -> Word {
    var words: [Int32] = []
    if context.isFirstStage {
      try share(&words)
    } else {
      words = try stages.receiveArray(of: Int32.self, from: context.stage - 1, tag: Self.tag)
    }
    try passOn(words)
    let rest = Array(words.dropFirst())
    return switch words.first {
    case 0: .run(try tables.decode(rest))
    case 1: .rest(UInt64(rest[0]) << 31 | UInt64(rest[1]))
    case 2: .diagnose(try tables.decode(rest))
    default: .end
    }
  }

  func finish() throws { try sends.waitAll() }

  private func share(_ words: inout [Int32]) throws {
    guard peers.size > 1 else { return }
    var message = [Int32(words.count)] + words.prefix(Self.head - 1)
    message += Array(repeating: 0, count: Self.head - message.count)
    try peers.broadcast(&message, root: 0)
    let count = Int(message[0])
    var tail = Array(words.dropFirst(Self.head - 1))
    if count > Self.head - 1 {
      if tail.isEmpty { tail = Array(repeating: 0, count: count - (Self.head - 1)) }
      try peers.broadcast(&tail, root: 0)
    }
    words = message[1..<min(Self.head, count + 1)] + tail
  }

  private func passOn(_ words: [Int32]) throws {
    guard !context.isLastStage else { return }
    try sends.send(words, on: stages, to: context.stage + 1, tag: Self.tag)
  }
}
