import Records
import Statistics

/// A run in the layout of NVIDIA AIPerf's `profile_export_aiperf.json`: per metric a block of unit,
/// mean, percentiles, sample standard deviation, count and sum.
///
/// Source: AIPerf's documentation, "profile_export_aiperf.json Schema", schema version 1.1.
public struct AIPerfExport: Encodable, Sendable {
  public static let fileName = "profile_export_aiperf.json"

  private let blocks: [String: Block]
  private let times: (start: String, end: String)

  struct Block: Encodable, Sendable {
    var unit: String
    var avg: Double
    var min: Double?
    var max: Double?
    var p1, p5, p10, p25, p50, p75, p90, p95, p99: Double?
    var std: Double?
    var count: Int?
    var sum: Double?

    /// A figure of the run.
    init(_ value: Double, _ unit: String) {
      avg = value
      self.unit = unit
    }

    /// Figures of one value per request; nil without values.
    init?(_ values: [Double], _ unit: String) {
      guard let sample = try? Sample(values) else { return nil }
      self.init(sample.mean, unit)
      min = sample.minimum
      max = sample.maximum
      p1 = sample.quantile(0.01)
      p5 = sample.quantile(0.05)
      p10 = sample.quantile(0.10)
      p25 = sample.quantile(0.25)
      p50 = sample.median
      p75 = sample.quantile(0.75)
      p90 = sample.quantile(0.90)
      p95 = sample.quantile(0.95)
      p99 = sample.quantile(0.99)
      std = sample.sampleStandardDeviation
      count = sample.count
      sum = sample.sum
    }
  }

  /// - Parameters:
  ///   - requests: of the run; those of its window are exported.
  ///   - start: of the run, and its end, as UTC text.
  public init(_ record: ServingRecord, requests all: [RequestRecord], start: String, end: String) {
    let requests = record.window(of: all)
    times = (start, end)
    let perRequest: [(String, [Double], String)] = [
      ("time_to_first_token", requests.map(\.ttftMilliseconds), "ms"),
      ("inter_token_latency", requests.compactMap(\.tpotMilliseconds), "ms"),
      ("request_latency", requests.map(\.e2elMilliseconds), "ms"),
      (
        "output_token_throughput_per_user",
        requests.compactMap { request in
          request.tpotMilliseconds.flatMap { $0 > 0 ? 1000 / $0 : nil }
        }, "tokens/sec/user"
      ),
      ("input_sequence_length", requests.map { Double($0.promptTokens) }, "tokens"),
      ("output_sequence_length", requests.map { Double($0.outputTokens) }, "tokens"),
    ]
    var blocks: [String: Block] = [:]
    for (name, values, unit) in perRequest { blocks[name] = Block(values, unit) }
    let whole: [(String, Double?, String)] = [
      ("request_throughput", record.metrics["request_throughput"], "requests/sec"),
      ("output_token_throughput", record.metrics["output_throughput"], "tokens/sec"),
      ("total_token_throughput", record.metrics["total_token_throughput"], "tokens/sec"),
      ("goodput", record.metrics["request_goodput"], "requests/sec"),
      ("request_count", Double(requests.count), "requests"),
      ("benchmark_duration", record.metrics["duration"], "sec"),
    ]
    for (name, value, unit) in whole { blocks[name] = value.map { Block($0, unit) } }
    self.blocks = blocks
  }

  public func encode(to encoder: any Encoder) throws {
    var out = encoder.container(keyedBy: ExportKey.self)
    try out.encode("1.1", forKey: ExportKey("schema_version"))
    try out.encode(times.start, forKey: ExportKey("start_time"))
    try out.encode(times.end, forKey: ExportKey("end_time"))
    try out.encode(false, forKey: ExportKey("was_cancelled"))
    for (name, block) in blocks { try out.encode(block, forKey: ExportKey(name)) }
  }
}
