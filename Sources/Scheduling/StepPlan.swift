/// What a step computes.
public enum Phase: String, Sendable, Codable, CaseIterable {
  /// Prompt tokens enter; each sequence that is complete samples its first output token.
  case prefill
  /// One token per sequence enters; each samples its next.
  case decode
  /// Prompt tokens enter and nothing is generated: each token is scored by what the one before it
  /// predicts.
  case score
}

/// One sequence's part of a step: `slots` consecutive query slots, of which
/// `leading ..< leading + tokens` carry tokens and the rest are padding.
public struct PlanRow: Hashable, Sendable {
  /// Index of the sequence in the batch.
  public var sequence: Int
  /// Index within the sequence of the first token fed; this is its position id.
  public var firstToken: Int
  /// Real tokens fed.
  public var tokens: Int
  /// Slots computed, real and padded.
  public var slots: Int
  /// Padded slots in front of the real tokens.
  public var leading: Int
  /// KV slots that the sequence's region holds before the step.
  public var context: Int
  /// KV slots of the region that hold padding: they are read and weighted zero.
  public var masked: Range<Int>
  /// True when the logits of the last real token are sampled.
  public var samples: Bool
  /// True when every query sees all slots of the row, as in an encoder.
  public var isBidirectional = false

  public init(
    sequence: Int, firstToken: Int, tokens: Int, slots: Int, leading: Int = 0, context: Int,
    masked: Range<Int> = 0..<0, samples: Bool
  ) {
    precondition(leading >= 0 && tokens >= 0 && leading + tokens <= slots, "tokens exceed slots")
    precondition(!samples || tokens > 0, "a row without tokens has nothing to sample")
    self.sequence = sequence
    self.firstToken = firstToken
    self.tokens = tokens
    self.slots = slots
    self.leading = leading
    self.context = context
    self.masked = masked
    self.samples = samples
  }

  /// Which of the row's slots carry tokens.
  public var real: Range<Int> { leading..<(leading + tokens) }

  /// Position id of the slot: the token's index in its sequence. Padding has the position of the
  /// row's nearest token.
  public func position(ofSlot slot: Int) -> Int {
    firstToken + min(max(0, slot - leading), max(0, tokens - 1))
  }

  /// (query, key) pairs that attention computes for this row, padding included.
  public var attentionPairs: Int {
    isBidirectional ? slots * slots : slots * context + slots * (slots + 1) / 2
  }

  /// (query, key) pairs between real tokens only.
  public var usefulAttentionPairs: Int {
    isBidirectional ? tokens * tokens : tokens * firstToken + tokens * (tokens + 1) / 2
  }
}

/// Rows that pass through a pipeline stage together.
public struct MicroBatch: Hashable, Sendable {
  public var rows: [PlanRow]

  public init(rows: [PlanRow]) { self.rows = rows }

  public var slots: Int { rows.reduce(0) { $0 + $1.slots } }
  public var tokens: Int { rows.reduce(0) { $0 + $1.tokens } }
  public var samples: Int { rows.reduce(0) { $0 + ($1.samples ? 1 : 0) } }
}

/// One step of the engine: what it computes, micro-batch by micro-batch, in order.
public struct StepPlan: Hashable, Sendable {
  public var phase: Phase
  public var microBatches: [MicroBatch]

  public init(phase: Phase, microBatches: [MicroBatch]) {
    self.phase = phase
    self.microBatches = microBatches
  }

  public var slots: Int { microBatches.reduce(0) { $0 + $1.slots } }
  public var tokens: Int { microBatches.reduce(0) { $0 + $1.tokens } }
}

/// The KV slots reserved for one sequence: contiguous, `base ..< base + capacity`.
public struct KVRegion: Hashable, Sendable {
  public var base: Int
  public var capacity: Int

  public init(base: Int, capacity: Int) {
    self.base = base
    self.capacity = capacity
  }
}
