import Records
import Statistics

/// The part of a serving run that figures are of: its requests but for the first, which found an
/// empty server.
public struct ServingWindow: Sendable {
  /// Leading requests, by arrival, that are left out.
  public let warmup: Int
  /// False when no steady state was found, so that nothing is left out.
  public let isSteady: Bool
  /// The others, by arrival.
  public let requests: [RequestRecord]

  /// - Parameter warmup: requests to leave out; nil finds where times to the first token become
  ///   steady (MSER-5, `SteadyState`), which takes 20 requests.
  public init(_ all: [RequestRecord], warmup: Int? = nil) {
    let ordered = all.sorted { ($0.arrivalSeconds, $0.request) < ($1.arrivalSeconds, $1.request) }
    let series = ordered.map(\.ttftMilliseconds)
    let found = warmup ?? (try? SteadyState(series))?.warmup
    isSteady = found != nil
    self.warmup = min(found ?? 0, max(0, ordered.count - 1))
    requests = Array(ordered.dropFirst(self.warmup))
  }

  /// First arrival to last token, seconds; 0 without requests.
  public var seconds: Double { max(0, end - start) }
  public var start: Double { requests.first?.arrivalSeconds ?? 0 }
  public var end: Double { requests.map(\.completedSeconds).max() ?? 0 }

  /// Figures under vLLM's names; those without a value are absent.
  ///
  /// Beside vLLM's: `queue` (admission − arrival), `shared_ttft` (of requests with a shared prefix), `output_tps_per_user` = 1000/mean TPOT, and
  /// `output_throughput_per_rank`.
  public func metrics(levels: ServiceLevels, ranks: Int) -> [String: Double] {
    var out: [String: Double] = [:]
    let times: [(String, [Double])] = [
      ("ttft", requests.map(\.ttftMilliseconds)),
      ("tpot", requests.compactMap(\.tpotMilliseconds)),
      ("itl", requests.flatMap(\.itlMilliseconds)),
      ("e2el", requests.map(\.e2elMilliseconds)),
      ("shared_ttft", requests.filter { $0.sharedTokens > 0 }.map(\.ttftMilliseconds)),
      ("queue", requests.map { 1000 * ($0.admittedSeconds - $0.arrivalSeconds) }),
    ]
    for (name, values) in times {
      for (key, value) in Distribution(values)?.metrics(name) ?? [] { out[key] = value }
    }
    if let tpot = out["mean_tpot_ms"], tpot > 0 { out["output_tps_per_user"] = 1000 / tpot }
    guard seconds > 0 else { return out }
    let output = Double(requests.reduce(0) { $0 + $1.outputTokens })
    let input = Double(requests.reduce(0) { $0 + $1.promptTokens })
    out["duration"] = seconds
    out["request_throughput"] = Double(requests.count) / seconds
    out["output_throughput"] = output / seconds
    out["output_throughput_per_rank"] = output / seconds / Double(ranks)
    out["total_token_throughput"] = (input + output) / seconds
    if !levels.isEmpty {
      out["request_goodput"] = Double(requests.count { levels.areMet(by: $0) }) / seconds
    }
    return out
  }
}
