import Records

/// A run in the layout that vLLM's `benchmark_serving.py` and `vllm bench serve` save with
/// `--save-result`, so that scripts that read those read this.
///
/// Source: the result dictionary of vllm/benchmarks/serve.py. Times of single requests are seconds,
/// figures milliseconds. Texts are not kept, so `generated_texts` are empty.
public struct VLLMExport: Encodable, Sendable {
  private let record: ServingRecord
  private let requests: [RequestRecord]
  private let model: String
  private let date: String

  /// - Parameters:
  ///   - requests: of the run; those of its window are exported.
  ///   - date: start of the run, as `20260131-235959`.
  public init(_ record: ServingRecord, requests: [RequestRecord], model: String, date: String) {
    self.record = record
    self.requests = record.window(of: requests)
    self.model = model
    self.date = date
  }

  /// File name as vLLM makes them: engine, rate, model, date.
  public var fileName: String {
    let name = "padtax-\(record.run.system)-\(record.run.load)-\(model)-\(date).json"
    return ServingExport.plain(name)
  }

  public func encode(to encoder: any Encoder) throws {
    var out = encoder.container(keyedBy: ExportKey.self)
    try out.encode(date, forKey: ExportKey("date"))
    try out.encode("padtax", forKey: ExportKey("backend"))
    try out.encode("padtax", forKey: ExportKey("endpoint_type"))
    try out.encode("\(record.run.layout) \(record.run.system)", forKey: ExportKey("label"))
    try out.encode(model, forKey: ExportKey("model_id"))
    try out.encode(model, forKey: ExportKey("tokenizer_id"))
    try out.encode(requests.count, forKey: ExportKey("num_prompts"))
    let rate = record.requestRate
    // JSON knows no infinity; vLLM writes the text too.
    if let rate {
      try out.encode(rate, forKey: ExportKey("request_rate"))
    } else {
      try out.encode("inf", forKey: ExportKey("request_rate"))
    }
    try out.encode(record.burstiness, forKey: ExportKey("burstiness"))
    try out.encode(record.users, forKey: ExportKey("max_concurrency"))
    try out.encode(record.metrics["duration"] ?? 0, forKey: ExportKey("duration"))
    try out.encode(requests.count, forKey: ExportKey("completed"))
    try out.encode(record.refused, forKey: ExportKey("failed"))
    try out.encode(
      requests.reduce(0) { $0 + $1.promptTokens }, forKey: ExportKey("total_input_tokens"))
    try out.encode(
      requests.reduce(0) { $0 + $1.outputTokens }, forKey: ExportKey("total_output_tokens"))
    try out.encode(record.metrics["request_goodput"], forKey: ExportKey("request_goodput"))
    try out.encode(record.peakRunning, forKey: ExportKey("max_concurrent_requests"))
    try out.encode(mostTokensPerSecond, forKey: ExportKey("max_output_tokens_per_s"))
    for (name, value) in record.metrics where Self.isVLLMName(name) {
      try out.encode(value, forKey: ExportKey(name))
    }
    try out.encode(requests.map(\.promptTokens), forKey: ExportKey("input_lens"))
    try out.encode(requests.map(\.outputTokens), forKey: ExportKey("output_lens"))
    try out.encode(requests.map { $0.ttftMilliseconds / 1000 }, forKey: ExportKey("ttfts"))
    try out.encode(
      requests.map { $0.itlMilliseconds.map { $0 / 1000 } }, forKey: ExportKey("itls"))
    try out.encode(requests.map(\.arrivalSeconds), forKey: ExportKey("start_times"))
    try out.encode(requests.map { _ in "" }, forKey: ExportKey("generated_texts"))
    try out.encode(requests.map { _ in "" }, forKey: ExportKey("errors"))
  }

  /// The most output tokens of a second, counted from the window's start.
  private var mostTokensPerSecond: Double {
    var counts: [Int: Int] = [:]
    for time in requests.flatMap(\.tokenSeconds) {
      counts[Int(time - record.windowStart), default: 0] += 1
    }
    return Double(counts.values.max() ?? 0)
  }

  private static func isVLLMName(_ name: String) -> Bool {
    ["request_throughput", "output_throughput", "total_token_throughput"].contains(name)
      || ["_ttft_ms", "_tpot_ms", "_itl_ms", "_e2el_ms"].contains { name.hasSuffix($0) }
  }
}
