import GPUKernels
import Kernels
import Locality
import Records

extension RankContext {
  /// The backend that a job names; a GPU's on the device that is this rank's among its host's.
  /// Collective.
  package func makeBackend(
    _ choice: BackendChoice, _ numbers: NumberFormats
  ) throws -> any Backend {
    let device = choice.kind == .cuda ? try chooseDevice() : nil
    let backend = try together("backend") {
      try Inference.makeBackend(choice, numbers, device: device)
    }
    if let gpu = backend as? GPUBackend { try connect(gpu, choice.messages) }
    return backend
  }

  /// Collective.
  private func chooseDevice() throws -> Int {
    let host = try control.splitByHost(label: Traffic.control)
    let (devices, near) = try together("backend") {
      (try GPUDevice.all(), try Binding.current().numaNodes)
    }
    var own: UInt64 = 0
    for node in near where node < 64 { own |= 1 << UInt64(node) }
    let ranks = try host.allGather([own]).map { mask in
      (0..<64).filter { mask >> UInt64($0) & 1 == 1 }
    }
    let nodes = devices.map { GPUPlacement.numaNode(ofBus: $0.bus) }
    return GPUPlacement.devices(ofRanks: ranks, devices: nodes)[host.rank]
  }

  /// Ranks of this host that compute on the same card as this one, itself among them; all ranks of
  /// the host where the backend has no card. Collective.
  func sharers(of backend: any Backend) throws -> Int {
    let host = try control.splitByHost(label: Traffic.control)
    guard let uuid = (backend as? GPUBackend)?.device.uuid else { return host.size }
    var own = [UInt8](repeating: 0, count: 48)
    for (index, byte) in uuid.utf8.prefix(own.count).enumerated() { own[index] = byte }
    let all = try host.allGather(own)
    return (0..<host.size).count { Array(all[$0 * own.count..<($0 + 1) * own.count]) == own }
  }
}
