extension ContinuousScheduler {
  /// Items of the next iteration: a token of each decoding sequence, then prompt chunks of those
  /// admitted, then requests that wait, as far as tokens, slots and blocks go.
  ///
  /// Decodes come first in tokens (stall-free batching: Agrawal et al., Sarathi-Serve, OSDI 2024),
  /// the admission order decides about blocks.
  /// With `prefillFirst`, decodes wait as long as there is a prompt to feed.
  mutating func planInFlight(now: Double, mayCome: Bool) -> [IterationItem] {
    if limits.prefillFirst {
      let prompts = fill(decodes: 0, now: now, mayCome: mayCome)
      if !prompts.isEmpty { return prompts }
    }
    // With p iterations under way each takes its part of the decoding sequences.
    let share = (running.count + limits.iterationsInFlight - 1) / limits.iterationsInFlight
    let decodable = running.count { slot in
      sequences[slot].map { !$0.isInFlight && !$0.isPrefilling } ?? false
    }
    return fill(decodes: min(share, decodable), now: now, mayCome: mayCome)
  }

  /// - Parameter decodes: sequences that get a token at most.
  private mutating func fill(decodes: Int, now: Double, mayCome: Bool) -> [IterationItem] {
    var items: [IterationItem] = []
    var decodes = decodes
    var budget = limits.maxNumTokens - decodes
    let preempted = preemptions
    var isStalled = false
    var index = 0
    while index < running.count {
      let slot = running[index]
      index += 1
      guard let sequence = sequences[slot], !sequence.isInFlight else { continue }
      let isPrefilling = sequence.isPrefilling
      let tokens = isPrefilling ? chunk(sequence.remaining, budget: budget) : min(1, decodes)
      if tokens == 0 { continue }
      guard cover(sequence.stored + tokens, slot: slot, at: index - 1) else {
        isStalled = true
        continue
      }
      if isPrefilling { budget -= tokens } else { decodes -= 1 }
      items.append(feed(tokens, slot: slot))
    }
    // Blocks that were just taken away, or are missing, are not for newcomers.
    if !isStalled, preempted == preemptions, isWindowOver(now: now, mayCome: mayCome) {
      while budget > 0, let item = admitNext(budget: budget, now: now) {
        budget -= item.tokens
        items.append(item)
      }
    }
    return items
  }

  /// Prompt tokens to feed now of `remaining`: without chunking all of them or none. What can never
  /// fit (a preempted sequence that grew) is fed in parts all the same.
  private func chunk(_ remaining: Int, budget: Int) -> Int {
    if limits.chunkedPrefill || remaining > limits.maxNumTokens { return min(remaining, budget) }
    return remaining <= budget ? remaining : 0
  }

  /// True when those that wait have waited for company long enough, or fill the free slots.
  private func isWindowOver(now: Double, mayCome: Bool) -> Bool {
    !mayCome || now >= windowEnd || waiting.count >= freeSlots.count
  }

  /// Gives the first waiting request a slot and plans its first chunk; nil when it does not fit.
  private mutating func admitNext(budget: Int, now: Double) -> IterationItem? {
    guard let key = waiting.first, !freeSlots.isEmpty, let record = records[key.id] else {
      return nil
    }
    // Looking for its prefix again is of use only when there is more room.
    let room = pool.availableBlocks - promised - (running.isEmpty ? 0 : limits.watermarkBlocks)
    if let blocked, blocked.id == key.id, blocked.room >= room { return nil }
    let prefix = reusable(record)
    let reused = prefix.blocks.count * limits.blockSize
    let parked = prefix.blocks.count { pool.references(to: $0) == 0 }
    let missing = limits.heldBlocks(for: record.knownTokens) - prefix.blocks.count
    guard missing + parked <= room else {
      blocked = (key.id, room)
      return nil
    }
    let tokens = chunk(record.knownTokens - reused, budget: budget)
    guard tokens > 0 else { return nil }
    blocked = nil
    var sequence = occupy(key, record: record, now: now)
    for block in prefix.blocks { pool.hold(block) }
    sequence.table = prefix.blocks
    sequence.stored = reused
    sequence.keptBlocks = prefix.blocks.count
    sequence.lastKept = prefix.last
    sequence.record.reusedBlocks += prefix.blocks.count
    sequence.record.reusedTokens += reused
    sequence.record.recomputedTokens += max(0, record.computedTokens - reused)
    promised += missing
    let slot = sequence.slot
    sequences[slot] = sequence
    guard cover(reused + tokens, slot: slot, at: running.count) else {
      preconditionFailure("an admitted request has room")
    }
    return feed(tokens, slot: slot)
  }

  /// Blocks of the cache that a request can start with. The last token is always fed: its logits
  /// are wanted.
  private func reusable(_ record: FinishedRequest) -> (blocks: [Int32], last: UInt64) {
    var blocks: [Int32] = []
    var last: UInt64 = 0
    guard let cache = pool.cache else { return (blocks, last) }
    while (blocks.count + 1) * limits.blockSize < record.knownTokens {
      let first = blocks.count * limits.blockSize
      let content = record.content(first..<first + limits.blockSize)
      guard let found = cache.find(content, after: last, salt: record.request.salt) else { break }
      blocks.append(found.block)
      last = found.number
    }
    return (blocks, last)
  }

  /// Tells the prefix cache which blocks of a sequence are full and computed.
  mutating func keep(_ sequence: inout RunningSequence) {
    guard pool.cache != nil else { return }
    while (sequence.keptBlocks + 1) * limits.blockSize <= sequence.stored {
      let first = sequence.keptBlocks * limits.blockSize
      sequence.lastKept = pool.keep(
        sequence.table[sequence.keptBlocks],
        content: sequence.record.content(first..<first + limits.blockSize),
        after: sequence.lastKept, salt: sequence.record.request.salt)
      sequence.keptBlocks += 1
    }
  }

  /// Makes the table of a slot cover `tokens` tokens, at the cost of sequences behind it in the
  /// admission order if need be; false when those in flight hold what is missing.
  /// - Parameter index: the slot's place in `running`.
  private mutating func cover(_ tokens: Int, slot: Int, at index: Int) -> Bool {
    guard let sequence = sequences[slot] else { return false }
    let missing = limits.heldBlocks(for: tokens) - sequence.table.count
    while pool.availableBlocks < missing {
      let last = running.indices.last { $0 > index && sequences[running[$0]]?.isInFlight == false }
      guard let last else { return false }
      preempt(running[last])
    }
    grow(slot, by: missing)
    if sequence.isPrefilling { promised -= max(0, missing) }
    return true
  }

  /// The item that feeds the next `tokens` tokens of a slot.
  private mutating func feed(_ tokens: Int, slot: Int) -> IterationItem {
    guard let sequence = sequences[slot] else { preconditionFailure("slot \(slot) is free") }
    let row = PlanRow(
      sequence: slot, firstToken: sequence.stored, tokens: tokens, slots: tokens,
      context: sequence.stored, samples: tokens == sequence.remaining)
    return feed(row, sequence.isPrefilling ? .prefill : .decode)
  }

  /// Takes slot and blocks away from a sequence; it waits again and keeps what it generated.
  private mutating func preempt(_ slot: Int) {
    guard var sequence = release(slot) else { return }
    preemptions += 1
    sequence.record.preemptions += 1
    sequence.record.computedTokens = sequence.stored
    records[sequence.key.id] = sequence.record
    waiting.push(sequence.key)
    // It waited once.
    windowEnd = 0
  }
}
