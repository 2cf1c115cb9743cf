import Models
import Testing
import Units

@Suite struct PresetTests {
  // Published counts: safetensors metadata of the Hugging Face ids beside each preset.
  @Test(arguments: [
    ("qwen2.5-0.5b", 494_032_768), ("qwen2.5-1.5b", 1_543_714_304), ("qwen2.5-3b", 3_085_938_688),
    ("qwen2.5-7b", 7_615_616_512), ("qwen2.5-14b", 14_770_033_664),
    ("qwen2.5-32b", 32_763_876_352), ("qwen2.5-72b", 72_706_203_648),
    ("qwen3-32b", 32_762_123_264), ("llama-3.1-8b", 8_030_261_248),
    ("llama-3.1-70b", 70_553_706_496), ("llama-3.1-405b", 405_853_388_800),
    ("llama-3.2-3b", 3_212_749_824), ("llama-2-13b", 13_015_864_320),
  ])
  func hasThePublishedParameterCount(name: String, count: Int) throws {
    #expect(try ModelConfiguration.preset(name).parameterCount == count)
  }

  @Test func coversEveryPresetAboveAndNamesThemInErrors() throws {
    #expect(ModelConfiguration.presetNames.count == 15)
    let error = #expect(throws: ModelError.self) { try ModelConfiguration.preset("gpt-2") }
    #expect(error?.message.contains("qwen2.5-32b") == true)
  }

  @Test func countsKVBytes() throws {
    // 64 layers · 8 heads · 128 · 2 (K, V) · 2 bytes
    #expect(
      try ModelConfiguration.preset("qwen2.5-32b").kvBytesPerToken(elementBytes: 2) == 262_144)
  }
}

@Suite struct FLOPCountTests {
  func tiny() throws -> ModelConfiguration { try read(configText()) }
  let lengths = [5, 17, 9, 32, 1, 64]

  // Python on METRICS.md's formulas: hidden 64, FFN 172, 4 layers, 8/4 heads of 8, vocabulary 800.
  @Test func agreesWithFiguresComputedApart() throws {
    let flops = FLOPCount(try tiny())
    #expect(flops.linearPerSlot == 362_496)
    #expect(flops.attentionPerPair == 1_024)
    #expect(flops.headPerRow == 102_400)
    #expect(flops.padded(lengths: lengths) == 152_592_384)
    #expect(flops.packed(lengths: lengths) == 49_903_616)
    #expect(abs(flops.idealPackingSpeedup(lengths: lengths) - 3.0835032244643235) < 1e-13)
    #expect(abs(flops.exactPackingSpeedup(lengths: lengths) - 3.0577420281528296) < 1e-13)
  }

  @Test func isOneWithoutPadding() throws {
    let flops = FLOPCount(try tiny())
    #expect(flops.idealPackingSpeedup(lengths: [7, 7]) == 1)
    #expect(flops.exactPackingSpeedup(lengths: [7, 7]) == 1)
    #expect(flops.exactPackingSpeedup(lengths: [7, 7], to: 14) > 1.5)
    #expect(flops.padded(lengths: [3], to: 9) == flops.packed(lengths: [9]))
  }

  @Test func prefillInPiecesCountsTheSamePairs() throws {
    #expect(FLOPCount.causalPairs(slots: 10) == 55)
    #expect(
      FLOPCount.causalPairs(slots: 4) + FLOPCount.causalPairs(context: 4, slots: 6) == 55)
    let flops = FLOPCount(try tiny())
    #expect(flops.decodeStep(contexts: [4, 9]) == flops.total(slots: 2, pairs: 15, headRows: 2))
  }

  @Test func sharesAddUpToTheWholeWhereNothingIsReplicated() throws {
    let model = try tiny()
    let whole = FLOPCount(model)
    for text in ["tp1", "tp2", "tp4", "pp4", "tp2pp2"] {
      let layout = try ParallelLayout(parsing: text)
      let shares = try (0..<layout.worldSize).map {
        FLOPCount(try ShardPlan(model: model, layout: layout, rank: $0))
      }
      #expect(shares.reduce(0) { $0 + $1.linearPerSlot } == whole.linearPerSlot, "\(text)")
      #expect(shares.reduce(0) { $0 + $1.attentionPerPair } == whole.attentionPerPair, "\(text)")
      #expect(shares.reduce(0) { $0 + $1.headPerRow } == whole.headPerRow, "\(text)")
    }
  }
}

@Suite struct ScalingTests {
  // Half of minilm-l6 is its tables, and 6 layers leave little to drop: not every scale has a shape.
  @Test(
    arguments: ModelConfiguration.presetNames.filter { $0 != "minilm-l6" },
    ["1/4", "1/16", "1/64", "1/256"])
  func keepsTheStructure(name: String, text: String) throws {
    let original = try ModelConfiguration.preset(name)
    let factor = try ScaleFactor(parsing: text)
    let small = try original.scaled(by: factor)
    let ratio = Double(small.parameterCount) / (Double(original.parameterCount) * factor.value)
    #expect((0.67...1.5).contains(ratio), "\(small.shapeSummary): \(ratio)")
    #expect(small.name == "\(name)@\(text)" && small.family == original.family)
    #expect(small.queriesPerKVHead == original.queriesPerKVHead)
    let degrees = original.validTensorDegrees.filter { $0 <= 8 }
    #expect(degrees.allSatisfy(small.validTensorDegrees.contains), "\(small.shapeSummary)")
    let before = Double(original.feedForwardSize) / Double(original.hiddenSize)
    let after = Double(small.feedForwardSize) / Double(small.hiddenSize)
    #expect(abs(after / before - 1) < 0.05, "\(small.shapeSummary)")
    #expect(small.layerCount < original.layerCount && small.layerCount >= 4)
    #expect(small.headDimension % 8 == 0 && small.tiedEmbeddings == original.tiedEmbeddings)
  }

  @Test func leavesTheWholeAlone() throws {
    let model = try ModelConfiguration.preset("qwen2.5-7b")
    #expect(try model.scaled(by: ScaleFactor(parsing: "1")) == model)
  }

  @Test func keepsDegreesUpToFourWhereNoShapeIsSmallEnough() throws {
    let model = try ModelConfiguration.preset("qwen2.5-32b")
    let small = try model.scaled(by: ScaleFactor(parsing: "1/4096"))
    #expect(small.kvHeads == 8, "\(small.shapeSummary)")
    let tiny = try model.scaled(by: ScaleFactor(parsing: "1/16384"))
    #expect(tiny.kvHeads == 4 && tiny.queryHeads == 20, "\(tiny.shapeSummary)")
    #expect(tiny.validTensorDegrees.contains(4) && tiny.layerCount == 4)
  }

  @Test func refusesScalesWithoutAShape() throws {
    let model = try ModelConfiguration.preset("qwen2.5-0.5b")
    let error = #expect(throws: ModelError.self) {
      try model.scaled(by: ScaleFactor(parsing: "1/100000000"))
    }
    #expect(error?.message.contains("nearest") == true)
  }

  @Test func dropsHeadsOfMultiHeadModelsBeforeShrinkingThem() throws {
    let model = try ModelConfiguration(
      name: "llama-2-7b", family: .llama, hiddenSize: 4096, feedForwardSize: 11008, layerCount: 32,
      queryHeads: 32, kvHeads: 32, headDimension: 128, vocabularySize: 32000, maxPositions: 4096,
      rmsNormEpsilon: 1e-5, rope: RotaryEmbedding(theta: 10000), tiedEmbeddings: false)
    #expect(model.parameterCount == 6_738_415_616)
    let small = try model.scaled(by: ScaleFactor(parsing: "1/64"))
    #expect(small.queryHeads == 8 && small.headDimension == 128, "\(small.shapeSummary)")
  }

  @Test func overridesSingleSizes() throws {
    let model = try ModelConfiguration.preset("qwen2.5-0.5b")
    var overrides = ModelOverrides()
    #expect(try model.overriding(overrides) == model)
    overrides.layerCount = 2
    overrides.vocabularySize = 1000
    let small = try model.overriding(overrides)
    #expect(small.layerCount == 2 && small.vocabularySize == 1000 && small.hiddenSize == 896)
    #expect(small.name == "qwen2.5-0.5b+layers=2,vocab=1000")
    overrides.kvHeads = 3
    let error = #expect(throws: ModelError.self) { try model.overriding(overrides) }
    #expect(error?.message.contains("14 query heads are not a multiple of 3 KV heads") == true)
  }
}
