import Scheduling

extension PlanWalk {
  /// What a rank does for an iteration of serving: as for a micro-batch, but that nothing is known
  /// ahead, so that receives are posted when the plan is there, and that tokens go to the
  /// coordinator alone, which feeds them with a later plan.
  func run(_ plan: IterationPlan) {
    let micro = MicroTraffic(plan)
    if isFirst {
      reduce(micro, .embedding)
    } else {
      pass(micro, .receive, peer: place.stage - 1)
      join(micro)
    }
    layers(micro)
    if !isLast { return pass(micro, .send, peer: place.stage + 1) }
    guard micro.sampled > 0 else { return }
    head(micro)
    if !isFirst, place.tensor == 0 { tokens(micro, .send, peer: 0) }
  }

  /// The tokens of an iteration as the coordinator receives them.
  func take(_ plan: IterationPlan) {
    let micro = MicroTraffic(plan)
    if micro.sampled > 0 { tokens(micro, .receive, peer: traffic.layout.pipeline - 1) }
  }

  private func tokens(_ micro: MicroTraffic, _ kind: OperationKind, peer: Int) {
    add(
      kind, .pipeline, .tokens, .int32, micro, shape: (micro.sampled, 1), peer: peer,
      units: (micro.sampled, micro.sampled))
  }
}

extension MicroTraffic {
  fileprivate init(_ plan: IterationPlan) {
    self.init(
      phase: plan.phase, rows: plan.items.map(\.row), slots: plan.slots,
      tokens: plan.items.reduce(0) { $0 + $1.tokens },
      sampled: plan.items.count { $0.samples }, returned: plan.items.count { $0.samples })
  }
}

extension IterationPlan {
  /// The phase that messages of an iteration count in: prefill when any of its rows is.
  public var phase: Phase { items.contains { $0.phase == .prefill } ? .prefill : .decode }
}

extension TrafficModel {
  /// Every operation of a rank for an iteration of serving, in its order; control traffic is not
  /// part of it.
  public func walk(
    _ plan: IterationPlan, rank: Int, _ body: (PlannedOperation) -> Void
  ) {
    withoutActuallyEscaping(body) { body in
      PlanWalk(
        traffic: self, place: layout.coordinates(of: rank), scored: [],
        emit: { operation, _ in body(operation) }
      ).run(plan)
    }
  }

  /// What the coordinator does to take an iteration's tokens: nothing where it sampled them itself.
  public func walkTokens(of plan: IterationPlan, _ body: (PlannedOperation) -> Void) {
    guard layout.pipeline > 1 else { return }
    withoutActuallyEscaping(body) { body in
      PlanWalk(
        traffic: self, place: layout.coordinates(of: 0), scored: [],
        emit: { operation, _ in body(operation) }
      ).take(plan)
    }
  }
}
