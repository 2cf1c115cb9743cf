import Models
import Scheduling

/// Walks a plan as one rank's engine does and names each operation.
struct PlanWalk {
  let traffic: TrafficModel
  let place: ParallelLayout.Coordinates
  let scored: Set<Int>
  /// Takes an operation and the micro-batch that the rank works on, counted over the plan's steps;
  /// their number once all are done.
  let emit: (PlannedOperation, Int) -> Void

  /// Tokens and losses that come back to the first stage, in order, and how many have come.
  private var expected: [Return] = []
  private var received = 0
  private var current = 0
  /// Tokens that the first stage has of each sequence, prompt and generated.
  private var known: [Int] = []

  init(
    traffic: TrafficModel, place: ParallelLayout.Coordinates, scored: Set<Int>,
    emit: @escaping (PlannedOperation, Int) -> Void
  ) {
    self.traffic = traffic
    self.place = place
    self.scored = scored
    self.emit = emit
  }

  private struct Return {
    let rows: [PlanRow]
    let count: Int
  }

  var degree: Int { traffic.layout.tensor }
  var hidden: Int { traffic.model.hiddenSize }
  var isFirst: Bool { place.stage == 0 }
  var isLast: Bool { place.stage == traffic.layout.pipeline - 1 }

  mutating func run(_ plan: BatchPlan) {
    known = plan.promptLengths
    let micros = plan.steps.flatMap { step in
      step.microBatches.map { MicroTraffic($0, phase: step.phase, plan: plan, scored: scored) }
    }
    for (index, micro) in micros.enumerated() {
      current = index
      // Decode begins when the first stage has every first token.
      if micro.phase == .decode, index > 0, micros[index - 1].phase != .decode {
        receiveAll(.prefill)
      }
      enter(micros, index)
      layers(micro)
      leave(micro)
    }
    current = micros.count
    if let last = micros.last { receiveAll(last.phase) }
  }

  /// The hidden state before the stage's layers: embedded, or received.
  private mutating func enter(_ micros: [MicroTraffic], _ index: Int) {
    let micro = micros[index]
    guard !isFirst else {
      while !canFeed(micro.rows) { receive(micro.phase) }
      return reduce(micro, .embedding)
    }
    // The receive of the next micro-batch is posted ahead.
    if index == 0 { pass(micro, .receive, peer: place.stage - 1) }
    if index + 1 < micros.count { pass(micros[index + 1], .receive, peer: place.stage - 1) }
    join(micro)
  }

  /// Makes received slices whole.
  func join(_ micro: MicroTraffic) {
    guard traffic.dialect == .vllmV0, degree > 1 else { return }
    for _ in 0..<2 { slots(.allGather, micro, .activations, rows: micro.slots) }
  }

  func layers(_ micro: MicroTraffic) {
    let chunks = traffic.chunks(of: micro)
    for _ in traffic.partition.stages[place.stage] {
      collect(micro, .attention)
      reduce(micro, .attention, chunks)
      collect(micro, .feedForward)
      reduce(micro, .feedForward, chunks)
    }
  }

  private mutating func leave(_ micro: MicroTraffic) {
    if !isLast {
      pass(micro, .send, peer: place.stage + 1)
      if isFirst, micro.returned > 0 {
        expected.append(Return(rows: micro.rows, count: micro.returned))
      }
    } else if micro.phase == .score {
      collect(micro, .head)
      score(micro)
    } else if micro.sampled > 0 {
      sample(micro)
    }
  }

  private mutating func sample(_ micro: MicroTraffic) {
    head(micro)
    guard micro.returned > 0 else { return }
    let units = (micro.returned, micro.returned)
    if degree > 1 {
      add(
        .broadcast, .tensor, .tokens, .int32, micro, shape: (micro.returned, 1), peer: 0,
        units: units)
    }
    guard !isFirst else { return take(micro.rows) }
    add(
      .send, .pipeline, .tokens, .int32, micro, shape: (micro.returned, 1), peer: 0, units: units)
  }

  /// Brings the sampled slots' logits to one rank.
  func head(_ micro: MicroTraffic) {
    let samples = (micro.sampled, micro.sampled)
    if degree > 1, traffic.reduction == .reduceScatter {
      add(
        .allGather, .tensor, .head, traffic.activations, micro, shape: (micro.sampled, hidden),
        units: samples)
    }
    if degree > 1, traffic.headColumns > 0 {
      let own = ShardPlan.split(traffic.headColumns, into: degree, part: place.tensor).count
      add(
        .gather, .tensor, .logits, traffic.logits, micro,
        shape: (micro.sampled, place.tensor == 0 ? traffic.headColumns : own), peer: 0,
        units: samples)
    }
  }

  /// Vocabulary-parallel cross-entropy: the largest logit, then sum and target's logit.
  private func score(_ micro: MicroTraffic) {
    if degree > 1 {
      var first = 0
      while first < micro.slots {
        let block = first..<min(first + traffic.scoreRows, micro.slots)
        let units = (block.count, micro.tokens(in: block))
        add(.allReduce, .tensor, .losses, .float, micro, shape: (block.count, 1), units: units)
        add(.allReduce, .tensor, .losses, .double, micro, shape: (block.count, 2), units: units)
        first = block.upperBound
      }
    }
    guard !isFirst, micro.returned > 0 else { return }
    add(
      .send, .pipeline, .losses, .double, micro, shape: (micro.returned, 1), peer: 0,
      units: (micro.returned, micro.returned))
  }

  // MARK: What comes back to the first stage

  private func canFeed(_ rows: [PlanRow]) -> Bool {
    rows.allSatisfy { $0.tokens == 0 || $0.firstToken + $0.tokens <= known[$0.sequence] }
  }

  private mutating func take(_ rows: [PlanRow]) {
    for row in rows where row.samples { known[row.sequence] += 1 }
  }

  private mutating func receive(_ phase: Phase) {
    precondition(received < expected.count, "a sequence is fed before its token was asked for")
    let next = expected[received]
    received += 1
    let isScore = phase == .score
    emit(
      PlannedOperation(
        kind: .receive, communicator: .pipeline, purpose: isScore ? .losses : .tokens,
        element: isScore ? .double : .int32, rows: next.count, columns: 1,
        peer: traffic.layout.pipeline - 1, phase: phase, units: next.count,
        usefulUnits: next.count), current)
    take(next.rows)
  }

  private mutating func receiveAll(_ phase: Phase) {
    while received < expected.count { receive(phase) }
  }

  // MARK: Messages of slots

  /// Slots on the wire: with reduce-scatter a multiple of the tensor degree.
  private func wireSlots(_ micro: MicroTraffic) -> Int {
    guard traffic.reduction == .reduceScatter else { return micro.slots }
    return (micro.slots + degree - 1) / degree * degree
  }

  /// Makes one result of the tensor ranks' partial sums.
  func reduce(
    _ micro: MicroTraffic, _ purpose: TrafficPurpose, _ chunks: [(all: Int, useful: Int)] = []
  ) {
    guard degree > 1 else { return }
    for units in chunks {
      add(
        .allReduce, .tensor, purpose, traffic.activations, micro, shape: (units.all, hidden),
        units: units)
    }
    guard chunks.isEmpty else { return }
    slots(
      traffic.reduction == .allReduce ? .allReduce : .reduceScatter, micro, purpose,
      rows: wireSlots(micro))
  }

  /// Brings together what reduce-scatter left apart.
  private func collect(_ micro: MicroTraffic, _ purpose: TrafficPurpose) {
    guard degree > 1, traffic.reduction == .reduceScatter else { return }
    slots(.allGather, micro, purpose, rows: wireSlots(micro))
  }

  private func slots(
    _ kind: OperationKind, _ micro: MicroTraffic, _ purpose: TrafficPurpose, rows: Int
  ) {
    add(
      kind, .tensor, purpose, traffic.activations, micro, shape: (rows, hidden),
      units: (rows, micro.tokens))
  }

  /// A micro-batch's hidden state from one stage to the next.
  func pass(_ micro: MicroTraffic, _ kind: OperationKind, peer: Int) {
    switch (traffic.dialect, traffic.reduction) {
    case (.vllmV0, _):
      for _ in 0..<2 {
        add(
          kind, .pipeline, .activations, traffic.activations, micro,
          shape: (micro.slots, hidden / degree), peer: peer, units: (micro.slots, micro.tokens))
      }
    case (.megatron, .allReduce):
      add(
        kind, .pipeline, .activations, traffic.activations, micro, shape: (micro.slots, hidden),
        peer: peer, units: (micro.slots, micro.tokens))
    case (.megatron, .reduceScatter):
      let block = wireSlots(micro) / degree
      let own = place.tensor * block..<(place.tensor + 1) * block
      add(
        kind, .pipeline, .activations, traffic.activations, micro, shape: (block, hidden),
        peer: peer, units: (block, micro.tokens(in: own)))
    }
  }

  func add(
    _ kind: OperationKind, _ communicator: CommunicatorRole, _ purpose: TrafficPurpose,
    _ element: ElementFormat, _ micro: MicroTraffic, shape: (rows: Int, columns: Int),
    peer: Int = -1, units: (all: Int, useful: Int)
  ) {
    emit(
      PlannedOperation(
        kind: kind, communicator: communicator, purpose: purpose, element: element,
        rows: shape.rows, columns: shape.columns, peer: peer, phase: micro.phase,
        units: units.all, usefulUnits: units.useful), current)
  }
}
