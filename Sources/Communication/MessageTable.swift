import Models
import Scheduling

/// The messages of one request batch as published tables count them, told from a `TrafficModel`.
///
/// Counts of collectives are per rank: the largest count of any rank ("merged ranks": with pipeline
/// parallelism the first stage sums the embedding and the last one gathers). Sends and receives are
/// those of one tensor rank, summed over the links between its stages. A gather's message is the block
/// that each rank gives. Tokens on their way between processes are not in such tables.
public struct MessageTable: Sendable {
  public let traffic: TrafficModel
  /// Requests of the replica that the rows are of, the one with the most.
  public let requests: Int
  /// In the tables' order: by phase, then collectives, then what passes between stages.
  public let rows: [PublishedRow]
  /// Sends seen from the other side.
  public let receives: [PublishedRow]
  /// Bytes of model traffic, by two conventions.
  public let volumes: [Volume]

  /// Bytes of one phase.
  public struct Volume: Sendable, Hashable {
    public let phase: Phase
    /// Count · message bytes over the rows of the table.
    public let counted: Int
    /// Largest over ranks of Σ bytes · nccl-tests' factor (all-reduce 2(n−1)/n; all-gather,
    /// reduce-scatter and gather (n−1)/n of the whole vector; send 1).
    public let perRank: Double
    /// What all ranks send: of a gather the blocks that travel, of other collectives bytes · factor
    /// of every rank.
    public let overLinks: Double
  }

  /// - Parameter requests: prompt tokens, tokens generated and how many such requests run at once;
  ///   the last generated token is never fed, so `generate` tokens are `generate` − 1 decode steps.
  /// - Throws: `CommunicationError` when there is nothing to run.
  public init(
    _ traffic: TrafficModel, prompt: Int, generate: Int, batch: Int = 1
  ) throws(CommunicationError) {
    guard prompt > 0, generate > 0, batch > 0 else {
      throw CommunicationError(
        "\(prompt) prompt tokens, \(generate) generated, batch \(batch): each must be at least 1")
    }
    guard batch >= traffic.layout.data else {
      throw CommunicationError(
        "batch \(batch) leaves a replica of \(traffic.layout) without a request")
    }
    guard !traffic.model.isEncoder else {
      throw CommunicationError("\(traffic.model.name) is an encoder and generates nothing")
    }
    self.traffic = traffic
    requests = ShardPlan.split(batch, into: traffic.layout.data, part: 0).count
    let plan: BatchPlan
    do {
      plan = try BatchPlan(
        policy: .packed, promptLengths: Array(repeating: prompt, count: requests),
        outputLengths: Array(repeating: generate, count: requests), microBatches: 1)
    } catch {
      throw CommunicationError("\(error)")
    }
    var merged = MergedRanks(traffic)
    for rank in 0..<traffic.layout.ranksPerReplica { merged.add(plan, rank: rank) }
    rows = merged.rows(PublishedOperation.allCases.filter { $0 != .recv })
    receives = merged.rows([.recv])
    volumes = [Phase.prefill, .decode].compactMap { merged.volume($0) }
  }
}

/// Counts of all ranks, merged as published tables do.
private struct MergedRanks {
  struct Key: Hashable {
    var phase: Phase
    var operation: PublishedOperation
    var shape: String
    var bytes: Int
  }

  let traffic: TrafficModel
  private var counts: [Key: Int] = [:]
  private var perRank: [Phase: Double] = [:]
  private var overLinks: [Phase: Double] = [:]

  init(_ traffic: TrafficModel) { self.traffic = traffic }

  mutating func add(_ plan: BatchPlan, rank: Int) {
    let place = traffic.layout.coordinates(of: rank)
    var own: [Key: Int] = [:]
    var volume: [Phase: Double] = [:]
    traffic.walk(plan, rank: rank) { operation in
      guard operation.purpose != .tokens, let name = PublishedOperation(operation.kind) else {
        return
      }
      let factor = operation.kind.volumeFactor(ranks: traffic.layout.tensor)
      // The root's count of a gather is the whole, the others' a block.
      let isBlock = operation.kind == .gather && place.tensor > 0
      if operation.kind == .gather {
        let whole = operation.rows * traffic.headColumns * operation.element.bytes
        volume[operation.phase, default: 0] += Double(whole) * factor
        if isBlock { overLinks[operation.phase, default: 0] += Double(operation.bytes) }
      } else if operation.kind.sends {
        volume[operation.phase, default: 0] += Double(operation.bytes) * factor
        overLinks[operation.phase, default: 0] += Double(operation.bytes) * factor
      }
      guard operation.kind != .gather || isBlock else { return }
      let shape =
        operation.kind == .gather && operation.rows == 1
        ? "\(operation.columns)" : "\(operation.rows)x\(operation.columns)"
      own[
        Key(phase: operation.phase, operation: name, shape: shape, bytes: operation.bytes),
        default: 0] += 1
    }
    for (key, count) in own {
      if key.operation == .send || key.operation == .recv {
        if place.tensor == 0 { counts[key, default: 0] += count }
      } else {
        counts[key] = max(counts[key] ?? 0, count)
      }
    }
    for (phase, bytes) in volume { perRank[phase] = max(perRank[phase] ?? 0, bytes) }
  }

  func rows(_ operations: [PublishedOperation]) -> [PublishedRow] {
    let layout = traffic.layout
    let table = layout.pipeline == 1 ? "III" : layout.tensor == 1 ? "V" : "VI"
    return [Phase.prefill, .decode].flatMap { phase in
      operations.flatMap { operation in
        counts.filter { $0.key.phase == phase && $0.key.operation == operation }
          .sorted { ($0.key.bytes, $0.key.shape) > ($1.key.bytes, $1.key.shape) }
          .map { key, count in
            PublishedRow(
              table: table, model: traffic.model.name, tensor: layout.tensor,
              pipeline: layout.pipeline, phase: phase, operation: operation, count: count,
              shape: key.shape, messageBytes: key.bytes)
          }
      }
    }
  }

  func volume(_ phase: Phase) -> MessageTable.Volume? {
    guard let perRank = perRank[phase], let overLinks = overLinks[phase] else { return nil }
    let counted = counts.filter { $0.key.phase == phase && $0.key.operation != .recv }
      .reduce(0) { $0 + $1.value * $1.key.bytes }
    return .init(phase: phase, counted: counted, perRank: perRank, overLinks: overLinks)
  }
}
