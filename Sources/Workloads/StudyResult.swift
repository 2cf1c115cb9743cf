import JSONReading

/// One timed batch of the published padding study, as it stands in the study's results.
///
/// Measured there with Qwen2.5-32B in bf16 on four A100-40GB under Megatron's static engine. Source:
/// github.com/divide-by-zer0/llm-inference-padding-study, commit c97a958, `results_v2`.
public struct StudyResult: Sendable, Hashable {
  public let configuration: StudyConfiguration
  public let cell: StudyCellLabel
  /// The batch's id in the cell's file of lengths; the first two are warm-up and have no result.
  public let batchID: Int
  public let targetPadRatio: Double
  /// cov_pad in version 2.
  public let targetCoV: Double
  public let actualPadRatio: Double
  public let actualCoV: Double
  /// Tokens.
  public let actualMeanLength: Double
  public let actualLengthDeviation: Double

  public let prompts: Int
  /// Output tokens of each prompt.
  public let decodeTokens: Int
  /// Real prompt tokens, and slots of the padded batch; their difference is `padTokens`.
  public let realTokens: Int
  public let totalTokens: Int
  public let padTokens: Int
  public let generatedTokens: Int

  /// Wall time of generating one token for the whole batch: METRICS.md's batch_ttft_s.
  public let batchTTFT: Double
  /// Seconds from the first token to the last, prefill excluded.
  public let generationTime: Double
  /// Seconds in all.
  public let wallClock: Double

  /// Tokens per second.
  public let prefillRawTPS: Double
  public let prefillEffectiveTPS: Double
  /// prompts · (decodeTokens − 1)/generationTime.
  public let decodeTPS: Double
  public let endToEndTPS: Double
  public let rawTPS: Double
  public let effectiveTPS: Double
  /// GB as the study prints them.
  public let maximumMemoryGB: Double
}

/// The study's three arrangements of four devices.
public enum StudyConfiguration: String, Sendable, Hashable, Codable, CaseIterable {
  case a = "config_a"
  case b = "config_b"
  case c = "config_c"

  /// The layout under padtax's name.
  public var layout: String {
    switch self {
    case .a: "tp4"
    case .b: "tp2pp2"
    case .c: "pp4"
    }
  }

  /// The name of its file in a results folder.
  public var fileName: String { "\(rawValue)_results.json" }
}

extension StudyResult: Decodable {
  enum CodingKeys: String, CodingKey {
    case configuration = "config"
    case cell
    case batchID = "batch_id"
    case targetPadRatio = "target_pad_ratio"
    case targetCoV = "target_cov"
    case actualPadRatio = "actual_pad_ratio"
    case actualCoV = "actual_cov"
    case actualMeanLength = "actual_mean_len"
    case actualLengthDeviation = "actual_std_len"
    case prompts = "num_prompts"
    case decodeTokens = "num_decode_tokens"
    case realTokens = "real_tokens"
    case totalTokens = "total_tokens"
    case padTokens = "pad_tokens"
    case generatedTokens = "generated_tokens"
    case batchTTFT = "ttft_s"
    case generationTime = "generation_time_s"
    case wallClock = "wall_clock_s"
    case prefillRawTPS = "prefill_raw_tps"
    case prefillEffectiveTPS = "prefill_effective_tps"
    case decodeTPS = "decode_tps"
    case endToEndTPS = "end_to_end_tps"
    case rawTPS = "raw_tps"
    case effectiveTPS = "effective_tps"
    case maximumMemoryGB = "max_memory_gb"
  }

  public init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: CodingKeys.self)
    func count(_ key: CodingKeys) throws -> Int {
      try keyed.decode(JSONInteger.self, forKey: key).value
    }
    func number(_ key: CodingKeys) throws -> Double { try keyed.decode(Double.self, forKey: key) }
    func fail(_ key: CodingKeys, _ message: String) -> DecodingError {
      .dataCorrupted(.init(codingPath: decoder.codingPath + [key], debugDescription: message))
    }
    let name = try keyed.decode(String.self, forKey: .configuration)
    guard let configuration = StudyConfiguration(rawValue: name) else {
      let names = StudyConfiguration.allCases.map(\.rawValue).joined(separator: " ")
      throw fail(.configuration, "unknown configuration '\(name)'; known: \(names)")
    }
    let label = try keyed.decode(String.self, forKey: .cell)
    guard let cell = StudyCellLabel(label) else {
      throw fail(.cell, "cell '\(label)' must look like pad20_cov15")
    }
    self.configuration = configuration
    self.cell = cell
    batchID = try count(.batchID)
    targetPadRatio = try number(.targetPadRatio)
    targetCoV = try number(.targetCoV)
    actualPadRatio = try number(.actualPadRatio)
    actualCoV = try number(.actualCoV)
    actualMeanLength = try number(.actualMeanLength)
    actualLengthDeviation = try number(.actualLengthDeviation)
    prompts = try count(.prompts)
    decodeTokens = try count(.decodeTokens)
    realTokens = try count(.realTokens)
    totalTokens = try count(.totalTokens)
    padTokens = try count(.padTokens)
    generatedTokens = try count(.generatedTokens)
    batchTTFT = try number(.batchTTFT)
    generationTime = try number(.generationTime)
    wallClock = try number(.wallClock)
    prefillRawTPS = try number(.prefillRawTPS)
    prefillEffectiveTPS = try number(.prefillEffectiveTPS)
    decodeTPS = try number(.decodeTPS)
    endToEndTPS = try number(.endToEndTPS)
    rawTPS = try number(.rawTPS)
    effectiveTPS = try number(.effectiveTPS)
    maximumMemoryGB = try number(.maximumMemoryGB)
    for (key, value) in [
      (CodingKeys.prompts, prompts), (.decodeTokens, decodeTokens), (.realTokens, realTokens),
    ] where value < 1 {
      throw fail(key, "\(key.rawValue) is \(value); it must be 1 or more")
    }
    for (key, value) in [(CodingKeys.batchTTFT, batchTTFT), (.wallClock, wallClock)]
    where value <= 0 {
      throw fail(key, "\(key.rawValue) is \(value); it must be above 0")
    }
    // Guarded against overflow: absurd counts are refused by the difference itself.
    let (slots, overflow) = realTokens.addingReportingOverflow(padTokens)
    guard padTokens >= 0, !overflow, slots == totalTokens else {
      throw fail(
        .totalTokens,
        "total_tokens is \(totalTokens); real_tokens and pad_tokens give "
          + (overflow ? "more than fits" : "\(slots)"))
    }
  }
}
