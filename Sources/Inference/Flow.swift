import MPI
import Scheduling
import Transformers

/// The order in which micro-batches use the places of the ring.
struct Flow {
  /// What the messages of one micro-batch are: slots, tokens and phase.
  struct Messages {
    /// Of all slots, in the stage.
    var whole: TrafficContext
    /// Of what this rank passes between stages.
    var passed: TrafficContext
  }

  private let ringCount: Int
  /// In order.
  private let messages: [Messages]
  private var index = -1

  init(ringCount: Int, messages: [Messages]) {
    self.ringCount = ringCount
    self.messages = messages
  }

  /// Place of the next micro-batch.
  mutating func next() -> Int {
    index += 1
    return index % ringCount
  }

  /// The current micro-batch.
  var current: Messages { messages[index] }

  /// Place of the micro-batch behind the current one, and what it is; nil at the end, or when it has
  /// to wait for the current one's place.
  var ahead: (slot: Int, passed: TrafficContext)? {
    let following = index + 1
    guard ringCount > 1, following < messages.count else { return nil }
    return (following % ringCount, messages[following].passed)
  }
}

extension Flow {
  init(ringCount: Int, batch: PreparedBatch, context: RankContext) {
    self.init(
      ringCount: ringCount,
      messages: batch.steps.flatMap { step in
        let phase = step.phase == .decode ? Traffic.decode : Traffic.prefill
        return step.micro.map { Messages($0.input, rows: $0.rows, phase: phase, context: context) }
      })
  }
}

extension Flow.Messages {
  init(_ input: MicroBatchInput, rows: [PlanRow], phase: UInt8, context: RankContext) {
    let slots = context.tensor.partition(input.slots)
    whole = TrafficContext(
      phase: phase, units: Int32(slots.padded), usefulUnits: Int32(input.tokens))
    passed = whole
    guard slots.parts > 1 else { return }
    let own = slots.range(context.tensor.rank).clamped(to: 0..<slots.slots)
    let tokens = PreparedBatch.realSlots(rows)[own].count { $0 }
    passed = TrafficContext(
      phase: phase, units: Int32(slots.block), usefulUnits: Int32(tokens))
  }
}
