extension ContinuousScheduler {
  /// Items of the next iteration of a request-level batch: rows of its padded prefill, then, when
  /// every row has its first token, one slot of each row per step, finished or not.
  mutating func planRequestLevel(now: Double, mayCome: Bool) -> [IterationItem] {
    if batch == nil, isBatchDue(now: now, mayCome: mayCome) { batch = form(now: now) }
    guard let current = batch else { return [] }
    if current.fed < current.slots.count { return prefill(current) }
    let next = current.groups.indices.filter { index in
      !current.groups[index].isInFlight && current.groups[index].steps < current.longestOutput - 1
    }.min { current.groups[$0].steps < current.groups[$1].steps }
    guard let next else { return [] }
    return decode(current, group: next)
  }

  private func isBatchDue(now: Double, mayCome: Bool) -> Bool {
    if waiting.isEmpty { return false }
    let most = min(limits.maxBatchSize, limits.blockCount / limits.heldBlocks(for: 1))
    if !mayCome || waiting.count >= most { return true }
    return limits.mode == .dynamic && now >= windowEnd
  }

  /// Takes waiting requests in order, as long as their rectangle fits the limits.
  private mutating func form(now: Double) -> RequestBatch {
    var batch = RequestBatch()
    while batch.slots.count < limits.maxBatchSize, let key = waiting.first,
      let record = records[key.id]
    {
      let width = max(batch.width, record.request.prompt.count)
      let output = max(batch.longestOutput, record.request.outputTokens)
      let capacity = RequestBatch.capacity(width: width, output: output)
      let blocks = (batch.slots.count + 1) * limits.heldBlocks(for: capacity)
      guard limits.fits(sequence: capacity), blocks <= pool.availableBlocks else { break }
      batch.slots.append(occupy(key, record: record, now: now).slot)
      (batch.width, batch.longestOutput) = (width, output)
    }
    return batch
  }

  private mutating func prefill(_ current: RequestBatch) -> [IterationItem] {
    let share =
      (current.slots.count + limits.iterationsInFlight - 1) / limits.iterationsInFlight
    let most = min(share, limits.maxNumTokens / current.width)
    let rows = current.fed..<min(current.slots.count, current.fed + most)
    batch?.fed = rows.upperBound
    return rows.map { row in
      let slot = current.slots[row]
      let length = sequences[slot]?.target ?? 0
      cover(slot, current.width)
      return feed(
        PlanRow(
          sequence: slot, firstToken: 0, tokens: length, slots: current.width, context: 0,
          masked: current.padding(of: length), samples: true), .prefill)
    }
  }

  private mutating func decode(_ current: RequestBatch, group: Int) -> [IterationItem] {
    let step = current.groups[group].steps + 1
    batch?.groups[group].steps = step
    batch?.groups[group].isInFlight = true
    return current.groups[group].rows.map { row in
      let slot = current.slots[row]
      let request = sequences[slot]?.record.request
      let length = request?.prompt.count ?? 0
      let isActive = step < request?.outputTokens ?? 0
      let context = current.width + step - 1
      cover(slot, context + 1)
      return feed(
        PlanRow(
          sequence: slot, firstToken: length + step - 1, tokens: isActive ? 1 : 0, slots: 1,
          context: context, masked: current.padding(of: length), samples: isActive), .decode)
    }
  }

  private mutating func cover(_ slot: Int, _ kvSlots: Int) {
    grow(slot, by: limits.heldBlocks(for: kvSlots) - (sequences[slot]?.table.count ?? 0))
  }

  /// Notes that a plan's rows are through.
  /// - Returns: the finished requests when the batch is done; its slots are free again.
  mutating func completeRequestLevel(
    _ items: [IterationItem], now: Double
  ) -> [FinishedRequest] {
    guard var current = batch else { preconditionFailure("no batch is under way") }
    if current.groups.isEmpty {
      current.prefilled += items.count
      if current.prefilled == current.slots.count {
        current.startDecode(groups: limits.iterationsInFlight)
      }
    } else if let group = current.groups.firstIndex(where: {
      current.slots[$0.rows.lowerBound] == items.first?.slot
    }) {
      current.groups[group].isInFlight = false
    }
    batch = current
    guard current.isDone else { return [] }
    batch = nil
    return current.slots.compactMap { finish($0, now: now) }
  }
}
