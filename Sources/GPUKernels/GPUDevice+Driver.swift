import CGPU

extension GPUDevice {
  /// What the driver says of device `number`.
  init(number: Int) throws(GPUError) {
    let count = try Self.count()
    guard number >= 0, number < count else { throw .noDevice(asked: number, found: count) }
    var raw = gp_device()
    guard gp_describe(Int32(number), &raw) == 0 else { throw .unavailable(GPUContext.error) }
    self.init(
      name: withUnsafeBytes(of: raw.name) { text($0) },
      uuid: withUnsafeBytes(of: raw.uuid) { text($0) },
      bus: withUnsafeBytes(of: raw.bus) { text($0) },
      capability: (Int(raw.capability_major), Int(raw.capability_minor)),
      processors: Int(raw.processors), memoryBytes: raw.memory_bytes,
      cudaVersion: "\(raw.driver_version / 1000).\(raw.driver_version % 1000 / 10)")
  }

  /// All devices that the driver shows.
  public static func all() throws(GPUError) -> [GPUDevice] {
    var devices: [GPUDevice] = []
    for number in 0..<(try count()) { devices.append(try GPUDevice(number: number)) }
    guard !devices.isEmpty else { throw .noDevice(asked: 0, found: 0) }
    return devices
  }

  /// The libraries that are open, each as path or name.
  public static func libraries() throws(GPUError) -> [String] {
    try GPUContext.load()
    return ["cuda", "nvrtc", "cublasLt", "nvml"].map { GPUContext.path(of: $0) }
      .filter { !$0.isEmpty }
  }

  /// Devices that the driver shows.
  static func count() throws(GPUError) -> Int {
    try GPUContext.load()
    var count: Int32 = 0
    guard gp_device_count(&count) == 0 else { throw .unavailable(GPUContext.error) }
    return Int(count)
  }
}

extension GPUContext {
  func telemetry() -> GPUTelemetry? {
    var raw = gp_telemetry()
    gp_read_telemetry(handle, &raw)
    guard raw.is_there != 0 else { return nil }
    return GPUTelemetry(
      driver: withUnsafeBytes(of: raw.driver) { text($0) }, clockMHz: Int(raw.clock_mhz),
      memoryClockMHz: Int(raw.memory_clock_mhz), powerWatts: Double(raw.power_milliwatts) / 1e3,
      energyJoules: Double(raw.energy_millijoules) / 1e3, throttleReasons: raw.throttle_reasons)
  }
}
