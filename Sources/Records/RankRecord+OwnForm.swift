extension RankRecord {
  /// Texts of the record before, which the next one mostly has too.
  struct Texts {
    var cell = RecentText()
    var layout = RecentText()
    var policy = RecentText()
    var phase = RecentText()
    var operation = RecentText()
    var communicator = RecentText()
    var elementType = RecentText()
  }

  /// Reads a record in the form that `JSONText.line` gives it.
  /// - Parameter line: the object without a checksum: all of it but the closing brace.
  /// - Returns: nil when it is another record, or has another form.
  init?(ownForm line: UnsafeRawBufferPointer, _ texts: inout Texts) {
    guard var form = OwnForm(line), form.literal("{\"batch\":"), let batch = form.integer(),
      form.literal(",\"cell\":"), let cell = form.text(&texts.cell),
      form.literal(",\"communication_s\":"), let communication = form.number(),
      form.literal(",\"compute_s\":"), let compute = form.number(),
      form.literal(",\"idle_s\":"), let idle = form.number(),
      form.literal(",\"kv_bytes_reserved\":"), let reserved = form.integer(),
      form.literal(",\"kv_bytes_used\":"), let used = form.integer(),
      form.literal(",\"layout\":"), let layout = form.text(&texts.layout),
      let origin = Self.origin(&form),
      form.literal(",\"peak_memory_bytes\":"), let peak = form.integer(),
      form.literal(",\"phase\":"), let phase = form.text(&texts.phase),
      form.literal(",\"policy\":"), let policy = form.text(&texts.policy),
      form.literal(",\"rank\":"), let rank = form.integer(),
      form.literal(",\"repeat\":"), let turn = form.integer(),
      form.literal(",\"replica\":"), let replica = form.integer(),
      form.literal(",\"schema\":\"padtax/rank-phase\",\"stage\":"), let stage = form.integer(),
      form.literal(",\"tensor_rank\":"), let tensorRank = form.integer(),
      form.literal(",\"traffic\":["), let traffic = Self.traffic(&form, &texts),
      form.literal(",\"version\":"), form.integer() == Self.schemaVersion,
      form.literal(",\"wall_s\":"), let wall = form.number(),
      form.literal(",\"warmup\":"), let warmup = form.flag(),
      form.literal(",\"weight_bytes\":"), let weights = form.integer(),
      form.isAtEnd
    else { return nil }
    self.init(
      cell: cell, layout: layout, origin: origin.value, policy: policy, batch: batch,
      repeatIndex: turn, warmup: warmup, phase: phase, rank: rank, tensorRank: tensorRank,
      stage: stage, replica: replica, wallSeconds: wall, computeSeconds: compute,
      communicationSeconds: communication, idleSeconds: idle, traffic: traffic,
      peakMemoryBytes: peak, weightBytes: weights, kvBytesReserved: reserved, kvBytesUsed: used)
  }

  /// A key that may be missing.
  private struct Found<Value> {
    var value: Value?
  }

  private static func origin(_ form: inout OwnForm) -> Found<Origin>? {
    guard form.literal(",\"origin\":\"") else { return Found() }
    let origin: Origin
    if form.literal("measured\"") {
      origin = .measured
    } else if form.literal("virtual\"") {
      origin = .virtual
    } else if form.literal("modelled\"") {
      origin = .modelled
    } else {
      return nil
    }
    return Found(value: origin)
  }

  private static func traffic(
    _ form: inout OwnForm, _ texts: inout Texts
  ) -> [TrafficTotal]? {
    if form.literal("]") { return [] }
    var totals: [TrafficTotal] = []
    totals.reserveCapacity(5)
    repeat {
      guard form.literal("{\"bytes\":"), let bytes = form.integer(),
        form.literal(",\"calls\":"), let calls = form.integer()
      else { return nil }
      var communication: Double?
      if form.literal(",\"communication_s\":") {
        guard let seconds = form.number() else { return nil }
        communication = seconds
      }
      guard form.literal(",\"communicator\":"), let communicator = form.text(&texts.communicator),
        form.literal(",\"element_type\":"), let type = form.text(&texts.elementType),
        form.literal(",\"elements\":"), let elements = form.integer(),
        form.literal(",\"operation\":"), let operation = form.text(&texts.operation),
        form.literal(",\"padded_bytes\":"), let padded = form.integer(),
        form.literal(",\"s\":"), let seconds = form.number(), form.literal("}")
      else { return nil }
      totals.append(
        TrafficTotal(
          operation: operation, communicator: communicator, elementType: type, calls: calls,
          elements: elements, bytes: bytes, paddedBytes: padded, seconds: seconds,
          communicationSeconds: communication))
    } while form.literal(",")
    return form.literal("]") ? totals : nil
  }
}
