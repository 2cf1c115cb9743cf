import Hardware
import Networks
import Units

/// The devices of arXiv 2603.05692 as the paper describes them, with one setting each for all rows.
///
/// Memory, bandwidth and peaks are the paper's (decimal GB). What kernels reach of them is not published:
/// `efficiency` holds one set of numbers per device, chosen once on the rows of the published table taken
/// together (`docs/SIMULATOR.md` says how and how much they matter), never on one row.
public struct ParallelismDevice: Sendable {
  public let name: String
  public let memory: Int
  public let bandwidth: Double
  public let peaks: [NumberFormat: Double]
  public let efficiency: RooflineModel.Efficiency
  public let network: String

  /// Nothing is left to the runtime, and keys and values are fp8: the paper's largest batches come out
  /// only so (row K9: 85.07 GB of room hold 32 requests of 2.61 GB).
  public static let reserve = 0.0
  public static let cacheFormat = NumberFormat.fp8

  public static let all = [
    ParallelismDevice(
      name: "mi325x", memory: 256_000_000_000, bandwidth: 6e12,
      peaks: [.bf16: 1.3075e15, .fp8: 2.615e15],
      efficiency: .init(gemm: 0.55, attention: 0.5, memory: 0.75, launch: 5e-6),
      network: "xgmi-mi325x"),
    ParallelismDevice(
      name: "mi355x", memory: 288_000_000_000, bandwidth: 8e12,
      peaks: [.bf16: 2.3e15, .fp8: 4.6e15, .fp4: 9.2e15],
      efficiency: .init(gemm: 0.5, attention: 0.5, memory: 0.75, launch: 5e-6),
      network: "xgmi-mi355x"),
  ]

  /// The device of that name: the paper's, or one of the catalogue as it stands there.
  public static func accelerator(_ name: String) throws(HardwareError) -> Accelerator {
    guard let device = all.first(where: { $0.name == name }) else {
      return try HardwareCatalogue.accelerator(name)
    }
    let catalogued = try HardwareCatalogue.accelerator(name)
    return Accelerator(
      name: name, description: "\(catalogued.description), as arXiv 2603.05692 counts it",
      memory: Bytes(device.memory), bandwidth: device.bandwidth, peaks: device.peaks,
      nodeLink: device.network, betweenLink: catalogued.betweenLink, devicesPerNode: 8,
      kernels: RooflineModel(
        name: name, peaks: device.peaks, bandwidth: device.bandwidth,
        efficiency: device.efficiency))
  }

  /// The setting in words.
  public var text: String {
    let peaks = peaks.sorted { $0.key.bits > $1.key.bits }
      .map { "\($0.key.rawValue) \(($0.value / 1e15).significant(4))" }.joined(separator: ", ")
    return
      "\(name): \(memory / 1_000_000_000) GB, \((bandwidth / 1e12).significant(3)) TB/s, PFLOP/s "
      + "\(peaks); of these products reach \(Percentage(efficiency.gemm)), attention (bf16) "
      + "\(Percentage(efficiency.attention)), memory \(Percentage(efficiency.memory)); a kernel takes "
      + "\((efficiency.launch * 1e6).significant(3)) us at least; links \(network), all-reduce by its "
      + "fastest algorithm (direct)"
  }
}
