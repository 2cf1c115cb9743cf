import Kernels
import MPI
import Models
import Scheduling
import Tensors
import Transformers

/// Runs batches on one rank: all stages walk the steps and micro-batches of a plan in the same
/// order, activations go down the pipeline, sampled tokens come back to the first stage.
///
/// Sends never block, so a stage works on one micro-batch while the next stage has the one before.
/// Prefill ends when the first stage has every sequence's first token; decode steps then follow
/// each other micro-batch by micro-batch.
public final class BatchExecutor {
  private static let tokenTag = 2
  /// Token id that padded slots carry.
  static let padToken: Int32 = 0

  let context: RankContext
  public let shard: any ModelShard
  private var cache: KVCache?
  private(set) var ring: [ActivationSlot] = []
  private var ringSlots = 0
  private let tokenSends = PendingSends()
  var link: StageLink { StageLink(context: context) }
  /// Whether a device may run decode steps as graphs. A reference does not.
  var keepsGraphs = true
  /// Scored tokens of the batch that runs.
  var losses = LossBook()

  public init(context: RankContext, shard: any ModelShard) {
    self.context = context
    self.shard = shard
    // What a stage sent must not wait for the end of its next micro-batch.
    if context.layout.pipeline > 1 {
      shard.betweenLayers = { () throws(MPIError) in try context.pipeline.progress() }
    }
  }

  /// Which token's row answers for a sequence.
  var reads: AnswerPlace { shard.plan.model.isEncoder ? .first : .last }

  /// An encoder is verified by the states of all tokens; over several replicas, which cannot be
  /// scored, by those of first tokens.
  var scoresAll: Bool { shard.plan.model.isEncoder && context.layout.data == 1 }

  /// Bytes of KV memory that a number of slots takes on this rank.
  func kvBytes(slots: Int) -> Int {
    cache?.bytes(slots: slots)
      ?? shard.plan.kvBytesPerToken(elementBytes: shard.backend.cacheFormat.byteCount) * slots
  }

  /// Makes room for the largest of some batches, so that running one allocates nothing large.
  public func prepare(for batches: [PreparedBatch]) throws {
    let slots = batches.map(\.plan.largestMicroBatch).max() ?? 1
    let kv = batches.map(\.plan.kvSlotsReserved).max() ?? 1
    let micro = batches.flatMap(\.plan.steps).map(\.microBatches.count).max() ?? 1
    let scores = batches.contains { $0.plan.isScore }
    try shard.reserve(
      slots: slots, samples: batches.map(\.mostSamples).max() ?? 1,
      scored: scores ? min(slots, TransformerShard.scoreRows) : 0)
    let isTransient = batches.allSatisfy { $0.plan.isScore }
    if (cache?.slots ?? -1) < kv || cache?.isTransient == true && !isTransient {
      cache = nil
      cache = try shard.makeCache(slots: kv, isTransient: isTransient)
    }
    let count = context.layout.pipeline == 1 ? 1 : micro + 1
    if ringSlots < slots || ring.count < count {
      ring = []
      ring = try (0..<max(count, ring.count)).map { _ in
        try ActivationSlot(slots: slots, of: shard, context: context)
      }
      ringSlots = slots
    }
  }

  /// Runs a batch from its first prompt slot to its last token. Collective over a replica's ranks.
  /// - Precondition: `prepare` was called for it.
  package func run(
    _ batch: PreparedBatch, capture: LogitCapture? = nil
  ) throws -> BatchOutcome {
    guard let cache, batch.plan.largestMicroBatch <= ringSlots else {
      preconditionFailure("prepare was not called for this batch")
    }
    var tokens = TokenBook(batch)
    var flow = Flow(ringCount: ring.count, batch: batch, context: context)
    context.begin(.prefill)
    var outcome = BatchOutcome(
      tokens: [], start: context.now(), prefillEnd: 0, end: 0)
    let began = MonotonicClock.nanoseconds()
    losses = LossBook(batch)
    context.ledger.context.phase = Traffic.prefill
    for (index, step) in batch.steps.enumerated() {
      context.activity.beginStep(index, isDecode: step.phase == .decode)
      if step.phase == .decode && outcome.prefillEnd == 0 {
        outcome.prefillEnd = try finishPrefill(&tokens)
        outcome.elapsedPrefill = MonotonicClock.nanoseconds() - began
      }
      for (number, micro) in step.micro.enumerated() {
        context.activity.beginMicroBatch(number)
        let slot = flow.next()
        context.ledger.context = flow.current.whole
        if step.phase == .decode && keepsGraphs {
          shard.backend.beginStep(rows: micro.input.slots)
        }
        let stream = try enter(micro, slot: slot, tokens: &tokens, flow: flow, outcome: &outcome)
        try shard.runLayers(stream, input: micro.input, cache: cache)
        shard.backend.endStep()
        if context.isLastStage {
          try answer(stream.residual, micro, tokens: &tokens, capture: capture)
        } else {
          try pass(slot: slot, flow.current.passed, outcome: &outcome)
        }
        if context.isFirstStage && !context.isLastStage {
          tokens.expect(micro.rows)
          losses.expect(micro)
        }
      }
    }
    if batch.plan.isScore {
      try receiveLosses()
    } else if outcome.prefillEnd == 0 {
      outcome.prefillEnd = try finishPrefill(&tokens)
      outcome.elapsedPrefill = MonotonicClock.nanoseconds() - began
    }
    try drain(&tokens)
    for slot in ring { try slot.finishSend() }
    try tokenSends.waitAll()
    shard.backend.synchronize()
    outcome.end = context.now()
    outcome.elapsed = MonotonicClock.nanoseconds() - began
    context.activity.rest()
    // A score pass ends when every loss is known; nothing is decoded.
    if batch.plan.isScore {
      outcome.prefillEnd = outcome.end
      outcome.elapsedPrefill = outcome.elapsed
    }
    context.ledger.context = TrafficContext(phase: Traffic.outside)
    outcome.tokens = tokens.generated
    outcome.losses = losses.values
    outcome.largestLogit = losses.largestLogit
    return outcome
  }

  /// The micro-batch's hidden state before this stage's layers.
  private func enter(
    _ micro: PreparedBatch.Micro, slot: Int, tokens: inout TokenBook, flow: Flow,
    outcome: inout BatchOutcome
  ) throws -> ResidualStream {
    let rows = context.tensor.partition(micro.input.slots).block
    guard context.isFirstStage else {
      return try receive(slot: slot, rows: rows, flow: flow, outcome: &outcome)
    }
    while !tokens.canFeed(micro.rows) { try receiveTokens(&tokens) }
    try ring[slot].finishSend()
    let stream = ring[slot].stream(rows: rows)
    try shard.embed(
      tokens.feed(micro.rows, padding: Self.padToken), input: micro.input, into: stream.residual)
    return stream
  }

  /// Scores the last hidden state or samples from it.
  private func answer(
    _ hidden: Matrix, _ micro: PreparedBatch.Micro, tokens: inout TokenBook,
    capture: LogitCapture?
  ) throws {
    if !micro.targets.isEmpty {
      try score(hidden, micro)
    } else if !micro.input.sampledSlots.isEmpty {
      try sample(hidden, micro, tokens: &tokens, capture: capture)
    }
  }

  private func sample(
    _ hidden: Matrix, _ micro: PreparedBatch.Micro, tokens: inout TokenBook,
    capture: LogitCapture?
  ) throws {
    let input = micro.input
    setUseful(input.sampledSlots.count)
    var chosen = [Int32](repeating: 0, count: input.choosing.count)
    if let logits = try shard.logits(hidden, input: input) {
      let all = logits.argmax(shard.backend)
      chosen = input.choosing.map { all[$0] }
      if let capture {
        for (index, sequence) in input.sampledSequences.enumerated() {
          capture.add(logits.row(index, shard.backend), sequence: sequence)
        }
      }
    }
    guard !chosen.isEmpty else { return }
    setUseful(chosen.count)
    try shard.share(&chosen)
    guard !context.isFirstStage else { return tokens.take(chosen, for: micro.rows) }
    try sendTokens(chosen)
  }

  /// From now on messages carry `units` units without padding.
  func setUseful(_ units: Int) {
    context.ledger.context.units = Int32(units)
    context.ledger.context.usefulUnits = Int32(units)
  }

  private func sendTokens(_ chosen: [Int32]) throws { try sendBack(chosen, tag: Self.tokenTag) }

  /// Gives values to the first stage without waiting for it.
  func sendBack<Value: MPIElement>(_ values: [Value], tag: Int) throws {
    try tokenSends.send(values, on: context.pipeline, to: 0, tag: tag)
  }

  private func receiveTokens(_ tokens: inout TokenBook) throws {
    guard let rows = tokens.nextExpected() else {
      preconditionFailure("a sequence is fed before its token was asked for")
    }
    var chosen = [Int32](repeating: 0, count: rows.count { $0.samples })
    let current = context.ledger.context
    defer { context.ledger.context = current }
    setUseful(chosen.count)
    try context.pipeline.receive(
      into: &chosen, from: context.layout.pipeline - 1, tag: Self.tokenTag)
    tokens.take(chosen, for: rows)
  }

  private func drain(_ tokens: inout TokenBook) throws {
    while tokens.isExpecting { try receiveTokens(&tokens) }
  }

  /// Waits, on the first stage, for every first token; the moment is the batch's TTFT.
  private func finishPrefill(_ tokens: inout TokenBook) throws -> UInt64 {
    try drain(&tokens)
    shard.backend.synchronize()
    context.ledger.context.phase = Traffic.decode
    let end = context.now()
    context.begin(.decode)
    return end
  }
}
