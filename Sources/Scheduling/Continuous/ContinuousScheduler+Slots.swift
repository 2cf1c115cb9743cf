extension ContinuousScheduler {
  /// Takes the first waiting request off the queue and gives it a slot.
  /// - Returns: the sequence, which the caller puts into its slot.
  mutating func occupy(
    _ key: AdmissionKey, record: FinishedRequest, now: Double
  ) -> RunningSequence {
    guard waiting.pop() == key, let slot = freeSlots.popLast() else {
      preconditionFailure("only the first request is admitted, to a free slot")
    }
    records[key.id] = nil
    var sequence = RunningSequence(record, key: key, slot: slot)
    if record.preemptions == 0 { sequence.record.admitted = now }
    let place = running.firstIndex { key < sequences[$0]?.key ?? key } ?? running.count
    running.insert(slot, at: place)
    sequences[slot] = sequence
    return sequence
  }

  /// Appends blocks to the table of a slot; they must be there.
  mutating func grow(_ slot: Int, by missing: Int) {
    guard missing > 0, var sequence = sequences[slot] else { return }
    // Taken out while it changes, so that its arrays are not copied.
    sequences[slot] = nil
    let wanted = sequence.table.count + missing
    while sequence.table.count < wanted {
      guard pool.allocate(to: &sequence.table) else {
        preconditionFailure("the pool ran out of blocks that were counted")
      }
    }
    emptySlots += missing * limits.blockSize
    sequences[slot] = sequence
  }

  /// The item of a row; its sequence is in flight.
  mutating func feed(_ row: PlanRow, _ phase: Phase) -> IterationItem {
    guard var sequence = sequences[row.sequence] else {
      preconditionFailure("slot \(row.sequence) is free")
    }
    sequences[row.sequence] = nil
    defer { sequences[row.sequence] = sequence }
    let item = IterationItem(
      request: sequence.record.request.id, phase: phase, row: row, blocks: sequence.table,
      knownBlocks: sequence.knownBlocks)
    sequence.isInFlight = true
    sequence.stored += row.tokens
    sequence.knownBlocks = sequence.table.count
    emptySlots -= row.tokens
    return item
  }

  /// Frees a slot and gives its blocks back.
  mutating func release(_ slot: Int) -> RunningSequence? {
    guard let sequence = sequences[slot] else { return nil }
    sequences[slot] = nil
    running.removeAll { $0 == slot }
    freeSlots.append(slot)
    freed.append(slot)
    if sequence.isPrefilling, !limits.mode.isRequestLevel {
      promised -= limits.heldBlocks(for: sequence.target) - sequence.table.count
    }
    emptySlots -= sequence.table.count * limits.blockSize - sequence.stored
    pool.release(sequence.table)
    return sequence
  }

  /// The pool as it stands, with what is in flight counted as stored.
  public var occupancy: KVOccupancy {
    var out = KVOccupancy()
    out.usedBlocks = pool.usedBlocks
    out.cachedBlocks = pool.cachedBlocks
    out.freeBlocks = pool.freeBlocks
    out.emptySlots = emptySlots
    out.filledSlots = out.usedBlocks * pool.blockSize - emptySlots
    return out
  }
}
