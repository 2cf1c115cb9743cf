import Simulation
import Units

/// What `padtax memory` prints, as text and as JSON.
struct MemoryReport: Encodable {
  struct Stage: Encodable {
    let stage: Int
    let layers: Int
    let bytes: MemoryPlan.Terms
    let total: Double
  }

  /// Above how many slots a share of padding wastes so much.
  struct Threshold: Encodable {
    let bytes: Double
    let slots: Int
    let fits: Bool
  }

  let schema = "padtax/memory"
  let version = 1
  let model, layout, hardware, format, cacheFormat: String
  let deviceBytes: Double
  let requests, slotsPerRequest, maximumBatch: Int
  let fits: Bool
  let waste, bytesPerToken, tenPercentBytes: Double
  let stages: [Stage]
  let thresholds: [Threshold]
  private let lines: [String]

  /// - Parameter asked: requests of the batch; the most that fit when nil.
  init(_ answer: MemoryAnswer, requests asked: Int?) {
    let deployment = answer.deployment
    model = deployment.model.name
    layout = "\(deployment.layout)"
    hardware = deployment.hardware.name
    format = deployment.settings.format.rawValue
    cacheFormat = deployment.settings.cacheFormat.rawValue
    let most = answer.maximumBatch
    maximumBatch = most
    let requests = asked ?? max(most, deployment.layout.data)
    self.requests = requests
    slotsPerRequest = answer.slotsPerRequest
    let plan = answer.plan(requests: requests)
    deviceBytes = plan.capacity
    fits = plan.fits
    stages = plan.stages.enumerated().map { index, terms in
      Stage(
        stage: index, layers: deployment.shards[index].layers.count, bytes: terms,
        total: terms.total)
    }
    waste = answer.waste
    bytesPerToken = answer.bytesPerToken
    tenPercentBytes = answer.paddingBytes(requests: requests)
    let mostSlots = most * answer.slotsPerRequest
    thresholds = [1e9, 3e9, 5e9, 10e9].compactMap { bytes in
      answer.slots(forWaste: bytes).map {
        Threshold(bytes: bytes, slots: $0, fits: $0 <= mostSlots)
      }
    }
    lines = Self.text(
      answer, plan: plan, requests: requests, most: most, asked: asked, thresholds)
  }

  private enum CodingKeys: String, CodingKey {
    case schema, version, model, layout, hardware, format
    case cacheFormat = "cache_format"
    case deviceBytes = "device_bytes"
    case requests
    case slotsPerRequest = "slots_per_request"
    case maximumBatch = "maximum_batch"
    case fits, waste
    case bytesPerToken = "kv_bytes_per_token"
    case tenPercentBytes = "ten_percent_padding_bytes"
    case stages, thresholds
  }

  var text: [String] { lines }

  private static func text(
    _ answer: MemoryAnswer, plan: MemoryPlan, requests: Int, most: Int, asked: Int?,
    _ thresholds: [Threshold]
  ) -> [String] {
    let deployment = answer.deployment
    let settings = deployment.settings
    var lines = [
      deployment.model.shapeSummary,
      "\(deployment.layout) on \(deployment.hardware.description) "
        + "(\(MemoryPlan.text(plan.capacity))), weights \(settings.format.rawValue), KV "
        + "\(settings.cacheFormat.rawValue)",
      "batch \(requests)\(asked == nil ? " (the largest)" : ""): \(answer.width) prompt slots and "
        + "\(answer.generate) generated = \(answer.slotsPerRequest) KV slots a request, "
        + "\(answer.microBatches) micro-batch\(answer.microBatches == 1 ? "" : "es")",
      "",
    ]
    let names = plan.stages[0].named.map(\.name)
    lines.append(
      "stage layers" + names.map { $0.padded(to: max(11, $0.count + 2)) }.joined()
        + "total".padded(to: 11) + "free".padded(to: 11))
    for (index, terms) in plan.stages.enumerated() {
      lines.append(
        "\(index)".padded(to: 5) + "\(deployment.shards[index].layers.count)".padded(to: 7)
          + terms.named.map {
            MemoryPlan.text($0.bytes).padded(to: max(11, $0.name.count + 2))
          }.joined() + MemoryPlan.text(terms.total).padded(to: 11)
          + MemoryPlan.text(plan.capacity - terms.total).padded(to: 11))
    }
    lines += [
      "",
      "largest batch: \(most) requests, \(most * answer.slotsPerRequest) KV slots",
      "KV cache: \(Int(answer.bytesPerToken)) bytes a token over a replica",
      "waste W: \(Percentage(answer.waste)) of the reserved slots never hold a token",
      "10 % padding of these \(requests * answer.slotsPerRequest) slots: "
        + MemoryPlan.text(answer.paddingBytes(requests: requests)),
    ]
    for threshold in thresholds {
      lines.append(
        "10 % padding wastes \(Int(threshold.bytes / 1e9)) GB from \(threshold.slots) slots on"
          + (threshold.fits ? "" : ", more than fit here"))
    }
    return lines
  }
}
