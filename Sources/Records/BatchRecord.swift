import Workloads

/// One execution of one batch under one layout and policy, as the coordinator saw it.
public struct BatchRecord: Record, Hashable {
  public static let schemaName = "padtax/batch"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  /// Identifier of the cell that the record belongs to.
  public var cell: String
  public var layout: String
  public var policy: String
  public var origin: Origin
  /// Identifier of the batch in its workload, and which repeat of it this is (0 is the first).
  public var batch: Int
  public var repeatIndex: Int
  /// True for runs that are stored but left out of every statistic.
  public var warmup: Bool
  /// Position in the interleaved order of the cell.
  public var order: Int
  /// True when more ranks than usable cores were running: times are not to be trusted.
  public var oversubscribed: Bool

  public var sequences: Int
  public var inputTokens: Int
  public var outputTokens: Int
  public var longestPrompt: Int
  public var shortestPrompt: Int
  /// Tokens of the longest output.
  public var longestOutput: Int?
  /// Of the batch padded to its longest prompt, whatever the policy does, beside what was asked for.
  public var batchPadding: BatchPadding?
  public var prefillSlots: Int
  public var decodeSlots: Int
  /// What padding cost, by cause.
  public var padding: [String: PaddingRecord]
  /// Prompt tokens that the policy cut off.
  public var truncatedTokens: Int
  public var microBatches: Int

  /// Start of the batch to the moment when every sequence has its first token.
  public var batchTTFTSeconds: Double
  /// Start of the batch to its last token.
  public var totalSeconds: Double
  /// The same two by the wall clock, of a run that another clock timed: what the execution really
  /// took on this machine.
  public var elapsedTTFTSeconds: Double?
  public var elapsedSeconds: Double?

  /// Joules that the ranks' GPUs took meanwhile, boards as a whole; nil where one does not tell or two
  /// ranks share one.
  public var energyJoules: Double?

  /// Multiply-add FLOPs (counted as 2) of the model on real tokens and on all slots, prefill and
  /// decode together and prefill alone.
  public var usefulFLOPs: Double
  public var slotFLOPs: Double
  public var prefillUsefulFLOPs: Double
  public var prefillSlotFLOPs: Double
  /// Ratio of the prefill FLOPs of the padded rectangle to those of its real tokens: what packing
  /// would gain if time were FLOPs.
  public var idealPackingSpeedup: Double
  /// KV slots (token positions, per layer and KV head) reserved and holding a token at the end.
  public var kvSlotsReserved: Int
  public var kvSlotsUsed: Int
  /// Checksum of all generated tokens: equal between policies when their answers are. Of a score
  /// pass: of the number of tokens fed per prompt, equal between policies that score the same tokens.
  public var tokenDigest: String
  /// Mean negative log-likelihood in nats over all scored tokens, of a score pass only.
  public var meanNLL: Double?

  public init(
    cell: String, layout: String, policy: String, origin: Origin, batch: Int, repeatIndex: Int,
    warmup: Bool, order: Int, oversubscribed: Bool, sequences: Int, inputTokens: Int,
    outputTokens: Int, longestPrompt: Int, shortestPrompt: Int, prefillSlots: Int, decodeSlots: Int,
    padding: [String: PaddingRecord], truncatedTokens: Int, microBatches: Int,
    batchTTFTSeconds: Double, totalSeconds: Double,
    usefulFLOPs: Double, slotFLOPs: Double, prefillUsefulFLOPs: Double, prefillSlotFLOPs: Double,
    idealPackingSpeedup: Double, kvSlotsReserved: Int, kvSlotsUsed: Int, tokenDigest: String
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.layout = layout
    self.policy = policy
    self.origin = origin
    self.batch = batch
    self.repeatIndex = repeatIndex
    self.warmup = warmup
    self.order = order
    self.oversubscribed = oversubscribed
    self.sequences = sequences
    self.inputTokens = inputTokens
    self.outputTokens = outputTokens
    self.longestPrompt = longestPrompt
    self.shortestPrompt = shortestPrompt
    self.prefillSlots = prefillSlots
    self.decodeSlots = decodeSlots
    self.padding = padding
    self.truncatedTokens = truncatedTokens
    self.microBatches = microBatches
    self.batchTTFTSeconds = batchTTFTSeconds
    self.totalSeconds = totalSeconds
    self.usefulFLOPs = usefulFLOPs
    self.slotFLOPs = slotFLOPs
    self.prefillUsefulFLOPs = prefillUsefulFLOPs
    self.prefillSlotFLOPs = prefillSlotFLOPs
    self.idealPackingSpeedup = idealPackingSpeedup
    self.kvSlotsReserved = kvSlotsReserved
    self.kvSlotsUsed = kvSlotsUsed
    self.tokenDigest = tokenDigest
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, layout, policy, origin, batch
    case repeatIndex = "repeat"
    case warmup, order, oversubscribed, sequences
    case inputTokens = "input_tokens"
    case outputTokens = "output_tokens"
    case longestPrompt = "longest_prompt"
    case shortestPrompt = "shortest_prompt"
    case longestOutput = "longest_output"
    case batchPadding = "batch_padding"
    case prefillSlots = "prefill_slots"
    case decodeSlots = "decode_slots"
    case padding
    case truncatedTokens = "truncated_tokens"
    case microBatches = "micro_batches"
    case batchTTFTSeconds = "batch_ttft_s"
    case totalSeconds = "total_s"
    case elapsedTTFTSeconds = "elapsed_ttft_s"
    case elapsedSeconds = "elapsed_s"
    case energyJoules = "energy_j"
    case usefulFLOPs = "useful_flops"
    case slotFLOPs = "slot_flops"
    case prefillUsefulFLOPs = "prefill_useful_flops"
    case prefillSlotFLOPs = "prefill_slot_flops"
    case idealPackingSpeedup = "ideal_packing_speedup"
    case kvSlotsReserved = "kv_slots_reserved"
    case kvSlotsUsed = "kv_slots_used"
    case tokenDigest = "token_digest"
    case meanNLL = "mean_nll"
  }
}

/// What padding of one cause cost in one execution of a batch, over all ranks.
public struct PaddingRecord: Codable, Hashable, Sendable {
  /// Slots computed without a token.
  public var slots: Int
  /// FLOPs of those slots and of attention with padding on either side.
  public var flops: Double
  /// Bytes of activations sent for those slots: buffers of all-reduces and sends, summed over
  /// ranks.
  public var wireBytes: Int
  /// KV bytes reserved that hold padding when the batch ends.
  public var kvBytes: Int
  /// The phases' times, each shared out by FLOPs.
  public var seconds: Double

  public init(
    slots: Int = 0, flops: Double = 0, wireBytes: Int = 0, kvBytes: Int = 0, seconds: Double = 0
  ) {
    self.slots = slots
    self.flops = flops
    self.wireBytes = wireBytes
    self.kvBytes = kvBytes
    self.seconds = seconds
  }

  enum CodingKeys: String, CodingKey {
    case slots, flops
    case wireBytes = "wire_bytes"
    case kvBytes = "kv_bytes"
    case seconds = "s"
  }
}
