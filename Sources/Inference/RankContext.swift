import Locality
import MPI
import Models
import Records
import Scheduling
import Tensors
import Transformers

/// What traffic is for: the label of a communicator and the phase in which a call was made.
public enum Traffic {
  public static let control = CommunicatorLabel(raw: 0, name: "control")
  public static let tensor = CommunicatorLabel(raw: 1, name: "tensor")
  public static let pipeline = CommunicatorLabel(raw: 2, name: "pipeline")
  /// Ranks whose messages are timed.
  package static let group = CommunicatorLabel(raw: 3, name: "its group")
  static let labels = [control, tensor, pipeline, group]

  static let outside: UInt8 = 0
  static let prefill: UInt8 = 1
  static let decode: UInt8 = 2
}

/// A rank's place in its layout and its communicators: tensor ranks of one stage, stages with the
/// same tensor rank, and everyone for control.
public final class RankContext {
  public let layout: ParallelLayout
  public let coordinates: ParallelLayout.Coordinates
  public let dialect: Dialect
  public let reduction: TensorReduction
  /// What hidden states travel in.
  public let messages: StorageFormat
  public let ledger: TrafficLedger
  /// Times everything that the communicators do; nil where the wall clock does.
  public let clock: VirtualClock?
  /// What the clock pretends, as the job says it.
  private let virtualTime: VirtualTime?
  let activity = RankActivity()
  /// How messages leave this rank's device, where it has one.
  var device: DeviceLinks?
  /// Held while this rank computes, where ranks take turns.
  var token: ComputeToken?
  /// All ranks of the layout.
  let control: Communicator
  /// The ranks with this tensor rank and replica, by stage.
  let pipeline: Communicator
  public let tensor: TensorGroup
  /// Per stage, nanoseconds to add to its clock to read it on ours; virtual clocks are one.
  private(set) var clockOffsets: [Int64]

  /// Collective over `world`, which must have as many ranks as the layout.
  public init(
    layout: ParallelLayout, world: borrowing Communicator, dialect: Dialect = .megatron,
    reduction: TensorReduction = .allReduce, reductionChunks: Int = 1,
    messages: StorageFormat = .float32, clock: VirtualClock? = nil, virtualTime: VirtualTime? = nil
  ) throws {
    precondition(
      dialect == .megatron || reduction == .allReduce,
      "jobs that would pass scattered slots in two tensors are refused")
    guard world.size == layout.worldSize else {
      throw InferenceError(
        .badInput,
        "layout \(layout) needs \(layout.worldSize) ranks; this launch has \(world.size)")
    }
    self.layout = layout
    self.dialect = dialect
    self.reduction = reduction
    self.messages = messages
    guard let ledger = world.ledger else {
      preconditionFailure("the world communicator carries the ledger")
    }
    self.ledger = ledger
    self.clock = clock
    self.virtualTime = virtualTime
    let coordinates = layout.coordinates(of: world.rank)
    self.coordinates = coordinates
    control = try world.duplicate(label: Traffic.control, clock: clock)
    let line = coordinates.replica * layout.tensor + coordinates.tensor
    let stages = try control.split(color: line, key: coordinates.stage, label: Traffic.pipeline)
    let plane = coordinates.replica * layout.pipeline + coordinates.stage
    let peers = try control.split(color: plane, key: coordinates.tensor, label: Traffic.tensor)
    guard let stages, let peers else { preconditionFailure("a coloured split gives a group") }
    pipeline = stages
    tensor = TensorGroup(
      peers, reduction: reduction, reductionChunks: reductionChunks, format: messages)
    clockOffsets = [Int64](repeating: 0, count: layout.pipeline)
    if clock == nil { clockOffsets = try measureClockOffsets() }
  }

  public var rank: Int { control.rank }
  /// Nanoseconds now on the clock that times this job.
  func now() -> UInt64 { clock?.now() ?? MonotonicClock.nanoseconds() }
  /// Tells a virtual clock what the rank computes from now on.
  func begin(_ phase: Phase) {
    guard let clock, let time = virtualTime, let decode = time.decodeScale else { return }
    clock.rescale(phase == .decode ? decode : time.computeScale)
  }
  /// Where the times of this job's records come from.
  var origin: Origin { clock == nil ? .measured : .virtual }
  public var isCoordinator: Bool { rank == 0 }
  public var stage: Int { coordinates.stage }
  public var isFirstStage: Bool { stage == 0 }
  public var isLastStage: Bool { stage == layout.pipeline - 1 }
  /// Between stages the last product goes beside the residual, not added to it.
  var passesPending: Bool { dialect == .vllmV0 && layout.pipeline > 1 }
  /// Between stages each tensor rank passes its part of the elements, and the next stage gathers.
  var passesSlices: Bool { passesPending && layout.tensor > 1 }
  /// The rank that holds a replica's tokens and clock.
  public var leadsReplica: Bool { isFirstStage && coordinates.tensor == 0 }

  /// Offset between the monotonic clocks of neighbouring stages, by the fastest of some round
  /// trips (Cristian's algorithm). Zero but for noise between ranks of one host.
  private func measureClockOffsets() throws(MPIError) -> [Int64] {
    var offsets = [Int64](repeating: 0, count: pipeline.size)
    for upper in 1..<max(1, pipeline.size) {
      if stage == upper {
        for _ in 0..<16 {
          var ping = [Int64(0)]
          try pipeline.receive(into: &ping, from: upper - 1)
          try pipeline.send([Int64(MonotonicClock.nanoseconds())], to: upper - 1)
        }
        var offset = [Int64(0)]
        try pipeline.receive(into: &offset, from: upper - 1)
        offsets[upper - 1] = -offset[0]
      } else if stage == upper - 1 {
        var best = (trip: Int64.max, offset: Int64(0))
        for _ in 0..<16 {
          let start = Int64(MonotonicClock.nanoseconds())
          try pipeline.send([start], to: upper)
          var theirs = [Int64(0)]
          try pipeline.receive(into: &theirs, from: upper)
          let end = Int64(MonotonicClock.nanoseconds())
          if end - start < best.trip { best = (end - start, (start + end) / 2 - theirs[0]) }
        }
        try pipeline.send([best.offset], to: upper)
        offsets[upper] = best.offset
      }
    }
    return offsets
  }
}
