import Locality
import MPI
import Records
import Scheduling

/// Where a rank's time and bytes went over the iterations of one serving run, told from its ledger.
///
/// Phases are those of iterations, `prefill` when it has a prompt token, else `decode`, and what lies
/// between them: plans, rests, the wait for arrivals. As for batches, compute is time outside MPI and
/// communication of a collective the shortest time that a member of the stage spent in it (12 bytes
/// are kept for each until the end). Since nobody asks when a sender began, all of the wait for
/// activations counts as idle; so does all that lies between iterations.
struct IterationAccount {
  private struct Collective {
    var phase: UInt8
    var key: TrafficAccumulator.Key
  }

  private var walls: [UInt8: UInt64] = [:]
  private var inside: [UInt8: UInt64] = [:]
  private var moving: [UInt8: Double] = [:]
  private var traffic: [UInt8: TrafficAccumulator] = [:]
  private var collectives: [Collective] = []
  private var times: [Double] = []
  /// KV slots that the widest iteration read or wrote.
  private(set) var mostSlots = 0

  /// Notes that an iteration took this rank so long.
  mutating func add(_ plan: IterationPlan, nanoseconds: UInt64) {
    walls[Self.phase(plan), default: 0] += nanoseconds
    let slots = plan.requestItems.reduce(0) { $0 + $1.row.context + $1.row.slots }
    mostSlots = max(mostSlots, slots)
  }

  /// Takes in what the ledger holds.
  mutating func add(_ events: UnsafeBufferPointer<TrafficEvent>) {
    for event in events {
      // Control traffic belongs to no iteration, whatever was under way.
      let phase = event.label == Traffic.control.raw ? Traffic.outside : event.context.phase
      let time = event.end - event.start
      inside[phase, default: 0] += time
      let isCollective = event.label == Traffic.tensor.raw
      let isSend = event.operation == .startSend || event.operation == .send
      let own = isSend && !isCollective ? Double(time) / 1e9 : 0
      moving[phase, default: 0] += own
      traffic[phase, default: TrafficAccumulator()].add(event, moving: own)
      if isCollective {
        collectives.append(Collective(phase: phase, key: TrafficAccumulator.Key(event)))
        times.append(Double(time) / 1e9)
      }
    }
  }

  /// Finds how long the collectives' data moved. Collective over a stage.
  mutating func finish(_ context: RankContext) throws {
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    try context.tensor.minimum(&times)
    for (collective, time) in zip(collectives, times) {
      moving[collective.phase, default: 0] += time
      traffic[collective.phase]?.add(moving: time, to: collective.key)
    }
    (collectives, times) = ([], [])
  }

  private static func phase(_ plan: IterationPlan) -> UInt8 {
    plan.phase == .decode ? Traffic.decode : Traffic.prefill
  }

  /// The rank's records of the run, one per phase.
  /// - Parameters:
  ///   - load: index of the load in the job.
  ///   - seconds: of the whole run.
  func records(
    _ run: Records.ServingRun, load: Int, seconds: Double, executor: ServingExecutor
  ) throws -> [RankRecord] {
    let context = executor.context
    let memory = try MemoryUsage.current()
    let iterations = walls.values.reduce(0) { $0 + Double($1) / 1e9 }
    return [(Traffic.prefill, "prefill"), (Traffic.decode, "decode"), (Traffic.outside, "between")]
      .map { phase, name in
        let isBetween = phase == Traffic.outside
        let wall = isBetween ? max(0, seconds - iterations) : Double(walls[phase] ?? 0) / 1e9
        let communication = isBetween ? 0 : min(moving[phase] ?? 0, wall)
        let own = isBetween ? 0 : max(0, wall - Double(inside[phase] ?? 0) / 1e9)
        let compute = min(own, wall - communication)
        return RankRecord(
          cell: run.cell, layout: run.layout, origin: run.origin, policy: run.system, batch: load,
          repeatIndex: run.repeatIndex, warmup: false, phase: name, rank: context.rank,
          tensorRank: context.coordinates.tensor, stage: context.stage,
          replica: context.coordinates.replica, wallSeconds: wall, computeSeconds: compute,
          communicationSeconds: communication,
          idleSeconds: max(0, wall - compute - communication),
          traffic: traffic[phase]?.sorted ?? [], peakMemoryBytes: memory.peakResident,
          weightBytes: executor.shard.weightBytes,
          kvBytesReserved: executor.cache.bytes(slots: executor.cache.slots),
          kvBytesUsed: executor.cache.bytes(slots: mostSlots))
      }
  }
}
