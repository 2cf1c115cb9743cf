import Inference
import Kernels
import MPI
import Models
import Records
import Scheduling
import Serving
import TestSupport
import Transformers

/// Random models, requests, arrivals and limits under every layout of the launch with one replica:
/// every request is answered once, as one-by-one decoding does, whatever its schedule was; every block
/// comes back; the traffic is the model's.
func checkServing(
  seed: UInt64, count: Int, _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backend = try CPUBackend(threads: 1)
  var seen = (preemptions: 0, reused: 0, chunks: 0, evictions: 0, padded: 0, abreast: 0)
  for number in 0..<count {
    let input = try ServingCase(seed: seed + UInt64(number), ranks: world.size)
    checks.note(input.description)
    let reference = world.rank == 0 ? try input.reference() : nil
    for layout in try EngineChecks.layouts(ranks: world.size)
    where layout.data == 1 && (try? layout.validate(for: input.base.model)) != nil {
      for variant in EngineChecks.variants(layout, hiddenSize: input.base.model.hiddenSize) {
        let context = try variant.context(layout, world)
        let shard = try TransformerShard(
          plan: ShardPlan(model: input.base.model, layout: layout, rank: context.rank),
          source: input.base.weights, backend: backend, group: context.tensor, positions: 64)
        for mode in BatchingMode.allCases {
          let limits = try input.limits(mode, stages: layout.pipeline)
          let executor = try ServingExecutor(context: context, shard: shard, limits: limits)
          let capture = LogitCapture(sequences: input.prompts.count)
          executor.capture = capture
          let run = try ServingLoop(executor, traffic: try context.traffic(input.base.model))
          run.watch = { plan in
            seen.chunks += plan.items.count { $0.phase == .prefill && !$0.samples }
            seen.padded += plan.slots - plan.tokens.count
          }
          let session = try run.run(
            context.isCoordinator
              ? ServingSession(input.requests, limits: limits, isTimed: true) : nil)
          let logits = try context.collect(capture)
          let traffic = TrafficCheck(
            context: context, traffic: try context.traffic(input.base.model))
          traffic.add(run, id: 0, policy: mode.rawValue)
          let records = try traffic.records(cell: "\(layout)")
          guard let reference, let session else { continue }
          let name = "\(layout) \(variant) \(mode.rawValue) seed \(input.base.seed)"
          let found = Comparison(
            tokens: input.requests.map { run.answers[$0.id] ?? [] }, logits: logits,
            reference: reference)
          checks.expect(
            "\(name): answers",
            found.passed && found.ties == 0
              && found.tokensCompared == input.outputs.reduce(0, +),
            "\(found) of \(limits) \(input.description)")
          let pool = session.scheduler.occupancy
          checks.expect(
            "\(name): blocks",
            pool.usedBlocks == 0
              && pool.freeBlocks + pool.cachedBlocks == limits.blockCount,
            "\(pool)")
          checks.expect(
            "\(name): traffic",
            records.count == 1 && records[0].passed
              && (records[0].operations > 0) == (world.size > 1),
            records.first?.difference.map { "\($0)" } ?? "\(records)")
          seen.preemptions += session.scheduler.preemptions
          seen.evictions += session.scheduler.evictions
          seen.reused += session.requests.reduce(0) { $0 + $1.reusedTokens }
          let most = mostAbreast(session.iterations)
          checks.expect(
            "\(name): in flight", most <= layout.pipeline, "\(most) iterations at once")
          seen.abreast = max(seen.abreast, most)
        }
      }
    }
  }
  checks.note("seen: \(seen)")
  checks.expect(
    "the cases preempt, reuse, cut and pad",
    seen.preemptions > 0 && seen.reused > 0 && seen.chunks > 0 && seen.padded > 0
      && seen.abreast >= min(2, world.size), "\(seen)")
}

/// Most iterations that were under way at once.
private func mostAbreast(_ iterations: [IterationRecord]) -> Int {
  iterations.map { one in
    iterations.count {
      $0.startSeconds <= one.startSeconds && $0.startSeconds + $0.stepSeconds > one.startSeconds
    }
  }.max() ?? 0
}

/// Requests of a random case, some with a common beginning, and random limits.
struct ServingCase {
  let base: RandomCase
  let prompts: [[Int32]]
  let outputs: [Int]
  let requests: [ServingRequest]
  private let drawn: (tokens: Int, batch: Int, block: Int, spare: Int, order: Int, isShared: Bool)
  private let isChunked: Bool

  init(seed: UInt64, ranks: Int) throws {
    base = try RandomCase(seed: seed, ranks: ranks)
    var random = SplitMix64(seed: seed &* 77 &+ 5)
    let beginning = base.prompts.max { $0.count < $1.count } ?? []
    prompts = base.prompts.map { prompt in
      Bool.random(using: &random)
        ? Array((beginning.prefix(Int.random(in: 0...19, using: &random)) + prompt).prefix(30))
        : prompt
    }
    outputs = prompts.map { _ in Int.random(in: 1...16, using: &random) }
    var arrival = 0.0
    var requests: [ServingRequest] = []
    for (id, prompt) in prompts.enumerated() {
      arrival += [0, 0, 0.0004, 0.003].randomElement(using: &random) ?? 0
      requests.append(
        try ServingRequest(
          id: id, prompt: .tokens(prompt), outputTokens: outputs[id], arrival: arrival,
          priority: Int.random(in: 0...2, using: &random),
          salt: ["", "a"].randomElement(using: &random) ?? ""))
    }
    self.requests = requests
    let batch = Int.random(in: 2...6, using: &random)
    drawn = (
      batch + Int.random(in: 0...20, using: &random), batch,
      Int.random(in: 1...5, using: &random), Int.random(in: 0...4, using: &random),
      Int.random(in: 0...2, using: &random), Int.random(in: 0..<3, using: &random) > 0
    )
    isChunked = Int.random(in: 0..<3, using: &random) > 0
  }

  /// Tight: the pool has hardly more than the longest request needs.
  func limits(_ mode: BatchingMode, stages: Int) throws -> SchedulerLimits {
    let longest = requests.map(\.storedTokens).max() ?? 1
    let widest = prompts.map(\.count).max() ?? 1
    // A row of a rectangle may be as long as the longest prompt and the longest output together.
    let most = mode.isRequestLevel ? widest + (outputs.max() ?? 1) : longest
    let needed = (most + drawn.block - 1) / drawn.block + drawn.spare
    let tokens = mode.isRequestLevel || !isChunked ? max(drawn.tokens, widest) : drawn.tokens
    return try SchedulerLimits(
      mode: mode, order: AdmissionOrder.allCases[drawn.order], maxNumTokens: tokens,
      maxBatchSize: min(drawn.batch, needed), blockSize: drawn.block, blockCount: needed,
      chunkedPrefill: isChunked || mode.isRequestLevel,
      prefixCaching: drawn.isShared && mode == .inFlight,
      maxQueueDelay: mode == .static ? 0 : Double(drawn.order) * 0.002,
      iterationsInFlight: stages, graphs: base.graphs)
  }

  /// Answers of plain loops, sequence by sequence.
  func reference() throws -> ReferenceAnswers {
    try ReferenceAnswers.compute(
      model: base.model, source: base.weights, backend: ReferenceBackend(), prompts: prompts,
      outputTokens: outputs)
  }

  var description: String {
    "\(base.description), prompts with beginnings \(prompts.map(\.count)), outputs \(outputs), batch \(drawn.batch), "
      + "\(drawn.tokens) tokens, blocks of \(drawn.block)"
  }
}
