import Checkpoints
import Kernels
import MPI
import Models
import Records
import Scheduling
import Transformers

/// Runs an encoder checkpoint's golden prompts under a layout and policy and compares hidden states
/// of all tokens, pooled states, and what the pooler or the MLM head gives.
public struct EncoderVerification {
  /// What came out; the coordinator's.
  public struct Report: Sendable {
    public var name: String
    public var prompts: Int
    public var tokens: Int
    /// Largest absolute difference by what was compared, in order.
    public var errors: [(what: String, error: Double)] = []
    public var tolerance: Double
    public var failure: String?
    public var passed: Bool { failure == nil }

    mutating func add(
      _ what: String, _ found: [[Float]], _ expected: EncoderExpectation.Rows
    ) {
      let error = EncoderVerification.largestError(found, expected)
      errors.append((what, error))
      if error > tolerance && failure == nil { failure = "\(what) differs by \(error)" }
    }
  }

  let context: RankContext
  let directory: String
  let expectation: EncoderExpectation

  /// - Parameter expected: the folder with the expectations; the checkpoint's own when nil.
  /// - Throws: what reading the files throws.
  public init(context: RankContext, directory: String, expected: String? = nil) throws {
    self.context = context
    self.directory = directory
    expectation = try EncoderExpectation(directory: expected ?? directory)
  }

  /// Collective. Nil off the coordinator.
  public func run(
    policy: Policy, microBatches: Int, backend: any Backend
  ) throws -> Report? {
    let shard = try context.together("checkpoint") { try load(policy, backend) }
    let heads = shard.plan.model.encoder
    let isReduced = backend.isReduced || context.messages == .bfloat16
    let runner = BatchRunner(
      context: context, executor: BatchExecutor(context: context, shard: shard))
    let batch = try runner.prepareScoring(
      policy: policy, prompts: expectation.prompts, tokenTypes: expectation.tokenTypes,
      microBatches: microBatches)
    var report = Report(
      name: expectation.name, prompts: expectation.prompts.count,
      tokens: expectation.lengths.reduce(0, +),
      tolerance: isReduced
        ? ReferenceAnswers.bound(
          model: shard.plan.model,
          logits: [[expectation.hidden.values], [expectation.mlm?.full.values ?? []]],
          isReduced: true) : expectation.tolerance)
    let states = try runner.outputs(of: batch, .hidden, shard: shard)
    if context.isCoordinator {
      report.add("hidden states", states.flatMap { $0 }, expectation.hidden)
      report.add("first states", states.map { $0.first ?? [] }, expectation.first)
      report.add("mean states", states.map(EncoderPooling.mean), expectation.mean)
    }
    if heads?.hasPooler == true, let expected = expectation.pooled {
      let pooled = try runner.outputs(of: batch, .pooled, shard: shard)
      if context.isCoordinator {
        report.add("pooled states", pooled.map { $0.first ?? [] }, expected)
      }
    }
    if heads?.hasMLMHead == true, let expected = expectation.mlm {
      let logits = try runner.outputs(of: batch, .mlm, shard: shard)
      if context.isCoordinator {
        report.add("first MLM logits", logits.map { $0.first ?? [] }, expected.first)
        report.add("last MLM logits", logits.map { $0.last ?? [] }, expected.last)
        report.add("all MLM logits of a prompt", logits[expected.fullIndex], expected.full)
        let tokens = logits.map { Self.largest($0.first ?? []) }
        if !isReduced && tokens != expected.firstTokens && report.failure == nil {
          report.failure = "most likely first tokens are \(tokens), not \(expected.firstTokens)"
        }
      }
    }
    return context.isCoordinator ? report : nil
  }

  private func load(_ policy: Policy, _ backend: any Backend) throws -> EncoderShard {
    let checkpoint = try Checkpoint(directory: directory)
    let model = try ModelConfiguration(
      configJSON: checkpoint.configuration(), path: checkpoint.configurationPath)
    try context.layout.validate(for: model)
    try model.validate(policy)
    guard context.layout.data == 1 else {
      throw InferenceError(
        .badInput, "\(context.layout): golden prompts are compared on one replica; leave out dp")
    }
    let types = model.encoder?.tokenTypes ?? 0
    guard
      expectation.prompts.joined().allSatisfy({ Int($0) < model.vocabularySize }),
      expectation.tokenTypes.joined().allSatisfy({ Int($0) < types }),
      (expectation.lengths.max() ?? 0) <= model.maxPositions
    else {
      throw InferenceError(
        .badInput,
        "\(expectation.file): a token, token type or length is outside what \(model.name) has: "
          + "\(model.vocabularySize) tokens, \(types) types, \(model.maxPositions) positions")
    }
    let shard = try makeShard(
      plan: ShardPlan(model: model, layout: context.layout, rank: context.rank),
      source: BertCheckpointWeights(checkpoint), backend: backend,
      group: context.tensor, positions: model.maxPositions)
    guard let shard = shard as? EncoderShard else {
      throw InferenceError(.badInput, "\(model.name) is not an encoder")
    }
    return shard
  }

  private static func largestError(
    _ rows: [[Float]], _ expected: EncoderExpectation.Rows
  ) -> Double {
    guard rows.count == expected.rows else { return .infinity }
    var worst = 0.0
    for (index, row) in rows.enumerated() {
      guard row.count == expected.columns else { return .infinity }
      for (found, wanted) in zip(row, expected.row(index)) {
        let error = Double(abs(found - wanted))
        worst = error.isNaN ? .infinity : max(worst, error)
      }
    }
    return worst
  }

  private static func largest(_ row: [Float]) -> Int32 {
    Int32(row.indices.max { row[$0] < row[$1] } ?? 0)
  }
}

extension BatchRunner {
  /// An encoder batch of which every token's output is wanted. Collective; what is given is the
  /// same on every rank.
  func prepareScoring(
    policy: Policy, prompts: [[Int32]], tokenTypes: [[Int32]] = [], microBatches: Int
  ) throws -> PreparedBatch {
    let plans = try context.together("plan") {
      guard context.isCoordinator else { return [BatchPlan]() }
      return try BatchRunner.plans(
        policy: policy, promptLengths: prompts.map(\.count), outputLengths: prompts.map { _ in 0 },
        microBatches: microBatches, layout: context.layout)
    }
    let batch = try distribute(
      plans: plans, prompts: prompts, scored: Set(prompts.indices), tokenTypes: tokenTypes)
    try executor.prepare(for: [batch])
    return batch
  }

  /// One output per token of each sequence, on the coordinator. Collective.
  func outputs(
    of batch: PreparedBatch, _ output: EncoderOutput, shard: EncoderShard
  ) throws -> [[[Float]]] {
    shard.output = output
    let capture = LogitCapture(sequences: batch.prompts.count)
    _ = try run(batch, capture: capture)
    return try context.collect(capture)
  }
}

/// Sentence embeddings from the states of a sequence's tokens [tokens][hidden].
public enum EncoderPooling {
  /// The mean over all tokens [hidden]; padding has no part in it.
  public static func mean(_ states: [[Float]]) -> [Float] {
    var sums = [Double](repeating: 0, count: states.first?.count ?? 0)
    for state in states {
      for (index, value) in state.enumerated() { sums[index] += Double(value) }
    }
    return sums.map { Float($0 / Double(states.count)) }
  }
}
