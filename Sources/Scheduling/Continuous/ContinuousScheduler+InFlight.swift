extension ContinuousScheduler {
  /// Items of the next iteration: a token of each decoding sequence, then prompt chunks of those
  /// admitted, then requests that wait, as far as tokens, slots and blocks go.
  ///
  /// Decodes come first in tokens (stall-free batching: Agrawal et al., Sarathi-Serve, OSDI 2024),
  /// the admission order decides about blocks.
  mutating func planInFlight(now: Double, mayCome: Bool) -> [IterationItem] {
    var items: [IterationItem] = []
    // With p iterations under way each takes its part of the decoding sequences.
    let share = (running.count + limits.iterationsInFlight - 1) / limits.iterationsInFlight
    let decodable = running.count { slot in
      sequences[slot].map { !$0.isInFlight && !$0.isPrefilling } ?? false
    }
    var decodes = min(share, decodable)
    var budget = limits.maxNumTokens - decodes
    let preempted = preemptions
    var isStalled = false
    var index = 0
    while index < running.count {
      let slot = running[index]
      index += 1
      guard let sequence = sequences[slot], !sequence.isInFlight else { continue }
      var tokens = 1
      if sequence.isPrefilling {
        tokens = chunk(sequence.remaining, budget: budget)
        if tokens == 0 { continue }
      } else if decodes == 0 {
        continue
      }
      guard hold(sequence.stored + tokens, slot: slot, at: index - 1) else {
        isStalled = true
        continue
      }
      if sequence.isPrefilling { budget -= tokens } else { decodes -= 1 }
      items.append(feed(tokens, slot: slot))
    }
    // Blocks that were just taken away, or are missing, are not for newcomers.
    if !isStalled && preempted == preemptions {
      admit(into: &items, budget: budget, now: now, mayCome: mayCome)
    }
    return items
  }

  /// Prompt tokens to feed now of `remaining`: without chunking all of them or none. What can never
  /// fit (a preempted sequence that grew) is fed in parts all the same.
  private func chunk(_ remaining: Int, budget: Int) -> Int {
    if limits.chunkedPrefill || remaining > limits.maxNumTokens { return min(remaining, budget) }
    return remaining <= budget ? remaining : 0
  }

  private mutating func admit(
    into items: inout [IterationItem], budget: Int, now: Double, mayCome: Bool
  ) {
    var budget = budget
    guard !mayCome || now >= windowEnd || waiting.count >= freeSlots.count else { return }
    while budget > 0, let key = waiting.first, let record = records[key.id] {
      let tokens = chunk(record.knownTokens, budget: budget)
      guard tokens > 0, let slot = freeSlots.last, hasRoom(for: record.knownTokens) else { return }
      _ = waiting.pop()
      records[key.id] = nil
      freeSlots.removeLast()
      var sequence = RunningSequence(record, key: key)
      if record.preemptions == 0 { sequence.record.admitted = now }
      sequences[slot] = sequence
      let place = running.firstIndex { key < sequences[$0]?.key ?? key } ?? running.count
      running.insert(slot, at: place)
      promised += limits.blocks(for: sequence.target)
      guard hold(tokens, slot: slot, at: running.count) else {
        preconditionFailure("an admitted request has room")
      }
      budget -= tokens
      items.append(feed(tokens, slot: slot))
    }
  }

  /// True when the blocks of `tokens` tokens are free, not promised, and leave a reserve for those
  /// that run.
  private func hasRoom(for tokens: Int) -> Bool {
    let reserve = running.isEmpty ? 0 : limits.watermarkBlocks
    return pool.availableBlocks - promised >= limits.blocks(for: tokens) + reserve
  }

  /// Makes the table of a slot cover `tokens` tokens, at the cost of sequences behind it in the
  /// admission order if need be; false when those in flight hold what is missing.
  /// - Parameter index: the slot's place in `running`.
  private mutating func hold(_ tokens: Int, slot: Int, at index: Int) -> Bool {
    guard let table = sequences[slot]?.table else { return false }
    let missing = limits.blocks(for: tokens) - table.count
    guard missing > 0 else { return true }
    while pool.availableBlocks < missing {
      let last = running.indices.last { $0 > index && sequences[running[$0]]?.isInFlight == false }
      guard let last else { return false }
      preempt(running[last])
    }
    for _ in 0..<missing {
      guard let block = pool.allocate() else { return false }
      sequences[slot]?.table.append(block)
    }
    emptySlots += missing * limits.blockSize
    if sequences[slot]?.isPrefilling == true { promised -= missing }
    return true
  }

  /// The item that feeds the next `tokens` tokens of a slot.
  private mutating func feed(_ tokens: Int, slot: Int) -> IterationItem {
    guard var sequence = sequences[slot] else { preconditionFailure("slot \(slot) is free") }
    sequences[slot] = nil
    defer { sequences[slot] = sequence }
    let item = IterationItem(
      request: sequence.record.request.id, phase: sequence.isPrefilling ? .prefill : .decode,
      row: PlanRow(
        sequence: slot, firstToken: sequence.stored, tokens: tokens, slots: tokens,
        context: sequence.stored, samples: tokens == sequence.remaining),
      blocks: sequence.table, knownBlocks: sequence.knownBlocks)
    sequence.isInFlight = true
    sequence.stored += tokens
    sequence.knownBlocks = sequence.table.count
    emptySlots -= tokens
    return item
  }

  /// Takes slot and blocks away from a sequence; it waits again and keeps what it generated.
  private mutating func preempt(_ slot: Int) {
    guard var sequence = release(slot) else { return }
    preemptions += 1
    sequence.record.preemptions += 1
    sequence.record.recomputedTokens += sequence.stored
    records[sequence.key.id] = sequence.record
    waiting.push(sequence.key)
    // It waited once.
    windowEnd = 0
  }

  /// Frees a slot and gives its blocks back.
  mutating func release(_ slot: Int) -> RunningSequence? {
    guard let sequence = sequences[slot] else { return nil }
    sequences[slot] = nil
    running.removeAll { $0 == slot }
    freeSlots.append(slot)
    freed.append(slot)
    if sequence.isPrefilling {
      promised -= limits.blocks(for: sequence.target) - sequence.table.count
    }
    emptySlots -= sequence.table.count * limits.blockSize - sequence.stored
    for block in sequence.table.reversed() { pool.release(block) }
    return sequence
  }
}

extension SchedulerLimits {
  /// Blocks that admissions leave free while others run, so that those can grow: 1 % of the pool
  /// (vLLM's `watermark`).
  var watermarkBlocks: Int { blockCount / 100 }
}
