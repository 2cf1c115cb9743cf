import Records

/// What two runs of a cell must have in common to the last digit: counts, slots, bytes, tokens.
///
/// Only what the base has is asked for; what a later version adds (a cause of padding, a field) is no
/// difference, but a new cause is noted. Control traffic and times are left out.
struct ExactComparison {
  private(set) var differences: [String] = []
  private(set) var notes: [String] = []
  /// Values compared.
  private(set) var count = 0

  private struct Place: Hashable {
    var policy: String
    var batch: Int
  }

  /// - Throws: `RecordError` when ranks' records cannot be read again.
  mutating func compare(_ base: CellContents, _ new: CellContents) throws(RecordError) {
    verdicts(base, new)
    let theirs = Self.batches(new)
    for (place, record) in Self.batches(base).sorted(by: { $0.value.order < $1.value.order }) {
      let name = "\(base.name) \(place.policy), batch \(place.batch)"
      guard let other = theirs[place] else {
        differences.append("\(name): not in the new run")
        continue
      }
      compare(record, other, name)
    }
    let (own, other) = (try traffic(base), try traffic(new))
    for (key, total) in own.sorted(by: { $0.key.text < $1.key.text }) {
      guard let found = other[key] else {
        differences.append("\(base.name) \(key.text): no such traffic in the new run")
        continue
      }
      equal(total.calls, found.calls, "calls", "\(base.name) \(key.text)")
      equal(total.bytes, found.bytes, "bytes", "\(base.name) \(key.text)")
      equal(total.padded, found.padded, "padded_bytes", "\(base.name) \(key.text)")
    }
    let places = Set(own.keys.map(\.place))
    for key in other.keys.filter({ own[$0] == nil && places.contains($0.place) })
      .sorted(by: { $0.text < $1.text })
    {
      differences.append("\(base.name) \(key.text): traffic that the base run does not have")
    }
  }

  /// Answers that were right and are wrong now.
  private mutating func verdicts(_ base: CellContents, _ new: CellContents) {
    for record in new.verifications where !record.passed {
      if base.verifications.contains(where: { $0.policy == record.policy && !$0.passed }) {
        continue
      }
      differences.append(
        "\(new.name) \(record.policy): answers are wrong: \(record.failure ?? "no detail given")")
    }
  }

  private static func batches(_ cell: CellContents) -> [Place: BatchRecord] {
    Dictionary(
      cell.batches.map { (Place(policy: $0.policy, batch: $0.batch), $0) },
      uniquingKeysWith: { first, _ in first })
  }

  private mutating func compare(_ base: BatchRecord, _ new: BatchRecord, _ name: String) {
    let integers: [(String, KeyPath<BatchRecord, Int>)] = [
      ("sequences", \.sequences), ("input_tokens", \.inputTokens),
      ("output_tokens", \.outputTokens), ("longest_prompt", \.longestPrompt),
      ("shortest_prompt", \.shortestPrompt), ("prefill_slots", \.prefillSlots),
      ("decode_slots", \.decodeSlots), ("truncated_tokens", \.truncatedTokens),
      ("micro_batches", \.microBatches), ("kv_slots_reserved", \.kvSlotsReserved),
      ("kv_slots_used", \.kvSlotsUsed),
    ]
    for (key, path) in integers { equal(base[keyPath: path], new[keyPath: path], key, name) }
    let numbers: [(String, KeyPath<BatchRecord, Double>)] = [
      ("useful_flops", \.usefulFLOPs), ("slot_flops", \.slotFLOPs),
      ("prefill_useful_flops", \.prefillUsefulFLOPs), ("prefill_slot_flops", \.prefillSlotFLOPs),
      ("ideal_packing_speedup", \.idealPackingSpeedup),
    ]
    for (key, path) in numbers { equal(base[keyPath: path], new[keyPath: path], key, name) }
    equal(base.tokenDigest, new.tokenDigest, "token_digest", name)
    for (cause, cost) in base.padding.sorted(by: { $0.key < $1.key }) {
      guard let other = new.padding[cause] else {
        differences.append("\(name): no padding of cause \(cause) in the new run")
        continue
      }
      equal(cost.slots, other.slots, "padding.\(cause).slots", name)
      equal(cost.wireBytes, other.wireBytes, "padding.\(cause).wire_bytes", name)
      equal(cost.kvBytes, other.kvBytes, "padding.\(cause).kv_bytes", name)
    }
    let added = Set(new.padding.keys).subtracting(base.padding.keys).sorted()
    if !added.isEmpty {
      notes.append(
        "\(name): causes that the base run does not have: \(added.joined(separator: ", "))")
    }
  }

  private struct Key: Hashable {
    var place: String
    var operation: String
    var text: String { "\(place), \(operation)" }
  }

  /// Model traffic of the first execution of each batch, by rank, phase and operation.
  private func traffic(
    _ cell: CellContents
  ) throws(RecordError) -> [Key: (calls: Int, bytes: Int, padded: Int)] {
    var sums: [Key: (calls: Int, bytes: Int, padded: Int)] = [:]
    var first: [String: String] = [:]
    // Which requests a serving run has together hangs on its times.
    guard cell.serving.isEmpty else { return sums }
    try cell.ranks.read { record in
      let place = "\(record.policy), batch \(record.batch), rank \(record.rank), \(record.phase)"
      let turn = "\(record.repeatIndex) \(record.warmup)"
      guard first[place, default: turn] == turn else { return }
      first[place] = turn
      for total in record.traffic where total.communicator != "control" {
        let key = Key(
          place: place, operation: "\(total.communicator) \(total.operation) \(total.elementType)")
        let sum = sums[key] ?? (0, 0, 0)
        sums[key] = (
          sum.calls + total.calls, sum.bytes + total.bytes, sum.padded + total.paddedBytes
        )
      }
    }
    return sums
  }

  private mutating func equal<Value: Equatable>(
    _ base: Value, _ new: Value, _ key: String, _ name: String
  ) {
    count += 1
    if base != new { differences.append("\(name): \(key) was \(base), is \(new)") }
  }
}
