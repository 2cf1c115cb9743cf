import Kernels
import Locality
import MPI
import Models
import Records
import Transformers
import Units
import Workloads

/// Refuses a model that does not fit before any of it is loaded.
struct MemoryCheck {
  let resolved: ResolvedJob
  let layout: ParallelLayout
  let rank: Int

  /// Bytes that this rank will hold: weights, KV and activations of the largest plan.
  func estimate() throws -> (weights: Int, kv: Int, activations: Int) {
    let plan = try ShardPlan(model: resolved.model, layout: layout, rank: rank)
    let model = resolved.model
    let isDevice = resolved.job.backend.kind == .cuda
    let rowsAtOnce = isDevice ? 8192 : 1024
    var kvSlots = 0
    var slots = 0
    var rows = 0
    var micro = 1
    if let serving = resolved.job.serving {
      // The least pool that serves; the real one takes its share of what is free then.
      kvSlots = max(serving.maxBatchSize * serving.blockSize, serving.maxSequenceLength)
      (slots, rows, micro) = (serving.maxNumTokens, serving.maxBatchSize, layout.pipeline)
    }
    for batch in resolved.batches where resolved.job.serving == nil {
      for policy in resolved.job.policies {
        let plans = try BatchRunner.plans(
          policy: policy, promptLengths: batch.lengths,
          outputLengths: resolved.outputLengths(of: batch), microBatches: resolved.job.microBatches,
          padding: resolved.job.microBatchPadding, graphs: resolved.job.backend.graphs,
          layout: layout, mode: resolved.job.mode)
        for plan in plans {
          kvSlots = max(kvSlots, plan.kvSlotsReserved)
          slots = max(slots, plan.largestMicroBatch)
          for step in plan.steps {
            micro = max(micro, step.microBatches.count)
            rows = max(rows, step.microBatches.map(\.samples).max() ?? 0)
          }
        }
      }
    }
    let ring = layout.pipeline == 1 ? 1 : micro + 1
    let passed = resolved.job.dialect == .vllmV0 && layout.pipeline > 1 ? 2 : 1
    let isScattered = resolved.job.tensorReduction == .reduceScatter && layout.tensor > 1
    let share = SlotPartition(slots: slots, parts: isScattered ? layout.tensor : 1)
    // Input and output of products; the ring, and a scattered sum before it is added.
    let states = 2 * share.padded + (ring * passed + (isScattered ? 1 : 0)) * share.block
    let widths = 2 * plan.queryWidth + 2 * plan.kvWidth
    let block = min(slots, rowsAtOnce) * 3 * plan.feedForward.count
    var logits = rows * (plan.hasLMHead ? plan.vocabulary.count + model.vocabularySize : 0)
    let numbers = resolved.job.numbers
    let kvToken = plan.kvBytesPerToken(elementBytes: numbers.cache.bytes)
    var kvBytes = kvToken * kvSlots
    if resolved.job.mode == .score {
      // Keys and values of one micro-batch in one layer; logits of a block of rows, own columns.
      logits = plan.hasLMHead ? min(slots, TransformerShard.scoreRows) * plan.vocabulary.count : 0
      kvBytes = kvToken / max(1, plan.layers.count) * slots
    }
    // A GPU keeps what lies between products as its weights are; what messages need is the host's.
    let kept = isDevice ? numbers.weights.bytes : 4
    var activations = kept * (states * model.hiddenSize + slots * widths + block) + 4 * logits
    var weights = plan.weightBytes(matrixBytes: numbers.weights.bytes, vectorBytes: kept)
    if isDevice { return (weights, kvBytes, activations) }
    // An encoder's vocabulary, as it is read, beside the packed one.
    if model.isEncoder { weights += 4 * plan.vocabulary.count * model.hiddenSize }
    if numbers.weights == .bf16 {
      // The inputs of the widest product.
      activations += 4 * slots * max(model.hiddenSize, plan.feedForward.count)
    }
    if numbers.messages == .bf16 {
      activations += 2 * (1 + ring * passed) * share.padded * model.hiddenSize
    }
    return (weights, kvBytes, activations)
  }

  /// What the ranks of this host need together. Collective.
  func survey(_ context: RankContext) throws -> HostNeed {
    let own = try estimate()
    let host = try context.control.splitByHost(label: Traffic.control)
    var sums = [own.weights, own.kv, own.activations].map { Int64($0) }
    try host.allReduce(inPlace: &sums, .sum)
    return HostNeed(
      ranks: host.size, weights: Int(sums[0]), kv: Int(sums[1]), activations: Int(sums[2]))
  }

  /// Memory that the ranks of one host need, in bytes.
  struct HostNeed {
    let ranks, weights, kv, activations: Int
    var total: Int { weights + kv + activations }
  }

  /// Compares a host's need with what it has free.
  func check(_ need: HostNeed, _ layout: ParallelLayout) throws {
    let memory = try AvailableMemory.current()
    guard need.total > memory.usable else { return }
    throw InferenceError(
      .badInput,
      "\(resolved.model.name) under \(layout) does not fit on \(Host.name): its \(need.ranks) "
        + "ranks need \(Bytes(need.total)) (weights \(Bytes(need.weights)), KV cache "
        + "\(Bytes(need.kv)), activations \(Bytes(need.activations))), \(Bytes(memory.usable)) are "
        + "available; scale the model, shorten the batches or use more hosts")
  }

  /// Compares what this rank will hold with its share of the free memory of its GPU. Collective.
  func checkDevice(free share: Int, _ context: RankContext) throws {
    let own = try estimate()
    let total = own.weights + own.kv + own.activations
    try context.together("memory") {
      guard total > share else { return }
      throw InferenceError(
        .badInput,
        "\(resolved.model.name) under \(layout) does not fit on the GPU of \(Host.name): rank "
          + "\(rank) needs \(Bytes(total)) (weights \(Bytes(own.weights)), KV cache "
          + "\(Bytes(own.kv)), activations \(Bytes(own.activations))), \(Bytes(share)) are its "
          + "share of what is free; scale the model, shorten the batches, take precision: bf16 or "
          + "more GPUs")
    }
  }

  /// The model that answers are verified with: the model itself where the whole of it fits on the
  /// coordinator's host, else one of the same widths with fewer layers. Collective: all ranks take
  /// the coordinator's choice.
  static func verificationModel(
    _ model: ModelConfiguration, context: RankContext, backend: any Backend
  ) throws -> ModelConfiguration {
    let layers = try context.together("memory") {
      try verificationLayers(model, layout: context.layout, backend: backend)
    }
    let agreed = try context.control.broadcastArray([Int64(layers)], root: 0)[0]
    guard agreed < model.layerCount else { return model }
    var overrides = ModelOverrides()
    overrides.layerCount = Int(agreed)
    return try model.overriding(overrides)
  }

  private static func verificationLayers(
    _ model: ModelConfiguration, layout: ParallelLayout, backend: any Backend
  ) throws -> Int {
    // On a GPU the whole model and its shards may have to fit at once, on one card.
    let available =
      try backend.freeMemory.map { $0 / 3 } ?? AvailableMemory.current().usable / 10 * 9
    let bytes = backend.weightFormat.byteCount
    let layer = model.layerParameterCount * bytes
    let rest = model.weightBytes(elementBytes: bytes) - layer * model.layerCount
    let layers = min(model.layerCount, (available - rest) / max(1, layer))
    guard layers >= layout.pipeline else {
      throw InferenceError(
        .badInput,
        "\(model.name) cannot be verified: \(layout.pipeline) of its layers unsharded need "
          + "\(Bytes(rest + layer * layout.pipeline)), \(Bytes(available)) are available")
    }
    return layers
  }
}
