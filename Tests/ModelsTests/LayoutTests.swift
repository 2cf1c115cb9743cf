import Models
import Statistics
import Testing

@Suite struct ParallelLayoutTests {
  @Test func readsAndWritesTheCanonicalText() throws {
    for text in ["tp1", "tp4", "pp4", "tp2pp2", "tp2pp2dp2", "dp3", "tp3pp2"] {
      #expect(try ParallelLayout(parsing: text).description == text)
    }
    #expect(try ParallelLayout(parsing: "tp1pp4").description == "pp4")
    #expect(ParallelLayout.single.description == "tp1")
  }

  @Test(arguments: [
    "", "4", "tp", "tp0", "tp-1", "pp2tp2", "tp2tp2", "TP2", "tp2 pp2", "tp2x",
    "tp99999999999999999999",
    "tp1000000", "tp+2", "tp２",
  ])
  func refusesOtherTexts(text: String) {
    #expect(throws: ModelError.self) { try ParallelLayout(parsing: text) }
  }

  @Test func numbersRanksTensorFastest() throws {
    let layout = try ParallelLayout(tensor: 2, pipeline: 3, data: 2)
    #expect(layout.worldSize == 12 && layout.ranksPerReplica == 6)
    #expect(layout.coordinates(of: 1) == .init(tensor: 1, stage: 0, replica: 0))
    #expect(layout.coordinates(of: 2) == .init(tensor: 0, stage: 1, replica: 0))
    #expect(layout.coordinates(of: 6) == .init(tensor: 0, stage: 0, replica: 1))
    for rank in 0..<12 { #expect(layout.rank(of: layout.coordinates(of: rank)) == rank) }
  }

  @Test func namesTheDegreeThatDoesNotDivide() throws {
    let model = try ModelConfiguration.preset("qwen2.5-32b")
    func message(_ text: String) -> String? {
      do {
        try ParallelLayout(parsing: text).validate(for: model)
        return nil
      } catch {
        return error.message
      }
    }
    #expect(
      message("tp3") == "tensor-parallel degree 3 does not divide 8 KV heads (qwen2.5-32b); "
        + "valid degrees: 1 2 4 8 40")
    #expect(message("tp16")?.contains("does not divide 40 query heads") == true)
    #expect(message("tp8pp64") == nil && message("tp40") == nil)
    #expect(message("pp65")?.contains("more than 64 layers") == true)
    let error = #expect(throws: ModelError.self) {
      try ParallelLayout(parsing: "tp2pp2").validate(ranks: 3)
    }
    #expect(error?.message == "layout tp2pp2 needs 2·2·1 = 4 ranks, found 3")
  }

  @Test func allowsReplicatedKVHeadsAndOddDegrees() throws {
    #expect(try ModelConfiguration.preset("qwen2.5-0.5b").validTensorDegrees == [1, 2, 14])
    let smol = try ModelConfiguration(
      name: "smollm2-135m", family: .llama, hiddenSize: 576, feedForwardSize: 1536, layerCount: 30,
      queryHeads: 9, kvHeads: 3, headDimension: 64, vocabularySize: 49152, maxPositions: 8192,
      rmsNormEpsilon: 1e-5, rope: RotaryEmbedding(theta: 100_000), tiedEmbeddings: true)
    #expect(smol.validTensorDegrees == [1, 3, 9])
    #expect(smol.parameterCount == 134_515_008)
  }
}

@Suite struct StagePartitionTests {
  /// The least possible cost of the worst stage, by trying every partition.
  func bestWorst(_ layers: Int, _ stages: Int, _ cost: StageCost) -> Double {
    func search(_ stage: Int, _ left: Int) -> Double {
      let extra =
        (stage == 0 ? cost.embedding : 0) + (stage == stages - 1 ? cost.head : 0)
      if stage == stages - 1 { return Double(left) * cost.layer + extra }
      return (1...(left - (stages - 1 - stage))).map { take in
        max(Double(take) * cost.layer + extra, search(stage + 1, left - take))
      }.min() ?? .infinity
    }
    return search(0, layers)
  }

  @Test func isOptimalForRandomCosts() throws {
    let random = CounterRandom(seed: 11)
    for round in 0..<200 {
      let at = UInt64(round) * 4
      let layers = 1 + Int(random.integer(below: 9, at: at))
      let stages = 1 + Int(random.integer(below: UInt64(min(layers, 4)), at: at + 1))
      let cost = StageCost(
        layer: 1, embedding: 4 * random.uniform(at: at + 2), head: 4 * random.uniform(at: at + 3))
      var overrides = ModelOverrides()
      overrides.layerCount = layers
      let model = try read(configText()).overriding(overrides)
      let found = try StagePartition.balanced(model, stages: stages, cost: cost)
      #expect(found.stages.flatMap(Array.init) == Array(0..<layers), "round \(round)")
      #expect(found.stages.allSatisfy { !$0.isEmpty })
      let worst = found.stages.enumerated().map { stage, range in
        Double(range.count) * cost.layer + (stage == 0 ? cost.embedding : 0)
          + (stage == stages - 1 ? cost.head : 0)
      }.max()
      #expect(abs((worst ?? 0) - bestWorst(layers, stages, cost)) < 1e-9, "seed 11, round \(round)")
    }
  }

  @Test func countsEmbeddingAndHead() throws {
    let model = try ModelConfiguration.preset("qwen2.5-32b")
    let memory = try StagePartition.balanced(model, stages: 4, cost: .parameters(of: model))
    #expect(memory.stages.map(\.count) == [15, 17, 17, 15])
    let small = try ModelConfiguration.preset("qwen2.5-0.5b")
    let time = try StagePartition.balanced(small, stages: 4)
    #expect(time.stages.map(\.count) == [7, 7, 7, 3])
    #expect(throws: ModelError.self) { try StagePartition.balanced(small, stages: 25) }
  }

  @Test func takesExplicitSizesThatAddUp() throws {
    let model = try read(configText())
    #expect(try StagePartition(sizes: [1, 3], model: model).stages == [0..<1, 1..<4])
    for sizes in [[], [4, 0], [2, 1], [5], [-1, 5], [1, 1, 1, 1, 1], [.max, 1]] {
      #expect(throws: ModelError.self) { try StagePartition(sizes: sizes, model: model) }
    }
  }
}

@Suite struct ShardPlanTests {
  @Test func splitsEvenlyWithTheRemainderFirst() {
    #expect((0..<3).map { ShardPlan.split(8, into: 3, part: $0) } == [0..<3, 3..<6, 6..<8])
  }

  /// Seeded random models and every valid degree: shards cover each dimension exactly, and ranks'
  /// parameters add up to the model's once replicated ones are taken away.
  @Test func partitionsRandomModelsExactly() throws {
    let random = CounterRandom(seed: 2026)
    var replicated = 0
    for round in 0..<60 {
      func draw(_ lane: Int, _ range: ClosedRange<Int>) -> Int {
        let value = random.integer(below: UInt64(range.count), at: UInt64(round * 16 + lane))
        return range.lowerBound + Int(value)
      }
      let kv = draw(0, 1...6)
      let families = ModelConfiguration.Family.allCases
      let model = try ModelConfiguration(
        name: "random-\(round)", family: families[draw(1, 0...3)], hiddenSize: draw(2, 8...80),
        feedForwardSize: draw(3, 48...200), layerCount: draw(4, 1...7),
        queryHeads: kv * draw(5, 1...6), kvHeads: kv, headDimension: 2 * draw(6, 1...8),
        vocabularySize: draw(7, 50...900), maxPositions: 128, rmsNormEpsilon: 1e-6,
        rope: RotaryEmbedding(theta: 10000), tiedEmbeddings: draw(8, 0...1) == 1)
      for tensor in model.validTensorDegrees {
        let layout = try ParallelLayout(
          tensor: tensor, pipeline: draw(9, 1...model.layerCount), data: draw(10, 1...2))
        let shards = try (0..<layout.ranksPerReplica).map {
          try ShardPlan(model: model, layout: layout, rank: $0)
        }
        check(model, layout, shards)
        if tensor > kv { replicated += 1 }
      }
    }
    #expect(replicated > 20)
  }

  func check(_ model: ModelConfiguration, _ layout: ParallelLayout, _ shards: [ShardPlan]) {
    let group = shards.filter { $0.stage == 0 }
    #expect(group.flatMap { Array($0.queryHeads) } == Array(0..<model.queryHeads), "\(model.name)")
    #expect(group.flatMap { Array($0.feedForward) } == Array(0..<model.feedForwardSize))
    #expect(group.flatMap { Array($0.vocabulary) } == Array(0..<model.vocabularySize))
    #expect(Set(group.flatMap { Array($0.kvHeads) }) == Set(0..<model.kvHeads))
    let column = shards.filter { $0.tensorRank == 0 }
    #expect(column.flatMap { Array($0.layers) } == Array(0..<model.layerCount))
    #expect(column.map(\.hasEmbedding).filter { $0 }.count == 1)
    #expect(column.map(\.hasLMHead).filter { $0 }.count == 1)
    for shard in shards {
      // Every query head finds its KV head on the same rank.
      #expect(
        shard.queryHeads.allSatisfy { shard.kvHeads.contains($0 / model.queriesPerKVHead) },
        "\(model.name) \(layout)")
      #expect(shard.kvHeadsAreReplicated == (layout.tensor > model.kvHeads))
    }
    let copies = layout.tensor - 1
    let norms =
      model.layerCount * (2 * model.hiddenSize + (model.queryKeyNorm ? 2 * model.headDimension : 0))
      + model.hiddenSize
    let kvCopies = max(0, layout.tensor - model.kvHeads) * model.headDimension
    let kvExtra =
      model.layerCount * 2 * kvCopies * (model.hiddenSize + (model.qkvBias ? 1 : 0))
    let tiedCopy = model.tiedEmbeddings && layout.pipeline > 1 ? model.embeddingParameterCount : 0
    #expect(
      shards.reduce(0) { $0 + $1.parameterCount } - copies * norms - kvExtra - tiedCopy
        == model.parameterCount, "\(model.shapeSummary) \(layout)")
    let kvBytes = shards.reduce(0) { $0 + $1.kvBytesPerToken(elementBytes: 2) }
    #expect(
      kvBytes == model.kvBytesPerToken(elementBytes: 2) * max(1, layout.tensor / model.kvHeads))
  }

  @Test func refusesRanksAndPartitionsThatDoNotFit() throws {
    let model = try read(configText())
    let layout = try ParallelLayout(parsing: "tp2pp2")
    #expect(throws: ModelError.self) { try ShardPlan(model: model, layout: layout, rank: 4) }
    let three = try StagePartition.balanced(model, stages: 3)
    #expect(throws: ModelError.self) {
      try ShardPlan(model: model, layout: layout, rank: 0, partition: three)
    }
  }
}
