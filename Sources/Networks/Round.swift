/// Messages of one step of a collective that travel at the same time; members by their place in
/// the group.
struct Round: Hashable, Sendable {
  struct Message: Hashable, Sendable {
    let from: Int
    let to: Int
    let bytes: Double
  }

  var messages: [Message]
  /// How many such steps follow each other (a ring's are all alike).
  var repeats = 1
}

/// The steps of collectives over n members; `bytes` is the whole buffer or vector, blocks are
/// `bytes`/n. Costs of computing a reduction are left out.
///
/// Sources: Thakur, Rabenseifner, Gropp, "Optimization of Collective Communication Operations in
/// MPICH", IJHPCA 19(1), 2005; Bruck et al., IEEE TPDS 8(11), 1997, for counts that are no power
/// of two; van de Geijn's broadcast as in the first. Doc comments give the cost on equal links with
/// α + β·bytes per message.
struct RoundPlan {
  let kind: CollectiveKind
  let ranks: Int
  let bytes: Double

  /// The ways to carry out `algorithm`; the fastest counts. More than one only for the direct
  /// all-reduce.
  func plans(_ algorithm: CollectiveAlgorithm) -> [[Round]] {
    guard ranks > 1 else { return [[]] }
    switch (kind, algorithm) {
    case (.allReduce, .ring): return [[ring(steps: 2 * (ranks - 1))]]
    case (.allGather, .ring), (.reduceScatter, .ring): return [[ring(steps: ranks - 1)]]
    case (.broadcast, .ring):
      return [treeGather.reversed().map(turned) + [ring(steps: ranks - 1)]]
    case (.allReduce, .recursiveDoubling): return [folded { _ in wholeExchanges }]
    case (.allReduce, .recursiveHalving):
      return [folded { inner in inner.doubling.reversed() + inner.doubling }]
    case (.allGather, .recursiveDoubling): return [doubling]
    case (.reduceScatter, .recursiveHalving): return [doubling.reversed().map(turned)]
    case (.allReduce, .tree): return [treeBroadcast.reversed().map(turned) + treeBroadcast]
    case (.broadcast, .tree): return [treeBroadcast]
    case (.gather, .tree): return [treeGather]
    case (.allReduce, .direct):
      return [[everyPair(bytes)], [everyPair(block), everyPair(block)]]
    case (.allGather, .direct), (.reduceScatter, .direct): return [[everyPair(block)]]
    case (.broadcast, .direct):
      return [[Round(messages: (1..<ranks).map { .init(from: 0, to: $0, bytes: bytes) })]]
    case (.gather, .direct):
      return [[Round(messages: (1..<ranks).map { .init(from: $0, to: 0, bytes: block) })]]
    default: preconditionFailure("\(kind.rawValue) has no algorithm \(algorithm.rawValue)")
    }
  }

  private var block: Double { bytes / Double(ranks) }
  private var isPowerOfTwo: Bool { ranks & (ranks - 1) == 0 }
  /// The largest power of two that is at most `ranks`.
  private var core: Int { 1 << (Int.bitWidth - 1 - ranks.leadingZeroBitCount) }

  /// Each member sends one block to the next: per step α + (S/n)β.
  private func ring(steps: Int) -> Round {
    Round(
      messages: (0..<ranks).map { .init(from: $0, to: ($0 + 1) % ranks, bytes: block) },
      repeats: steps)
  }

  /// Everyone sends `size` to everyone else at once.
  private func everyPair(_ size: Double) -> Round {
    Round(
      messages: (0..<ranks).flatMap { from in
        (0..<ranks).filter { $0 != from }.map { .init(from: from, to: $0, bytes: size) }
      })
  }

  /// All-gather in ⌈log₂ n⌉ steps of 1, 2, 4, … blocks: recursive doubling where n is a power of
  /// two, else Bruck's algorithm; ⌈log₂ n⌉α + ((n−1)/n)Sβ.
  private var doubling: [Round] {
    var rounds: [Round] = []
    var distance = 1
    while distance < ranks {
      let size = Double(min(distance, ranks - distance)) * block
      rounds.append(
        Round(
          messages: (0..<ranks).map { member in
            let to = isPowerOfTwo ? member ^ distance : (member + ranks - distance) % ranks
            return .init(from: member, to: to, bytes: size)
          }))
      distance *= 2
    }
    return rounds
  }

  /// Recursive doubling of an all-reduce: log₂ n exchanges of everything; log₂ n (α + Sβ).
  private var wholeExchanges: [Round] {
    var rounds: [Round] = []
    var distance = 1
    while distance < core {
      rounds.append(
        Round(
          messages: (0..<core).map { .init(from: $0, to: $0 ^ distance, bytes: bytes) }))
      distance *= 2
    }
    return rounds
  }

  /// `steps` among a power of two of members; the others first give their buffer to one of them
  /// and get the result last (Thakur et al., section 4.4).
  private func folded(_ steps: (RoundPlan) -> [Round]) -> [Round] {
    let inner = steps(RoundPlan(kind: kind, ranks: core, bytes: bytes))
    guard core < ranks else { return inner }
    let before = Round(
      messages: (core..<ranks).map { .init(from: $0, to: $0 - core, bytes: bytes) })
    return [before] + inner + [turned(before)]
  }

  /// Binomial tree from member 0, farthest first: ⌈log₂ n⌉(α + Sβ).
  private var treeBroadcast: [Round] {
    treeGather.reversed().map { round in
      Round(messages: round.messages.map { .init(from: $0.to, to: $0.from, bytes: bytes) })
    }
  }

  /// Binomial tree to member 0, nearest first: ⌈log₂ n⌉α + ((n−1)/n)Sβ.
  private var treeGather: [Round] {
    var rounds: [Round] = []
    var distance = 1
    while distance < ranks {
      let senders = stride(from: distance, to: ranks, by: 2 * distance)
      rounds.append(
        Round(
          messages: senders.map {
            .init(
              from: $0, to: $0 - distance, bytes: Double(min(distance, ranks - $0)) * block)
          }))
      distance *= 2
    }
    return rounds
  }

  private func turned(_ round: Round) -> Round {
    Round(
      messages: round.messages.map { .init(from: $0.to, to: $0.from, bytes: $0.bytes) },
      repeats: round.repeats)
  }
}
