extension ModelConfiguration {
  /// The names `preset(_:)` knows, smallest family first.
  public static var presetNames: [String] { rows.map(\.name) + encoderRows.map(\.name) }

  /// A published architecture by name; throws listing the names when there is none such.
  ///
  /// Numbers are those of the `config.json` of the Hugging Face model id beside each row; parameter
  /// counts derived from them equal the published ones (safetensors metadata of the same ids).
  public static func preset(_ name: String) throws(ModelError) -> ModelConfiguration {
    if let row = encoderRows.first(where: { $0.name == name }) { return try row.configuration() }
    guard let row = rows.first(where: { $0.name == name }) else {
      throw ModelError(
        .preset, "no preset named '\(name)'; presets: \(presetNames.joined(separator: " "))")
    }
    return try row.configuration()
  }

  /// One preset as a row of numbers; the rest follows from the series.
  private struct Row {
    let name: String
    let series: Series
    let hidden: Int
    let feedForward: Int
    let layers: Int
    let heads: (query: Int, kv: Int)
    let headDimension: Int
    let vocabulary: Int
    let tied: Bool

    func configuration() throws(ModelError) -> ModelConfiguration {
      try ModelConfiguration(
        name: name, family: series.family, hiddenSize: hidden, feedForwardSize: feedForward,
        layerCount: layers, queryHeads: heads.query, kvHeads: heads.kv,
        headDimension: headDimension, vocabularySize: vocabulary,
        maxPositions: series.maxPositions, rmsNormEpsilon: series.epsilon, rope: series.rope,
        tiedEmbeddings: tied, storedType: series == .llama2 ? .float16 : .bfloat16)
    }
  }

  /// What the models of one series have in common.
  private enum Series {
    case qwen25, qwen3, llama2, llama31, llama32

    var family: Family {
      switch self {
      case .qwen25: .qwen2
      case .qwen3: .qwen3
      case .llama2, .llama31, .llama32: .llama
      }
    }
    var maxPositions: Int {
      switch self {
      case .qwen25: 32_768
      case .qwen3: 40_960
      case .llama2: 4_096
      case .llama31, .llama32: 131_072
      }
    }
    var epsilon: Double { self == .qwen25 || self == .qwen3 ? 1e-6 : 1e-5 }
    var rope: RotaryEmbedding {
      switch self {
      case .qwen25, .qwen3: RotaryEmbedding(theta: 1_000_000)
      case .llama2: RotaryEmbedding(theta: 10_000)
      case .llama31: RotaryEmbedding(theta: 500_000, scaling: Self.llama3(factor: 8))
      case .llama32: RotaryEmbedding(theta: 500_000, scaling: Self.llama3(factor: 32))
      }
    }
    private static func llama3(factor: Double) -> Llama3RopeScaling {
      Llama3RopeScaling(
        factor: factor, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 8192)
    }
  }

  // name, series, hidden, feed-forward, layers, (query, KV) heads, head dimension, vocabulary, tied
  private static let rows: [Row] = [
    // Qwen/Qwen2.5-0.5B-Instruct
    row("qwen2.5-0.5b", .qwen25, 896, 4_864, 24, (14, 2), 64, 151_936, true),
    // Qwen/Qwen2.5-1.5B-Instruct
    row("qwen2.5-1.5b", .qwen25, 1_536, 8_960, 28, (12, 2), 128, 151_936, true),
    // Qwen/Qwen2.5-3B-Instruct
    row("qwen2.5-3b", .qwen25, 2_048, 11_008, 36, (16, 2), 128, 151_936, true),
    // Qwen/Qwen2.5-7B-Instruct
    row("qwen2.5-7b", .qwen25, 3_584, 18_944, 28, (28, 4), 128, 152_064, false),
    // Qwen/Qwen2.5-14B-Instruct
    row("qwen2.5-14b", .qwen25, 5_120, 13_824, 48, (40, 8), 128, 152_064, false),
    // Qwen/Qwen2.5-32B-Instruct
    row("qwen2.5-32b", .qwen25, 5_120, 27_648, 64, (40, 8), 128, 152_064, false),
    // Qwen/Qwen2.5-72B-Instruct
    row("qwen2.5-72b", .qwen25, 8_192, 29_568, 80, (64, 8), 128, 152_064, false),
    // Qwen/Qwen3-32B
    row("qwen3-32b", .qwen3, 5_120, 25_600, 64, (64, 8), 128, 151_936, false),
    // meta-llama/Llama-3.1-8B
    row("llama-3.1-8b", .llama31, 4_096, 14_336, 32, (32, 8), 128, 128_256, false),
    // meta-llama/Llama-3.1-70B
    row("llama-3.1-70b", .llama31, 8_192, 28_672, 80, (64, 8), 128, 128_256, false),
    // meta-llama/Llama-3.1-405B
    row("llama-3.1-405b", .llama31, 16_384, 53_248, 126, (128, 8), 128, 128_256, false),
    // meta-llama/Llama-3.2-3B
    row("llama-3.2-3b", .llama32, 3_072, 8_192, 28, (24, 8), 128, 128_256, true),
    // meta-llama/Llama-2-13b-hf
    row("llama-2-13b", .llama2, 5_120, 13_824, 40, (40, 40), 128, 32_000, false),
  ]

  private static func row(
    _ name: String, _ series: Series, _ hidden: Int, _ feedForward: Int, _ layers: Int,
    _ heads: (Int, Int), _ headDimension: Int, _ vocabulary: Int, _ tied: Bool
  ) -> Row {
    Row(
      name: name, series: series, hidden: hidden, feedForward: feedForward, layers: layers,
      heads: heads, headDimension: headDimension, vocabulary: vocabulary, tied: tied)
  }
}
