import Records

/// Sums over the records of a cell's ranks. They grow with policies, batches, phases and ranks, not
/// with how often a batch was executed, but for one number for each execution.
struct RankTotals: Sendable {
  /// One phase of one batch under one policy, over ranks and executions; warm-up left out.
  struct Phase: Sendable {
    struct Key: Hashable {
      var origin: Origin
      var policy: String
      var batch: Int
      var phase: String
    }

    let key: Key
    var times = Times()
    var traffic: [Traffic] = []
    /// Repeats of the batch that have records.
    var turns: Set<Int> = []
    /// The most that a rank had.
    var peakMemoryBytes = 0
    var weightBytes = 0
    var kvBytesReserved = 0
  }

  /// One phase under one policy on one rank, over its executions; warm-up left out.
  struct Rank: Sendable {
    struct Key: Hashable {
      var origin: Origin
      var policy: String
      var phase: String
      var rank: Int
    }

    let key: Key
    let stage: Int
    var executions = 0
    var times = Times()
  }

  /// Seconds of a rank by what they went to.
  struct Times: Sendable {
    private var seconds = SIMD4<Double>()

    init() {}

    init(wall: Double, compute: Double, communication: Double, idle: Double) {
      seconds = SIMD4(wall, compute, communication, idle)
    }

    var wall: Double { seconds.x }
    var compute: Double { seconds.y }
    var communication: Double { seconds.z }
    var idle: Double { seconds.w }

    mutating func add(_ other: Times) { seconds += other.seconds }
  }

  /// Traffic of one operation on one communicator, which may be padtax's own.
  struct Traffic: Sendable {
    let communicator: String
    let operation: String
    var calls = 0
    var bytes = 0
    var paddedBytes = 0
    var communicationSeconds = 0.0
    /// Each total's time, shared out by its bytes.
    var paddedSeconds = 0.0

    mutating func add(_ other: Traffic) {
      calls += other.calls
      bytes += other.bytes
      paddedBytes += other.paddedBytes
      communicationSeconds += other.communicationSeconds
      paddedSeconds += other.paddedSeconds
    }
  }

  /// In the order of their first records.
  private(set) var phases: [Phase] = []
  private(set) var ranks: [Rank] = []
  /// Ranks that have records of an origin, warm-up or not.
  private(set) var present: [Origin: Set<Int>] = [:]
  private var phaseIndex: [Phase.Key: Int] = [:]
  private var rankIndex: [Rank.Key: Int] = [:]

  mutating func add(_ record: RankRecord) {
    let origin = record.origin ?? .measured
    present[origin, default: []].insert(record.rank)
    guard !record.warmup else { return }
    let times = Times(
      wall: record.wallSeconds, compute: record.computeSeconds,
      communication: record.communicationSeconds, idle: record.idleSeconds)

    let rankKey = Rank.Key(
      origin: origin, policy: record.policy, phase: record.phase, rank: record.rank)
    let rank = rankIndex[rankKey] ?? ranks.count
    if rank == ranks.count {
      rankIndex[rankKey] = rank
      ranks.append(Rank(key: rankKey, stage: record.stage))
    }
    ranks[rank].executions += 1
    ranks[rank].times.add(times)

    let phaseKey = Phase.Key(
      origin: origin, policy: record.policy, batch: record.batch, phase: record.phase)
    let phase = phaseIndex[phaseKey] ?? phases.count
    if phase == phases.count {
      phaseIndex[phaseKey] = phase
      phases.append(Phase(key: phaseKey))
    }
    phases[phase].times.add(times)
    phases[phase].add(record)
  }

  /// The part of one origin's records.
  func of(_ origin: Origin) -> RankTotals {
    var part = RankTotals()
    part.phases = phases.filter { $0.key.origin == origin }
    part.ranks = ranks.filter { $0.key.origin == origin }
    part.present = present.filter { $0.key == origin }
    return part
  }

  /// The part of some batches. Ranks, whose sums go over batches, are left out.
  func of(batches: Set<Int>) -> RankTotals {
    var part = RankTotals()
    part.phases = phases.filter { batches.contains($0.key.batch) }
    part.present = present
    return part
  }
}

extension RankTotals.Phase {
  fileprivate mutating func add(_ record: RankRecord) {
    turns.insert(record.repeatIndex)
    peakMemoryBytes = max(peakMemoryBytes, record.peakMemoryBytes)
    weightBytes = max(weightBytes, record.weightBytes)
    kvBytesReserved = max(kvBytesReserved, record.kvBytesReserved)
    for total in record.traffic {
      let seconds = total.communicationSeconds ?? 0
      traffic.add(
        RankTotals.Traffic(
          communicator: total.communicator, operation: total.operation, calls: total.calls,
          bytes: total.bytes, paddedBytes: total.paddedBytes, communicationSeconds: seconds,
          paddedSeconds: total.bytes > 0
            ? seconds * Double(total.paddedBytes) / Double(total.bytes) : 0))
    }
  }
}

extension [RankTotals.Traffic] {
  /// Adds to the sum of the same operation and communicator; what moved no bytes stays apart.
  mutating func add(_ total: RankTotals.Traffic) {
    let found = firstIndex {
      $0.communicator == total.communicator && $0.operation == total.operation
        && ($0.bytes > 0) == (total.bytes > 0)
    }
    if let found { self[found].add(total) } else { append(total) }
  }
}
