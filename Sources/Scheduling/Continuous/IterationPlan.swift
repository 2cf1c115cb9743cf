/// One sequence's part of an iteration.
public struct IterationItem: Hashable, Sendable {
  /// The request's id.
  public var request: Int
  /// `decode` feeds the token sampled last; `prefill` feeds prompt tokens, or those of a preempted
  /// sequence again.
  public var phase: Phase
  /// What is fed. `sequence` is a slot in `0 ..< maxBatchSize` that the request keeps until it ends
  /// or is preempted; `firstToken` counts prompt and generated tokens; without padding `slots` is
  /// `tokens` and `context` is `firstToken`. Rows of request-level batches carry their padding.
  public var row: PlanRow
  /// The sequence's block table: KV slot `s` of the row is slot `s % blockSize` of block
  /// `blocks[s / blockSize]`. Covers what this iteration stores.
  public var blocks: [Int32]
  /// Leading entries of `blocks` that earlier plans with this slot already told.
  public var knownBlocks: Int

  public init(
    request: Int, phase: Phase, row: PlanRow, blocks: [Int32], knownBlocks: Int = 0
  ) {
    precondition((0...blocks.count).contains(knownBlocks), "known blocks are part of the table")
    self.request = request
    self.phase = phase
    self.row = row
    self.blocks = blocks
    self.knownBlocks = knownBlocks
  }

  public var slot: Int { row.sequence }
  public var firstToken: Int { row.firstToken }
  public var tokens: Int { row.tokens }
  public var samples: Bool { row.samples }
}

/// What one iteration computes: prompt chunks and decode tokens of many sequences together.
public struct IterationPlan: Hashable, Sendable {
  /// Counts from 0.
  public var id: Int
  public var items: [IterationItem]
  /// Items at the end that belong to no request: they fill up a graph's size.
  public private(set) var graphRows = 0
  /// Token ids that are fed, item by item; empty where prompts are segments.
  public var tokens: [Int32]
  /// Slots whose sequence ended or was preempted since the plan before: what is kept for them can
  /// go. A slot may be taken again by an item of this plan.
  public var freedSlots: [Int]
  /// The pool when the iteration is through. Stays with the scheduler: it is not encoded.
  public var occupancy = KVOccupancy()

  public init(
    id: Int, items: [IterationItem], tokens: [Int32] = [], freedSlots: [Int] = []
  ) {
    self.id = id
    self.items = items
    self.tokens = tokens
    self.freedSlots = freedSlots
  }

  /// The rows as one micro-batch, for what counts slots and attention pairs.
  public var microBatch: MicroBatch { MicroBatch(rows: items.map(\.row)) }

  /// The items of requests.
  public var requestItems: ArraySlice<IterationItem> { items.dropLast(graphRows) }

  /// Adds rows that fill up a graph's size.
  /// - Parameters:
  ///   - slot: of none of the requests.
  ///   - block: where the one KV slot of these rows lies.
  mutating func addGraphRows(_ count: Int, slot: Int, block: Int32) {
    let item = IterationItem(
      request: -1, phase: .decode, row: .graph(sequence: slot), blocks: [block])
    items += Array(repeating: item, count: count)
    graphRows += count
  }

  /// True when all it does is feed one slot a row behind others.
  public var isDecode: Bool { items.allSatisfy { $0.phase == .decode && $0.row.slots == 1 } }

  /// Real tokens fed in a phase.
  public func tokens(_ phase: Phase) -> Int {
    items.reduce(0) { $0 + ($1.phase == phase ? $1.tokens : 0) }
  }

  public var prefillTokens: Int { tokens(.prefill) }
  public var decodeTokens: Int { tokens(.decode) }
  /// Slots computed, real and padded.
  public var slots: Int { items.reduce(0) { $0 + $1.row.slots } }
}

/// What the scheduler wants done next.
public enum Decision: Hashable, Sendable {
  case run(IterationPlan)
  /// Nothing can run now: ask again at this time, or, with nil, after the next arrival or
  /// completion.
  case wait(until: Double?)
  /// Nothing waits or runs, and nobody else can come.
  case done
}

/// A request that got its last token, and what happened to it.
public struct FinishedRequest: Hashable, Sendable {
  public var request: ServingRequest
  /// Generated token ids; as many as `tokenTimes`.
  public var tokens: [Int32] = []
  /// When it first held a slot.
  public var admitted = 0.0
  /// When each token was there.
  public var tokenTimes: [Double] = []
  /// Times that its KV blocks were taken away and computed again.
  public var preemptions = 0
  /// Tokens fed again because of that: those that the prefix cache still had are not.
  public var recomputedTokens = 0
  /// Blocks and tokens taken from the prefix cache, of all its admissions.
  public var reusedBlocks = 0
  public var reusedTokens = 0
  /// Tokens that were stored when it was preempted last.
  var computedTokens = 0
  /// When its slot and blocks were given back: with its last token, but in a request-level batch
  /// when the batch ends.
  public var released = 0.0

  public init(request: ServingRequest) { self.request = request }
}
