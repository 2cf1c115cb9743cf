import Communication
import Models
import Networks
import Scheduling

/// What one micro-batch sends on each stage, told once from Communication's list for a small plan: counts
/// and bytes per slot or per sampled row, which grow with nothing else.
struct TrafficTemplate: Sendable {
  /// Operations that are alike.
  private struct Entry: Sendable {
    var kind: OperationKind
    var count: Int
    var bytesPerUnit: Int
    /// True where units are slots, false where they are sampled rows.
    var isBySlot: Bool
    /// True for a state that goes to the next stage.
    var isPassed: Bool
    /// Sums at most that are made of it.
    var chunks: Int
  }

  private let stages: [[Entry]]
  /// Slots on the wire are a multiple of this.
  private let multiple: Int

  init(_ traffic: TrafficModel) throws {
    multiple = traffic.reduction == .reduceScatter ? traffic.layout.tensor : 1
    // Slots that need no dead ones behind them.
    let rows = 2 * multiple
    let plan = try BatchPlan(
      policy: .packed, promptLengths: Array(repeating: 5, count: rows),
      outputLengths: Array(repeating: 1, count: rows), microBatches: 1)
    stages = (0..<traffic.layout.pipeline).map { stage in
      var entries: [Entry] = []
      let rank = traffic.layout.rank(of: .init(tensor: 0, stage: stage, replica: 0))
      traffic.walkMicroBatches(plan, rank: rank) { operation, _ in
        guard operation.kind != .receive else { return }
        let isBySlot: Bool
        var chunks = 1
        switch operation.purpose {
        case .attention, .feedForward:
          isBySlot = true
          if traffic.reduction == .allReduce { chunks = traffic.reductionChunks }
        case .embedding, .activations: isBySlot = true
        case .head, .logits, .tokens, .losses: isBySlot = false
        }
        let entry = Entry(
          kind: operation.kind, count: 1,
          bytesPerUnit: operation.bytes / (isBySlot ? plan.largestMicroBatch : rows),
          isBySlot: isBySlot, isPassed: operation.purpose == .activations, chunks: chunks)
        let index = entries.firstIndex {
          ($0.kind, $0.bytesPerUnit, $0.isBySlot, $0.isPassed, $0.chunks)
            == (entry.kind, entry.bytesPerUnit, entry.isBySlot, entry.isPassed, entry.chunks)
        }
        if let index { entries[index].count += 1 } else { entries.append(entry) }
      }
      return entries
    }
  }

  /// What a micro-batch of so many slots and sampled rows sends on a stage.
  func micro(
    stage: Int, slots: Int, sampled: Int, collective: (CollectiveKind, Int) -> Double
  ) -> StageTraffic.Micro {
    var micro = StageTraffic.Micro()
    let wire = (slots + multiple - 1) / multiple * multiple
    for entry in stages[stage] {
      let units = entry.isBySlot ? wire : sampled
      guard units > 0 else { continue }
      let bytes = units * entry.bytesPerUnit
      if let kind = entry.kind.collective, entry.chunks > 1 {
        for rows in ReductionChunks.ranges(of: units, most: entry.chunks) {
          micro.collectives +=
            Double(entry.count) * collective(kind, rows.count * entry.bytesPerUnit)
          micro.collectiveCount += entry.count
        }
      } else if let kind = entry.kind.collective {
        micro.collectives += Double(entry.count) * collective(kind, bytes)
        micro.collectiveCount += entry.count
      } else if entry.isPassed {
        for _ in 0..<entry.count { micro.passed.append(bytes) }
      } else {
        micro.returned += bytes
      }
    }
    return micro
  }
}
