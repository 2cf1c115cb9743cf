import Inference
import Kernels
import MPI
import Models
import Scheduling
import Serving
import TestSupport
import Transformers

/// Many short requests on a tiny model and a pool that is too small for all that run, under every
/// layout of the launch with one replica: each is answered once with as many tokens as it asked for,
/// every block comes back, and a sample has the answers of one-by-one decoding.
func checkSoak(count: Int, _ world: borrowing Communicator, _ checks: Checks) throws {
  let base = try RandomCase(seed: 4, ranks: world.size)
  let requests = try soakRequests(count, vocabulary: base.model.vocabularySize)
  let sample = stride(from: 0, to: count, by: max(1, count / 20)).map { $0 }
  let prompts = requests.map { request in
    if case .tokens(let tokens) = request.prompt { tokens } else { [Int32]() }
  }
  let reference =
    world.rank == 0
    ? try ReferenceAnswers.compute(
      model: base.model, source: base.weights, backend: try CPUBackend(threads: 1),
      prompts: sample.map { prompts[$0] }, outputTokens: sample.map { requests[$0].outputTokens })
    : nil
  for layout in try EngineChecks.layouts(ranks: world.size)
  where layout.data == 1 && (try? layout.validate(for: base.model)) != nil {
    let context = try RankContext(layout: layout, world: world)
    let shard = try TransformerShard(
      plan: ShardPlan(model: base.model, layout: layout, rank: context.rank), source: base.weights,
      backend: try CPUBackend(threads: 1), group: context.tensor, positions: 64)
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 16, blockSize: 4, blockCount: 48, prefixCaching: true,
      iterationsInFlight: layout.pipeline)
    let executor = try ServingExecutor(context: context, shard: shard, limits: limits)
    let loop = try ServingLoop(executor, traffic: try context.traffic(base.model))
    let session = try loop.run(
      context.isCoordinator ? ServingSession(requests, limits: limits) : nil)
    guard let reference, let session else { continue }
    let answers = session.requests.sorted { $0.request < $1.request }
    let scheduler = session.scheduler
    checks.note(
      "\(layout): \(session.iterations.count) iterations, \(scheduler.preemptions) preemptions, "
        + "\(answers.reduce(0) { $0 + $1.reusedBlocks }) blocks reused, \(scheduler.evictions) evicted"
    )
    checks.expect(
      "\(layout): every request is answered once", answers.map(\.request) == Array(0..<count),
      "\(answers.count) answers")
    checks.expect(
      "\(layout): with as many tokens as it asked for",
      answers.allSatisfy {
        $0.tokenSeconds.count == requests[$0.request].outputTokens
          && loop.answers[$0.request]?.count == $0.tokenSeconds.count
      }, "some have others")
    checks.expect(
      "\(layout): every block comes back",
      scheduler.occupancy.usedBlocks == 0
        && scheduler.occupancy.freeBlocks + scheduler.occupancy.cachedBlocks == limits.blockCount,
      "\(scheduler.occupancy)")
    checks.expect(
      "\(layout): preemption and reuse took place",
      scheduler.preemptions > count / 50 && answers.contains { $0.reusedBlocks > 0 },
      "\(scheduler.preemptions) preemptions")
    let found = sample.map { loop.answers[$0] ?? [] }
    checks.expect(
      "\(layout): a sample has the answers of one-by-one decoding", found == reference.tokens,
      "\(zip(found, reference.tokens).filter { $0.0 != $0.1 })")
  }
}

/// Requests of 1 to 24 prompt and 1 to 12 output tokens, half of them with one of three beginnings.
private func soakRequests(_ count: Int, vocabulary: Int) throws -> [ServingRequest] {
  var random = SplitMix64(seed: 99)
  func tokens(_ count: Int) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
  }
  let beginnings = [tokens(8), tokens(12), tokens(16)]
  return try (0..<count).map { id in
    let own = tokens(Int.random(in: 1...8, using: &random))
    let beginning =
      Bool.random(using: &random) ? beginnings.randomElement(using: &random) ?? [] : []
    return try ServingRequest(
      id: id, prompt: .tokens(beginning + own),
      outputTokens: Int.random(in: 1...12, using: &random), arrival: 0,
      salt: ["", "a"].randomElement(using: &random) ?? "")
  }
}
