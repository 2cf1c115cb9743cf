import Records
import Statistics
import Units

extension CellContents {
  /// A rank whose busy time of a phase is more than so many times the median of its stage is slow.
  static let stragglerFactor = 1.5
  /// Fewer executions than this tell nothing.
  static let fewestExecutions = 3

  /// Ranks that are slower than the others of their stage, those of a node in one sentence.
  ///
  /// A phase lasts as long on every rank: the others wait for the slow one. So its busy time is
  /// compared, the phase's wall time without the waits, in the mean over the executions under one
  /// policy. Where ranks share cores their times tell nothing, unless the clock is virtual.
  var stragglers: [String] {
    struct Slow {
      var rank: Int
      var factor: Double
      var detail: String
    }
    // By phase and rank, the policy under which it is slowest.
    var slow: [String: [Int: Slow]] = [:]
    let isCrowded = provenance?.oversubscribed ?? false || batches.contains(where: \.oversubscribed)
    for (stage, ranks) in Dictionary(grouping: ranks.totals.ranks, by: StageKey.init)
      .sorted(by: { $0.key < $1.key })
    {
      guard !isCrowded || stage.origin == .virtual else { continue }
      let busy = ranks.filter { $0.executions >= Self.fewestExecutions }.map {
        (rank: $0, seconds: ($0.times.wall - $0.times.idle) / Double($0.executions))
      }
      guard let median = try? Sample(busy.map(\.seconds)).median, median > 0 else { continue }
      for (rank, seconds) in busy where seconds > Self.stragglerFactor * median {
        let factor = seconds / median
        if let before = slow[stage.phase]?[rank.key.rank], before.factor >= factor { continue }
        slow[stage.phase, default: [:]][rank.key.rank] = Slow(
          rank: rank.key.rank, factor: factor,
          detail: "stage \(stage.stage), \(stage.policy), \(rank.executions) executions")
      }
    }
    let facts = provenance?.ranks ?? []
    let hosts = Dictionary(facts.map { ($0.rank, $0.host) }, uniquingKeysWith: { a, _ in a })
    let members = Dictionary(grouping: facts.map(\.rank)) { hosts[$0] ?? "" }
    return slow.sorted { $0.key > $1.key }.flatMap { phase, found -> [String] in
      let byHost = Dictionary(grouping: found.values) { hosts[$0.rank] ?? "" }
      return byHost.sorted { ($0.value.map(\.rank).min() ?? 0) < ($1.value.map(\.rank).min() ?? 0) }
        .map { host, ranks in
          let numbers = ranks.map(\.rank).sorted()
          let factors = ranks.map(\.factor).sorted()
          let isNode = numbers.count > 1 && numbers.count == members[host]?.count
          let who =
            isNode ? "node \(host): all its ranks (\(Self.list(numbers)))" : describe(numbers)
          let range =
            numbers.count == 1
            ? "\(factors[0].fixed(2)) times the median of its stage"
            : "\(factors[0].fixed(2)) to \((factors.last ?? 0).fixed(2)) times the median of their "
              + "stages"
          let slowest = ranks.max { ($0.factor, $1.rank) < ($1.factor, $0.rank) }?.detail ?? ""
          return
            "\(name): straggler: \(who): \(phase) takes \(range) without its waits (\(slowest))"
        }
    }
  }
}
