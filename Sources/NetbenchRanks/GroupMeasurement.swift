import Inference
import MPI
import Netbench

/// Measures operations on one set of groups; every rank of the world takes part in the decisions.
struct GroupMeasurement: ~Copyable {
  let request: NetbenchRequest
  let groups: RankGroups
  /// False on a rank outside all groups.
  let isMember: Bool
  let activity: RankActivity
  /// Where the check's data is spoilt on purpose.
  let fault: NetbenchFault?
  /// Memory for the largest vector, twice.
  let input: UnsafeMutableBufferPointer<Float>
  let output: UnsafeMutableBufferPointer<Float>

  /// Measures the sizes of one operation in turn and hands on each result, on rank 0. Collective over
  /// `world`; `own` is this rank's group, unused on ranks outside all groups.
  /// - Returns: the first size left out because it would take too long, nil when none was.
  func run(
    _ operation: MeasuredOperation, world: borrowing Communicator, own: borrowing Communicator,
    result: (NetbenchResult) throws -> Void
  ) throws -> Int? {
    for (count, size) in request.ladder.extents(of: operation, ranks: groups.ranks) {
      activity.begin("\(operation.rawValue) on \(groups.name), \(size) bytes")
      let loops = operation.variants.map { variant in
        OperationLoop(
          operation, variant, count: count, ranks: groups.ranks, input: input, output: output)
      }
      for loop in loops { try check(loop, size: size, world: world, own: own) }
      zero()
      guard let plan = try makePlan(loops[0], world: world, own: own) else { return size }
      var row = NetbenchResult(
        size: size, count: count, operation: operation, groups: groups, plan: plan)
      for loop in loops {
        guard let slices = try time(loop, plan, world: world, own: own) else { continue }
        row.set(loop.variant, try TimingStatistics(slices: slices), wrong: 0)
      }
      if world.rank == 0 { try result(row) }
    }
    return nil
  }

  /// Runs the operation once on known data. A wrong element is an error on all ranks that names
  /// operation, size, rank and element.
  private func check(
    _ loop: OperationLoop, size: Int, world: borrowing Communicator, own: borrowing Communicator
  ) throws {
    var outcome: DataCheck?
    activity.beginSlice(0)
    if isMember {
      let spoil = fault == NetbenchFault(loop.operation, size: size, rank: world.rank)
      outcome = try DataCheck(loop, on: own, spoil: spoil)
    }
    try world.together("\(loop.operation.rawValue) on \(groups.name)") {
      guard let outcome, let complaint = outcome.complaint else { return }
      throw InferenceError(
        .gate,
        "\(size) bytes (\(loop.variant == .inPlace ? "in" : "out of") place): "
          + "\(outcome.wrong) wrong element\(outcome.wrong == 1 ? "" : "s"); "
          + complaint)
    }
  }

  private func zero() {
    input.update(repeating: 0)
    output.update(repeating: 0)
  }

  /// Finds out how long a call takes, which warms up as well, and how often to call. Rank 0 decides
  /// and the others hear of it. Nil when the size takes too long.
  private func makePlan(
    _ loop: OperationLoop, world: borrowing Communicator, own: borrowing Communicator
  ) throws -> TimingPlan? {
    var probe = TimingProbe(effort: request.effort)
    var calls = probe.calls
    while true {
      var longest = [0.0]
      activity.beginSlice(0)
      if isMember { longest[0] = try loop.run(calls: calls, on: own) }
      try world.allReduce(inPlace: &longest, .max)
      // Calls to try next, or 0 and the plan's calls and slices, which are 0 for "takes too long".
      var decision: [Int64] = [0, 0, 0]
      if world.rank == 0 {
        probe.record(seconds: longest[0])
        if !probe.isDone {
          decision[0] = Int64(probe.calls)
        } else if let plan = probe.plan {
          decision = [0, Int64(plan.calls), Int64(plan.slices)]
        }
      }
      try world.broadcast(&decision, root: 0)
      calls = Int(decision[0])
      if calls > 0 { continue }
      return decision[1] > 0
        ? TimingPlan(calls: Int(decision[1]), slices: Int(decision[2])) : nil
    }
  }

  /// Microseconds per call by slice, of all ranks that hold a clock; on rank 0, nil elsewhere.
  private func time(
    _ loop: OperationLoop, _ plan: TimingPlan, world: borrowing Communicator,
    own: borrowing Communicator
  ) throws -> [(rank: Int, values: [Double])]? {
    var slices: [Double] = []
    var barriers: [Double] = []
    if isMember {
      let holder = OperationLoop.clockHolder(loop.operation)
      let scale = 1e6 / Double(plan.calls * OperationLoop.hops(loop.operation))
      slices.reserveCapacity(plan.slices)
      for slice in 0..<plan.slices {
        activity.beginSlice(slice)
        slices.append(try loop.run(calls: plan.calls, on: own) * scale)
        if loop.operation.isRooted {
          barriers.append(try OperationLoop.barriers(calls: plan.calls, on: own) * scale)
        }
      }
      if let holder, holder != own.rank { slices = [] }
    }
    // Ranks outside all groups are here at once and wait for all slices.
    activity.awaitOthers(steps: plan.slices)
    let all = try world.gatherArrays(slices, root: 0)
    let allBarriers = try world.gatherArrays(barriers, root: 0)
    guard let all, let allBarriers else { return nil }
    let cost = TimingStatistics.undisturbed(allBarriers.filter { !$0.isEmpty })
    return all.enumerated().filter { !$0.element.isEmpty }
      .map { (rank: $0.offset, values: $0.element.map { max(0, $0 - cost) }) }
  }
}

/// Where a check's data is spoilt, to see the check fail: `all-reduce:64:1` is the check of
/// all-reduce at 64 bytes on rank 1.
public struct NetbenchFault: Hashable, Sendable {
  let operation: MeasuredOperation
  let size: Int
  let rank: Int

  init(_ operation: MeasuredOperation, size: Int, rank: Int) {
    self.operation = operation
    self.size = size
    self.rank = rank
  }

  public init?(parsing text: String) {
    let parts = text.split(separator: ":")
    guard parts.count == 3, let operation = MeasuredOperation(rawValue: String(parts[0])),
      let size = Int(parts[1]), let rank = Int(parts[2])
    else { return nil }
    self.init(operation, size: size, rank: rank)
  }
}
