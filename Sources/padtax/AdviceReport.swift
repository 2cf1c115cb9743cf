import Hardware
import Models
import Scheduling
import Simulation
import Units

/// What `padtax advise` prints, as text and as JSON.
struct AdviceReport: Encodable {
  struct Row: Encodable {
    let layout, policy: String
    let microBatches: Int
    let ttft: Double
    let tpot: Double?
    let latency, outputRate, memoryBytes: Double
    let isOnFront: Bool

    enum CodingKeys: String, CodingKey {
      case layout, policy
      case microBatches = "micro_batches"
      case ttft = "ttft_s"
      case tpot = "tpot_s"
      case latency = "e2el_s"
      case outputRate = "output_throughput"
      case memoryBytes = "memory_bytes"
      case isOnFront = "pareto"
    }
  }

  struct Loser: Encodable {
    let name, reason: String
  }

  /// The first choice with other links.
  struct LinkSpeed: Encodable {
    let speed: Double
    let first: String?
    let outputRate: Double?

    init(speed: Double, first: Advice.Choice?) {
      self.speed = speed
      self.first = first?.name
      outputRate = first?.outputRate
    }

    enum CodingKeys: String, CodingKey {
      case speed, first
      case outputRate = "output_throughput"
    }
  }

  let schema = "padtax/advice"
  let version = 1
  let hardware: String
  let kernels: String
  let ranked: [Row]
  let losers: [Loser]
  let links: [LinkSpeed]
  private let names: [String]

  private enum CodingKeys: String, CodingKey {
    case schema, version, hardware, kernels, ranked, losers, links
  }

  init(_ advice: Advice, links: [LinkSpeed], device: Accelerator) {
    hardware = device.name
    kernels = device.kernelSource
    let front = Set(advice.front)
    ranked = advice.ranked.map {
      Row(
        layout: "\($0.layout)", policy: $0.method, microBatches: $0.microBatches,
        ttft: $0.ttft, tpot: $0.tpot, latency: $0.latency, outputRate: $0.outputRate,
        memoryBytes: $0.memory, isOnFront: front.contains($0))
    }
    names = advice.ranked.map(\.name)
    losers = advice.losers.map { Loser(name: $0.name, reason: $0.reason) }
    self.links = links
  }

  func text(top: Int) -> [String] {
    var lines = ["on \(hardware), kernels by \(kernels); * on the Pareto front"]
    if ranked.isEmpty { lines.append("no layout and policy is within all objectives") }
    let wide = max(8, names.prefix(top).map(\.count).max() ?? 0) + 2
    lines.append(
      "  " + "choice".padded(to: wide, alignment: .leading) + "TTFT ms".padded(to: 10)
        + "TPOT ms".padded(to: 10) + "output tok/s".padded(to: 14) + "memory".padded(to: 12))
    for (name, row) in zip(names, ranked).prefix(top) {
      lines.append(
        (row.isOnFront ? "* " : "  ") + name.padded(to: wide, alignment: .leading)
          + (row.ttft * 1000).significant(4).padded(to: 10)
          + (row.tpot.map { ($0 * 1000).significant(4) } ?? "-").padded(to: 10)
          + row.outputRate.significant(4).padded(to: 14)
          + MemoryPlan.text(row.memoryBytes).padded(to: 12))
    }
    if ranked.count > top { lines.append("  and \(ranked.count - top) more") }
    lines += losers.prefix(top).map { "lost: \($0.name): \($0.reason)" }
    if losers.count > top { lines.append("lost: and \(losers.count - top) more") }
    for link in links {
      let rate = link.outputRate.map { ", \($0.significant(4)) tok/s" } ?? ""
      lines.append(
        "links \(link.speed.significant(3)) times as fast: \(link.first ?? "no choice")\(rate)")
    }
    return lines
  }
}
