/// A card, as its driver describes it.
public struct GPUDevice: Sendable {
  public let name: String
  public let uuid: String
  /// PCI address, such as `00000000:3B:00.0`; empty where there is none.
  public let bus: String
  public let capability: (major: Int, minor: Int)
  /// Multiprocessors.
  public let processors: Int
  public let memoryBytes: Int
  /// The newest CUDA that the driver knows.
  public let cudaVersion: String

  /// NVRTC's name of the card's architecture; 9.0 has instructions of its own (`sm_90a`).
  public var architecture: String {
    let number = "sm_\(capability.major)\(capability.minor)"
    return number == "sm_90" ? "sm_90a" : number
  }
}

/// What NVML says of a card at one moment; 0 is what it does not tell.
public struct GPUTelemetry: Sendable {
  public let driver: String
  public let clockMHz: Int
  public let memoryClockMHz: Int
  public let powerWatts: Double
  /// Since the driver was loaded.
  public let energyJoules: Double
  /// Bits of `nvmlClocksThrottleReasons`; 1 is idle, 4 the power cap, 0x20 and 0x40 heat.
  public let throttleReasons: UInt64
}
