import Communication
import Models
import Scheduling
import Statistics
import Testing

/// 3 layers, hidden 8, vocabulary 11.
private func tiny(layers: Int = 3, hidden: Int = 8) throws -> ModelConfiguration {
  try ModelConfiguration(
    name: "tiny", family: .llama, hiddenSize: hidden, feedForwardSize: 12, layerCount: layers,
    queryHeads: 4, kvHeads: 4, headDimension: 2, vocabularySize: 11, maxPositions: 512,
    rmsNormEpsilon: 1e-5, rope: RotaryEmbedding(theta: 1e4), tiedEmbeddings: false)
}

/// The operations as short texts: `decode send>1 24 [3 2]`, count and [units useful].
private func texts(_ operations: [PlannedOperation]) -> [String] {
  operations.map {
    let peer = $0.kind == .send ? ">\($0.peer)" : $0.kind == .receive ? "<\($0.peer)" : ""
    let element = $0.element == .float ? "" : " \($0.element.rawValue)"
    return "\($0.phase.rawValue) \($0.kind.rawValue)\(peer) \($0.count)\(element) "
      + "[\($0.units) \($0.usefulUnits)]"
  }
}

private func times(_ count: Int, _ text: String) -> [String] {
  Array(repeating: text, count: count)
}

@Suite struct TrafficModelTests {
  /// Prompts of 2 and 1 tokens in two micro-batches, padded to rows of 2; outputs of 2 and 1.
  private func ragged(_ micro: Int = 2) throws -> BatchPlan {
    try BatchPlan(
      policy: .rightPad, promptLengths: [2, 1], outputLengths: [2, 1], microBatches: micro)
  }

  private func operations(
    _ layout: String, rank: Int, _ plan: BatchPlan, _ dialect: Dialect = .megatron,
    _ reduction: TensorReduction = .allReduce, chunks: Int = 1, layers: Int = 3
  ) throws -> [String] {
    texts(
      try TrafficModel(
        model: tiny(layers: layers), layout: ParallelLayout(parsing: layout), dialect: dialect,
        reduction: reduction, reductionChunks: chunks
      ).operations(of: plan, rank: rank))
  }

  @Test func oneRankSendsNothing() throws {
    #expect(try operations("tp1", rank: 0, ragged()).isEmpty)
  }

  @Test("tp2 by hand: embedding, two sums per layer, logits, tokens; a finished row stays")
  func tensor() throws {
    for (rank, columns) in [(0, 11), (1, 5)] {
      #expect(
        try operations("tp2", rank: rank, ragged(1))
          == times(7, "prefill all-reduce 32 [4 3]")
          + [
            "prefill gather \(2 * columns) [2 2]", "prefill broadcast 2 int32 [2 2]",
          ] + times(7, "decode all-reduce 16 [2 1]")
          + ["decode gather \(columns) [1 1]", "decode broadcast 1 int32 [1 1]"])
    }
  }

  @Test("pp2 by hand: receives are posted ahead, tokens are awaited where they are needed")
  func pipeline() throws {
    #expect(
      try operations("pp2", rank: 0, ragged()) == [
        "prefill send>1 16 [2 2]", "prefill send>1 16 [2 1]", "prefill receive<1 1 int32 [1 1]",
        "prefill receive<1 1 int32 [1 1]", "decode send>1 8 [1 1]", "decode send>1 8 [1 0]",
        "decode receive<1 1 int32 [1 1]",
      ])
    #expect(
      try operations("pp2", rank: 1, ragged()) == [
        "prefill receive<0 16 [2 2]", "prefill receive<0 16 [2 1]", "prefill send>0 1 int32 [1 1]",
        "decode receive<0 8 [1 1]", "prefill send>0 1 int32 [1 1]", "decode receive<0 8 [1 0]",
        "decode send>0 1 int32 [1 1]",
      ])
  }

  @Test("vllm-v0 by hand: two tensors, a slice of each rank, gathered on arrival")
  func vllm() throws {
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [3], outputLengths: [1], microBatches: 1)
    // Stages of 2 and 1 layers: the head counts as work of the last one.
    #expect(
      try operations("tp2pp2", rank: 1, plan, .vllmV0)
        == times(5, "prefill all-reduce 24 [3 3]") + times(2, "prefill send>1 12 [3 3]")
        + ["prefill receive<1 1 int32 [1 1]"])
    #expect(
      try operations("tp2pp2", rank: 3, plan, .vllmV0)
        == times(2, "prefill receive<0 12 [3 3]") + times(2, "prefill all-gather 24 [3 3]")
        + times(2, "prefill all-reduce 24 [3 3]")
        + [
          "prefill gather 5 [1 1]", "prefill broadcast 1 int32 [1 1]",
          "prefill send>0 1 int32 [1 1]",
        ])
    #expect(
      try operations("pp2", rank: 0, plan, .vllmV0).filter { $0.contains("send") }
        == times(2, "prefill send>1 24 [3 3]"))
  }

  @Test("reduce-scatter by hand: dead slots fill the last block, and no rank says they are useful")
  func reduceScatter() throws {
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [3], outputLengths: [1], microBatches: 1)
    let pair = ["prefill all-gather 32 [4 3]", "prefill reduce-scatter 32 [4 3]"]
    let layer = pair + pair
    #expect(
      try operations("tp2pp2", rank: 0, plan, .megatron, .reduceScatter)
        == ["prefill reduce-scatter 32 [4 3]"] + layer + layer
        + ["prefill send>1 16 [2 2]", "prefill receive<1 1 int32 [1 1]"])
    #expect(
      try operations("tp2pp2", rank: 3, plan, .megatron, .reduceScatter)
        == ["prefill receive<0 16 [2 1]"] + layer + [
          "prefill all-gather 8 [1 1]", "prefill gather 5 [1 1]",
          "prefill broadcast 1 int32 [1 1]", "prefill send>0 1 int32 [1 1]",
        ])
  }

  @Test("chunks by hand: a layer's sums in three, each with its tokens; embedding and decode whole")
  func chunks() throws {
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [100, 60], outputLengths: [2, 2], microBatches: 1)
    // Rows of 100 slots: the second one's tokens end at slot 160.
    let product = ["[67 67]", "[67 67]", "[66 26]"].map {
      "prefill all-reduce \($0 == "[66 26]" ? 528 : 536) \($0)"
    }
    #expect(
      try operations("tp2", rank: 1, plan, chunks: 4)
        == ["prefill all-reduce 1600 [200 160]"]
        + Array(repeating: product, count: 6).flatMap { $0 }
        + ["prefill gather 10 [2 2]", "prefill broadcast 2 int32 [2 2]"]
        + times(7, "decode all-reduce 16 [2 2]")
        + ["decode gather 10 [2 2]", "decode broadcast 2 int32 [2 2]"])
    for reduction in TensorReduction.allCases {
      let whole = try operations("tp2pp2", rank: 2, plan, .megatron, reduction)
      let cut = try operations("tp2pp2", rank: 2, plan, .megatron, reduction, chunks: 4)
      #expect((whole == cut) == (reduction == .reduceScatter))
    }
  }

  @Test("a score pass by hand: blocks of 256 slots, a float and two doubles each; losses come back")
  func score() throws {
    let plan = try BatchPlan(scoring: .fixed(300), promptLengths: [258], microBatches: 1)
    let losses = [
      "score all-reduce 256 [256 256]", "score all-reduce 512 double [256 256]",
      "score all-reduce 44 [44 2]", "score all-reduce 88 double [44 2]",
    ]
    #expect(
      try operations("tp2pp2", rank: 2, plan)
        == ["score receive<0 2400 [300 258]"] + times(2, "score all-reduce 2400 [300 258]")
        + losses + ["score send>0 257 double [257 257]"])
    let first = try operations("tp2pp2", rank: 0, plan)
    #expect(first.last == "score receive<1 257 double [257 257]")
  }

  @Test("an encoder gathers what its best head gives, and decodes nothing")
  func encoder() throws {
    let model = try ModelConfiguration.preset("bert-base")
    let plan = try BatchPlan(encoding: .rightPad, promptLengths: [3, 2], microBatches: 1)
    let found = try TrafficModel(model: model, layout: ParallelLayout(parsing: "tp2"))
      .operations(of: plan, rank: 1)
    let head = model.encoder?.hasMLMHead == true ? model.vocabularySize : model.hiddenSize
    #expect(
      texts(found)
        == times(2 * model.layerCount + 1, "prefill all-reduce \(6 * model.hiddenSize) [6 5]")
        + ["prefill gather \(2 * (head / 2)) [2 2]", "prefill broadcast 2 int32 [2 2]"])
  }

  @Test("what excludes each other, or cannot be cut, is refused in words")
  func refusals() throws {
    let layout = try ParallelLayout(parsing: "tp4pp2")
    func text(
      _ model: ModelConfiguration, _ dialect: Dialect, _ reduction: TensorReduction
    ) -> String {
      do {
        _ = try TrafficModel(
          model: model, layout: layout, dialect: dialect, reduction: reduction)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(try text(tiny(), .vllmV0, .reduceScatter).contains("choose megatron or all-reduce"))
    #expect(try text(tiny(hidden: 6), .vllmV0, .allReduce).contains("must divide the hidden size"))
    #expect(try text(tiny(layers: 1), .megatron, .allReduce).contains("valid degrees: 1 to 1"))
    #expect(try text(.preset("bert-base"), .vllmV0, .allReduce).contains("is an encoder"))
  }
}

/// What must hold of any plan, on batches drawn by a fixed seed.
@Suite struct TrafficPropertyTests {
  private static let seed: UInt64 = 20_261_121

  private struct Draw {
    let plan: BatchPlan
    let isScore: Bool
    let text: String
  }

  private static func draws(_ count: Int, longest: Int = 30) throws -> [Draw] {
    var random = SequentialRandom(seed: seed, stream: 3)
    let policies: [Policy] = [
      .rightPad, .leftPad, .packed, .fixed(9), .fixed(longest + 10), .bucketed(.powers), .sorted,
      .multiBin(3), .megatronIterative, .packedMicro, .oneByOne,
    ]
    return try (0..<count).map { number in
      let policy = policies[number % policies.count]
      let rows = Int.random(in: 1...7, using: &random)
      let prompts = (0..<rows).map { _ in Int.random(in: 1...longest, using: &random) }
      let outputs = (0..<rows).map { _ in Int.random(in: 1...4, using: &random) }
      let micro = Int.random(in: 1...4, using: &random)
      let isScore = policy != .megatronIterative && Bool.random(using: &random)
      let plan =
        try isScore
        ? BatchPlan(scoring: policy, promptLengths: prompts, microBatches: micro)
        : BatchPlan(
          policy: policy, promptLengths: prompts, outputLengths: outputs, microBatches: micro,
          graphs: number % 2 == 0 ? nil : GraphSizes([2, 4, 8]))
      return Draw(
        plan: plan, isScore: isScore,
        text: "seed \(seed): \(policy) \(prompts) -> \(outputs), \(micro), score \(isScore)")
    }
  }

  private static let variants: [(Dialect, TensorReduction)] = [
    (.megatron, .allReduce), (.vllmV0, .allReduce), (.megatron, .reduceScatter),
  ]

  @Test("Each message has a receiver that waits for it, in order, and collectives meet their like")
  func matches() throws {
    for draw in try Self.draws(44) {
      for name in ["tp2", "pp3", "tp2pp2", "tp4pp3"] {
        for (dialect, reduction) in Self.variants {
          let layout = try ParallelLayout(parsing: name)
          let traffic = try TrafficModel(
            model: tiny(), layout: layout, dialect: dialect, reduction: reduction)
          let ranks = (0..<layout.worldSize).map {
            traffic.operations(of: draw.plan, rank: $0)
          }
          let note = "\(name) \(dialect) \(reduction) \(draw.text)"
          for (rank, own) in ranks.enumerated() {
            let place = layout.coordinates(of: rank)
            for peer in 0..<layout.pipeline where peer != place.stage {
              let other = ranks[peer * layout.tensor + place.tensor]
              let sent = own.filter { $0.kind == .send && $0.peer == peer }
              let wanted = other.filter { $0.kind == .receive && $0.peer == place.stage }
              #expect(
                sent.map(\.count) == wanted.map(\.count)
                  && sent.map(\.element) == wanted.map(\.element)
                  && sent.map(\.phase) == wanted.map(\.phase), "\(note)")
            }
            // The tensor ranks of a stage call the same collectives with the same vectors.
            let root = ranks[rank - place.tensor].filter { $0.communicator == .tensor }
            let mine = own.filter { $0.communicator == .tensor }
            #expect(
              mine.map(\.kind) == root.map(\.kind) && mine.map(\.units) == root.map(\.units),
              "\(note)")
            #expect(own.allSatisfy { 0...$0.units ~= $0.usefulUnits && $0.count > 0 }, "\(note)")
            #expect(own.allSatisfy { $0.count % max($0.units, 1) == 0 }, "\(note)")
          }
        }
      }
    }
  }

  @Test("Chunks add up to the sums that they are cut from, in every batch and phase")
  func chunks() throws {
    var cut = 0
    for draw in try Self.draws(44, longest: 120) {
      for name in ["tp2", "tp2pp3"] {
        func traffic(_ chunks: Int) throws -> TrafficModel {
          try TrafficModel(
            model: tiny(), layout: ParallelLayout(parsing: name), reductionChunks: chunks)
        }
        let (whole, some) = (try traffic(1), try traffic(3))
        for rank in 0..<whole.layout.worldSize {
          let found = some.totals(of: draw.plan, rank: rank)
          for (key, wanted) in whole.totals(of: draw.plan, rank: rank) {
            var total = try #require(found[key])
            cut += total.calls - wanted.calls
            total.calls = wanted.calls
            #expect(total == wanted, "\(name) \(key) \(draw.text)")
          }
          let units = [whole, some].map {
            $0.operations(of: draw.plan, rank: rank).reduce(into: [0, 0]) {
              $0[0] += $1.units
              $0[1] += $1.usefulUnits
            }
          }
          #expect(units[0] == units[1], "\(name) \(draw.text)")
        }
      }
    }
    #expect(cut > 100)
  }

  @Test("Units are the plan's slots, and padded bytes its padded slots at a fixed price")
  func sums() throws {
    for draw in try Self.draws(44) {
      let slots = draw.plan.steps.reduce(0) { $0 + $1.slots }
      let tokens = draw.plan.steps.reduce(0) { $0 + $1.tokens }
      for name in ["tp2", "tp2pp3", "pp2"] {
        for (dialect, reduction) in Self.variants {
          let layout = try ParallelLayout(parsing: name)
          let traffic = try TrafficModel(
            model: tiny(), layout: layout, dialect: dialect, reduction: reduction)
          let note = "\(name) \(dialect) \(reduction) \(draw.text)"
          let sums = traffic.operations(of: draw.plan, rank: 0)
            .filter { $0.purpose == .embedding }
          if layout.tensor > 1 {
            #expect(sums.reduce(0) { $0 + $1.usefulUnits } == tokens, "\(note)")
            let units = sums.reduce(0) { $0 + $1.units }
            #expect(reduction == .allReduce ? units == slots : units >= slots, "\(note)")
          }
          let price = traffic.bytesPerPaddedSlot(scoring: draw.isScore)
          let padded = traffic.sent(draw.plan).paddedBytes
          if reduction == .allReduce {
            #expect(padded == (slots - tokens) * price, "\(note)")
          } else {
            // Dead slots cost as much but for the losses, which have none.
            #expect(padded >= (slots - tokens) * price, "\(note)")
          }
          let totals = (0..<layout.worldSize).flatMap {
            traffic.totals(of: draw.plan, rank: $0)
          }.filter { $0.key.kind.sends }
          #expect(totals.reduce(0) { $0 + $1.value.paddedBytes } == padded, "\(note)")
        }
      }
    }
  }
}
