import FoundationEssentials
import Models
import Testing

@Suite struct EncoderConfigurationTests {
  private func text(_ changes: [String: String?] = [:]) -> String {
    var keys: [String: String] = [
      "model_type": "\"bert\"", "hidden_size": "64", "intermediate_size": "160",
      "num_hidden_layers": "4", "num_attention_heads": "8", "vocab_size": "700",
      "max_position_embeddings": "96", "type_vocab_size": "2", "layer_norm_eps": "1e-12",
      "hidden_act": "\"gelu\"", "architectures": "[\"BertForMaskedLM\"]",
    ]
    for (key, value) in changes { keys[key] = value }
    let lines = keys.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \($0.value)" }
    return "{\n\(lines.joined(separator: ",\n"))\n}\n"
  }

  // bert-base-uncased's 109,482,240 is BertModel with its pooler; 22,713,216 is the safetensors
  // metadata of all-MiniLM-L6-v2 less its 512 position_ids.
  @Test(arguments: [("bert-base", 109_482_240), ("minilm-l6", 22_713_216)])
  func hasThePublishedParameterCount(name: String, count: Int) throws {
    let model = try ModelConfiguration.preset(name)
    #expect(model.parameterCount == count)
    #expect(model.isEncoder && model.kvBytesPerToken(elementBytes: 4) == 0)
    #expect(ModelConfiguration.presetNames.contains(name))
  }

  @Test func readsABertWithItsHead() throws {
    let model = try read(text())
    #expect(model.family == .bert && model.headDimension == 8 && model.kvHeads == 8)
    #expect(model.rmsNormEpsilon == 1e-12 && model.maxPositions == 96)
    #expect(model.encoder == EncoderFeatures(tokenTypes: 2, hasPooler: false, hasMLMHead: true))
    // By hand from the shapes of the tensors of such a checkpoint.
    let layer = 4 * (64 * 64 + 64) + (64 * 160 + 160) + (160 * 64 + 64) + 4 * 64
    let ends = (700 + 96 + 2 + 2) * 64 + (64 * 64 + 64 + 2 * 64) + 700
    #expect(model.parameterCount == 4 * layer + ends)
    let plain = try read(text(["architectures": nil]))
    #expect(plain.encoder == EncoderFeatures(hasPooler: true, hasMLMHead: false))
    let both = try read(text(["architectures": "[\"BertForPreTraining\"]"]))
    #expect(both.encoder == EncoderFeatures(hasPooler: true, hasMLMHead: true))
    let coded = try JSONDecoder().decode(
      ModelConfiguration.self, from: JSONEncoder().encode(model))
    #expect(coded == model)
  }

  @Test(arguments: [
    ("hidden_act", "\"gelu_new\"", "hidden_act 'gelu_new' is not supported for bert"),
    ("position_embedding_type", "\"relative_key\"", "position_embedding_type 'relative_key'"),
    ("is_decoder", "true", "a BERT used as a decoder"),
    ("add_cross_attention", "true", "cross attention"),
    ("tie_word_embeddings", "false", "an MLM decoder of its own"),
    ("architectures", "[\"BertForQuestionAnswering\"]", "BertForQuestionAnswering"),
    ("num_attention_heads", "7", "hidden_size 64 is not a multiple of num_attention_heads 7"),
    ("type_vocab_size", "0", "type_vocab_size is 0"),
  ])
  func refusesWithFileAndLine(key: String, value: String, message: String) throws {
    let found = try #require(error(of: text([key: value])))
    #expect(found.message.contains(message), "\(found)")
    #expect(found.file == "tiny/config.json" && found.line != nil)
  }

  @Test func refusesAMissingKeyAndABadEpsilon() {
    #expect(error(of: text(["layer_norm_eps": nil]))?.message == "key 'layer_norm_eps' is missing")
    #expect(error(of: text(["layer_norm_eps": "0"]))?.message.contains("layer_norm_eps") == true)
  }

  @Test func shardsAddUpToTheWhole() throws {
    let model = try ModelConfiguration.preset("bert-base")
    let layout = try ParallelLayout(parsing: "tp3pp2")
    let plans = try (0..<6).map { try ShardPlan(model: model, layout: layout, rank: $0) }
    let flops = plans.map { FLOPCount($0) }
    let whole = FLOPCount(model)
    #expect(flops.reduce(0) { $0 + $1.linearPerSlot } == whole.linearPerSlot)
    #expect(flops.reduce(0) { $0 + $1.attentionPerPair } == whole.attentionPerPair)
    #expect(flops.reduce(0) { $0 + $1.headPerRow } == whole.headPerRow)
    #expect(whole.linearPerSlot == 2 * 12 * (4 * 768 * 768 + 2 * 768 * 3072))
    // What every tensor rank has whole: norms, row-parallel biases, position and type tables.
    let copies = 12 * 6 * 768 + (512 + 2 + 2) * 768
    #expect(plans.reduce(0) { $0 + $1.parameterCount } == model.parameterCount + 2 * copies)
    #expect(plans.map(\.layers.count) == [6, 6, 6, 6, 6, 6])
    #expect(model.attentionPairs(slots: 5) == 25)
  }
}
