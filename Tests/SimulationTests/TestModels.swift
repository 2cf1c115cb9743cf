import Communication
import Hardware
import Models
import Networks
import Units

@testable import Simulation

/// Kernels of which only products and attention take time, by their FLOPs.
struct FLOPModel: KernelModel {
  var secondsPerFLOP = 1e-12
  /// Outputs of products that are free, such as the head's.
  var free: Set<Int> = []

  func time(of call: KernelCall, in format: NumberFormat) throws(HardwareError) -> KernelTime {
    if case .gemm(_, let n, _) = call, free.contains(n) {
      return KernelTime(seconds: 0, basis: .table)
    }
    return KernelTime(seconds: KernelWork(call, format).flops * secondsPerFLOP, basis: .table)
  }
}

enum Example {
  static func model(layers: Int = 8, vocabulary: Int = 64) throws -> ModelConfiguration {
    var overrides = ModelOverrides()
    overrides.layerCount = layers
    overrides.hiddenSize = 256
    overrides.queryHeads = 8
    overrides.kvHeads = 4
    overrides.headDimension = 32
    overrides.feedForwardSize = 512
    overrides.vocabularySize = vocabulary
    return try ModelConfiguration.preset("llama-3.1-8b").overriding(overrides)
  }

  static func device(
    _ kernels: any KernelModel = FLOPModel(), gibibytes: Int = 16,
    overheads: EngineOverheads = EngineOverheads()
  ) -> Accelerator {
    Accelerator(
      name: "example", memory: Bytes(gibibytes << 30), bandwidth: 1e12, peaks: [.bf16: 1e15],
      nodeLink: "nvlink3-a100", betweenLink: "infiniband-hdr", devicesPerNode: 8, kernels: kernels,
      overheads: overheads)
  }

  /// A network that takes no time that counts.
  static func freeNetwork() throws -> Network {
    Network(
      intraNode: try Link(
        name: "free", description: "", source: "none", date: "", latency: 1e-18, bandwidth: 1e30))
  }

  static func deployment(
    _ layout: String, model: ModelConfiguration? = nil, device: Accelerator? = nil,
    network: Network? = nil, settings: Deployment.Settings = .init()
  ) throws -> Deployment {
    try Deployment(
      model: try model ?? self.model(), layout: ParallelLayout(parsing: layout),
      hardware: device ?? self.device(), network: network ?? freeNetwork(), settings: settings)
  }
}
