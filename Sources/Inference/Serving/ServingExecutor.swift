import Kernels
import MPI
import Models
import Scheduling
import Tensors
import Transformers

/// Runs iterations on one rank: prefill chunks and decode tokens of many sequences as one packed
/// micro-batch, whose keys and values lie in a pool of blocks.
///
/// Sends never block: a stage works on one iteration while the next stage has the one before. Tokens
/// go from the last stage to the coordinator, who feeds them with a later plan.
package final class ServingExecutor {
  /// In place of a token: one of the iteration's logits was no number.
  static let notANumber = Int32.min
  private static let tokenTag = 2

  let context: RankContext
  let shard: TransformerShard
  let maxNumTokens: Int
  let blockSize: Int
  let cache: KVCache
  private let ring: [ActivationSlot]
  private var turn = 0
  private let tokenSends = PendingSends()
  /// Where logits are kept, by request; for comparison.
  package var capture: LogitCapture?

  /// Makes room for everything that plans within these limits, or smaller ones, can ask for.
  package init(context: RankContext, shard: TransformerShard, limits: SchedulerLimits) throws {
    self.context = context
    self.shard = shard
    maxNumTokens = limits.maxNumTokens
    blockSize = limits.blockSize
    try shard.reserve(slots: limits.maxNumTokens, samples: limits.maxBatchSize)
    cache = try shard.makePagedCache(
      blocks: limits.physicalBlocks, blockSlots: limits.blockSize)
    let places = context.layout.pipeline == 1 ? 1 : context.layout.pipeline + 1
    ring = try (0..<places).map { _ in
      try ActivationSlot(slots: limits.maxNumTokens, of: shard, context: context)
    }
  }

  private var link: StageLink { StageLink(context: context) }

  /// Runs this rank's part of an iteration. Collective.
  /// - Returns: on the root of the last stage one token per item that samples, or `notANumber` in
  ///   all their places; nil elsewhere.
  func run(_ plan: IterationPlan) throws -> [Int32]? {
    precondition(plan.slots <= maxNumTokens, "the plan keeps to its limits")
    let input = MicroBatchInput(plan, blockSlots: blockSize)
    let messages = Flow.Messages(
      input, rows: plan.items.map(\.row),
      phase: plan.phase == .decode ? Traffic.decode : Traffic.prefill, context: context)
    context.ledger.context = messages.whole
    let place = ring[turn % ring.count]
    turn += 1
    let rows = context.tensor.partition(input.slots).block
    if plan.isDecode { shard.backend.beginStep(rows: input.slots) }
    if context.isFirstStage {
      try place.finishSend()
      try shard.embed(
        Self.feed(plan), input: input, into: place.stream(rows: rows).residual)
    } else {
      try link.startReceive(into: place, messages.passed)
      try place.finishReceive()
      try link.join(place, rows: rows)
    }
    let stream = place.stream(rows: rows)
    try shard.runLayers(stream, input: input, cache: cache)
    shard.backend.endStep()
    guard context.isLastStage else {
      try link.startSend(from: place, messages.passed)
      return nil
    }
    return try sample(stream.residual, input)
  }

  private func sample(_ hidden: Matrix, _ input: MicroBatchInput) throws -> [Int32]? {
    let count = input.sampledSlots.count
    guard count > 0 else { return context.coordinates.tensor == 0 ? [] : nil }
    context.ledger.context.units = Int32(count)
    context.ledger.context.usefulUnits = Int32(count)
    guard let logits = try shard.logits(hidden, input: input) else { return nil }
    var tokens = logits.argmax(shard.backend)
    if logits.firstNaN(shard.backend) != nil {
      tokens = tokens.map { _ in Self.notANumber }
    }
    if let capture {
      for (index, request) in input.sampledSequences.enumerated() {
        capture.add(logits.row(index, shard.backend), sequence: request)
      }
    }
    if !context.isFirstStage {
      try tokenSends.send(tokens, on: context.pipeline, to: 0, tag: Self.tokenTag)
    }
    return tokens
  }

  /// Waits, on the coordinator, for what an iteration sampled on another stage.
  func receiveTokens(of plan: IterationPlan) throws -> [Int32] {
    let count = plan.items.count { $0.samples }
    guard count > 0 else { return [] }
    context.ledger.context = TrafficContext(
      phase: plan.phase == .decode ? Traffic.decode : Traffic.prefill, units: Int32(count),
      usefulUnits: Int32(count))
    var tokens = [Int32](repeating: 0, count: count)
    try context.pipeline.receive(
      into: &tokens, from: context.layout.pipeline - 1, tag: Self.tokenTag)
    return tokens
  }

  /// True when an iteration's tokens are there, or none are sampled; never waits.
  /// - Precondition: no virtual clock.
  func hasTokens(of plan: IterationPlan) throws -> Bool {
    guard plan.items.contains(where: \.samples) else { return true }
    return try context.pipeline.probeNow(
      Int32.self, from: context.layout.pipeline - 1, tag: Self.tokenTag) != nil
  }

  /// Waits until nothing of this rank's is under way.
  func finish() throws {
    for place in ring { try place.finishSend() }
    try tokenSends.waitAll()
    shard.backend.synchronize()
    context.ledger.context = TrafficContext(phase: Traffic.outside)
  }

  /// One token id per slot.
  private static func feed(_ plan: IterationPlan) -> [Int32] {
    guard plan.tokens.count < plan.slots else { return plan.tokens }
    var out: [Int32] = []
    out.reserveCapacity(plan.slots)
    var next = 0
    for item in plan.items {
      for slot in 0..<item.row.slots {
        let isReal = item.row.real.contains(slot)
        out.append(isReal ? plan.tokens[next] : BatchExecutor.padToken)
        next += isReal ? 1 : 0
      }
    }
    return out
  }
}
