import FoundationEssentials
import Models
import TestSupport
import Testing
import Units

/// A small valid `config.json`; tests change single keys of it.
func configText(_ changes: [String: String?] = [:], family: String = "llama") -> String {
  var keys: [String: String] = [
    "model_type": "\"\(family)\"", "hidden_size": "64", "intermediate_size": "172",
    "num_hidden_layers": "4", "num_attention_heads": "8", "num_key_value_heads": "4",
    "vocab_size": "800", "max_position_embeddings": "256", "rms_norm_eps": "1e-05",
    "hidden_act": "\"silu\"", "rope_theta": "10000.0", "torch_dtype": "\"bfloat16\"",
  ]
  for (key, value) in changes { keys[key] = value }
  let lines = keys.sorted { $0.key < $1.key }.map { "  \"\($0.key)\": \($0.value)" }
  return "{\n\(lines.joined(separator: ",\n"))\n}\n"
}

func read(_ text: String) throws -> ModelConfiguration {
  try ModelConfiguration(configJSON: Array(text.utf8), path: "tiny/config.json")
}

func error(of text: String) -> ModelError? {
  do {
    _ = try read(text)
    return nil
  } catch {
    return error as? ModelError
  }
}

@Suite struct ConfigurationReadingTests {
  @Test func readsTheOlderLayout() throws {
    let model = try read(configText(["head_dim": "16", "tie_word_embeddings": "true"]))
    #expect(model.name == "tiny" && model.family == .llama)
    #expect(model.hiddenSize == 64 && model.feedForwardSize == 172 && model.layerCount == 4)
    #expect(model.queryHeads == 8 && model.kvHeads == 4 && model.headDimension == 16)
    #expect(model.queryWidth == 128 && model.kvWidth == 64 && model.queriesPerKVHead == 2)
    #expect(model.tiedEmbeddings && !model.qkvBias && !model.queryKeyNorm)
    #expect(model.rope == RotaryEmbedding(theta: 10000) && model.storedType == .bfloat16)
  }

  @Test func readsTheNewerLayoutAlike() throws {
    let nested = "{\"rope_theta\": 10000.0, \"rope_type\": \"default\"}"
    let newer = try read(
      configText([
        "rope_theta": nil, "torch_dtype": nil, "dtype": "\"bfloat16\"", "rope_parameters": nested,
      ]))
    #expect(try newer == read(configText()))
  }

  @Test func derivesHeadDimensionAndKVHeadsWhenAbsentOrNull() throws {
    #expect(try read(configText()).headDimension == 8)
    #expect(try read(configText(["head_dim": "null"])).headDimension == 8)
    #expect(try read(configText(["num_key_value_heads": nil])).kvHeads == 8)
  }

  @Test func knowsTheFamiliesDifferences() throws {
    let qwen2 = try read(configText(family: "qwen2"))
    #expect(qwen2.qkvBias && !qwen2.queryKeyNorm)
    let qwen3 = try read(configText(["attention_bias": "false"], family: "qwen3"))
    #expect(!qwen3.qkvBias && qwen3.queryKeyNorm)
    let mistral = try read(configText(["sliding_window": "null"], family: "mistral"))
    #expect(!mistral.qkvBias && mistral.family == .mistral)
  }

  @Test func readsLlama3RopeInBothLayouts() throws {
    let block =
      "{\"factor\": 8.0, \"high_freq_factor\": 4.0, \"low_freq_factor\": 1.0, "
      + "\"original_max_position_embeddings\": 64, \"rope_type\": \"llama3\"}"
    let older = try read(configText(["rope_theta": "500000.0", "rope_scaling": block]))
    let nested = "{\"rope_theta\": 500000.0, " + block.dropFirst()
    let newer = try read(configText(["rope_theta": nil, "rope_parameters": nested]))
    #expect(older == newer)
    // Python: the formula of transformers' _compute_llama3_parameters for d = 16, θ = 500000.
    let expected = [
      1.0, 0.0794030091792082, 0.004700753866357992, 0.0009115830921521387,
      0.00017677669529663688, 3.428102195952591e-05, 6.647869871181235e-06, 1.2891731721515574e-06,
    ]
    let found = older.rope.inverseFrequencies(headDimension: 16)
    #expect(found.count == 8)
    for (a, b) in zip(found, expected) { #expect(abs(a / b - 1) < 1e-13) }
    let plain = RotaryEmbedding(theta: 10000).inverseFrequencies(headDimension: 4)
    #expect(plain[0] == 1 && abs(plain[1] - 0.01) < 1e-16)
  }

  @Test func acceptsWindowsNoPositionCanReach() throws {
    let off = ["use_sliding_window": "false", "sliding_window": "16"]
    #expect(throws: Never.self) { try read(configText(off, family: "qwen2")) }
    let late = ["use_sliding_window": "true", "sliding_window": "16", "max_window_layers": "4"]
    #expect(throws: Never.self) { try read(configText(late, family: "qwen2")) }
    let wide = ["sliding_window": "256"]
    #expect(throws: Never.self) { try read(configText(wide, family: "mistral")) }
  }

  @Test(
    .enabled(
      if: SharedData.folder != nil,
      "shared data is absent; set PADTAX_SHARED or put it into ../shared"))
  func readsEveryGoldenDecoder() throws {
    let root = try #require(SharedData.folder)
    for folder in [
      "llama", "llama3-rope", "qwen2-tied", "qwen2-untied", "qwen2-untied-bf16",
      "qwen2-untied-f16", "qwen2-untied-sharded",
    ] {
      let model = try ModelConfiguration(contentsOf: "\(root)/golden/\(folder)")
      #expect(model.name == folder && model.layerCount == 4 && model.queryHeads == 8)
    }
    let tied = try ModelConfiguration(contentsOf: "\(root)/golden/qwen2-tied")
    #expect(tied.tiedEmbeddings && tied.headDimension == 12 && tied.rope.theta == 1e6)
    let bert = try ModelConfiguration(contentsOf: "\(root)/golden/bert-mlm")
    #expect(bert.encoder == EncoderFeatures(hasPooler: false, hasMLMHead: true))
  }

  @Test func survivesItsOwnEncoding() throws {
    let model = try ModelConfiguration.preset("llama-3.2-3b")
    let data = try JSONEncoder().encode(model)
    #expect(try JSONDecoder().decode(ModelConfiguration.self, from: data) == model)
    let text = String(decoding: data, as: UTF8.self).replacing(
      "\"kvHeads\":8", with: "\"kvHeads\":7")
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(ModelConfiguration.self, from: Data(text.utf8))
    }
  }
}

@Suite struct ConfigurationRefusalTests {
  @Test(arguments: [
    ("llama", "attention_bias", "true", "attention_bias"),
    ("llama", "mlp_bias", "true", "mlp_bias"),
    ("qwen3", "attention_bias", "true", "attention_bias"),
    ("mistral", "sliding_window", "128", "sliding-window"),
    ("llama", "hidden_act", "\"gelu\"", "hidden_act 'gelu'"),
    ("llama", "quantization_config", "{\"bits\": 4}", "quantization_config"),
    ("llama", "rope_scaling", "{\"type\": \"linear\", \"factor\": 2}", "rope scaling 'linear'"),
    ("qwen2", "rope_scaling", "{\"rope_type\": \"yarn\", \"factor\": 4.0}", "rope scaling 'yarn'"),
    ("llama", "torch_dtype", "\"float8_e4m3fn\"", "float8_e4m3fn"),
    ("llama", "layer_types", "[\"full_attention\", \"sliding_attention\"]", "sliding_attention"),
    ("llama", "partial_rotary_factor", "0.5", "partial_rotary_factor"),
  ])
  func namesTheFeature(family: String, key: String, value: String, words: String) throws {
    let found = try #require(error(of: configText([key: value], family: family)))
    #expect(found.kind == .feature && found.file == "tiny/config.json")
    #expect(found.line != nil && found.message.contains(words), "\(found)")
  }

  @Test func namesModelTypeAndTheSupportedOnes() throws {
    let found = try #require(error(of: configText(family: "t5")))
    #expect(
      found.description == "tiny/config.json:6: model_type 't5' is not supported yet; "
        + "supported: qwen2 qwen3 llama mistral bert")
  }

  @Test func refusesAWindowInUse() throws {
    let inUse = ["use_sliding_window": "true", "sliding_window": "16", "max_window_layers": "2"]
    #expect(error(of: configText(inUse, family: "qwen2"))?.kind == .feature)
    // An absent key in mistral means 4096.
    let absent = ["max_position_embeddings": "32768"]
    #expect(error(of: configText(absent, family: "mistral"))?.kind == .feature)
  }

  @Test(arguments: [
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size",
    "max_position_embeddings", "rms_norm_eps", "hidden_act",
  ])
  func namesMissingKeys(key: String) {
    let found = error(of: configText([key: nil]))
    #expect(found?.message == "key '\(key)' is missing")
  }

  @Test(arguments: [
    ("hidden_size", "0"), ("hidden_size", "-64"), ("num_hidden_layers", "4000000000000000000"),
    ("vocab_size", "9223372036854775807"), ("num_attention_heads", "0"), ("hidden_size", "1e30"),
    ("hidden_size", "64.5"), ("hidden_size", "\"64\""), ("hidden_size", "true"),
    ("num_key_value_heads", "3"), ("num_key_value_heads", "0"), ("head_dim", "7"),
    ("head_dim", "-8"), ("rms_norm_eps", "0"), ("rms_norm_eps", "-1e-5"), ("rope_theta", "0"),
    ("hidden_size", "63"), ("intermediate_size", "99999999999999999999"), ("vocab_size", "[]"),
  ])
  func refusesImpossibleNumbersWithALine(key: String, value: String) throws {
    let found = try #require(error(of: configText([key: value])))
    #expect(found.kind == .value && found.line != nil, "\(found)")
  }

  @Test func refusesBothRopeLayoutsInConflict() {
    let nested = "{\"rope_theta\": 5.0, \"rope_type\": \"default\"}"
    #expect(
      error(of: configText(["rope_parameters": nested]))?.message.contains("contradicts") == true)
    #expect(error(of: configText(["rope_theta": nil], family: "qwen2"))?.kind == .value)
    #expect(error(of: configText(["rope_theta": nil])) == nil)
  }

  @Test func refusesWhatIsNotAConfig() {
    #expect(error(of: "{")?.kind == .file)
    #expect(error(of: "{}")?.message == "key 'model_type' is missing")
    #expect(error(of: "[]") != nil)
    #expect(throws: ModelError.self) { try ModelConfiguration(contentsOf: "no/such/folder") }
  }
}
