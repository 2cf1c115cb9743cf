import CGPU
import Tensors

/// A device with a stream of its own. Every call to CGPU is in this file and in NCCLGroup.swift.
///
/// What goes wrong where nothing can be thrown, in the middle of a step, ends the process with the
/// library's words (`stop`).
final class GPUContext: @unchecked Sendable {
  /// Soundness: used by one thread at a time, as the backend is.
  private let handle: OpaquePointer
  let device: GPUDevice
  /// Among the devices that the driver shows this process.
  let number: Int

  init(device number: Int) throws(GPUError) {
    self.number = number
    try Self.load()
    device = try GPUDevice(number: number)
    guard device.capability >= (8, 0) else {
      throw .tooOld(
        name: device.name, capability: "\(device.capability.major).\(device.capability.minor)")
    }
    var opened: OpaquePointer?
    try Self.check(gp_open(Int32(number), &opened))
    guard let opened else { throw .unavailable("the driver gave no context") }
    handle = opened
  }

  deinit { gp_close(handle) }

  static func load() throws(GPUError) { try check(gp_load()) }

  static var error: String { String(cString: gp_error()) }

  static func path(of library: String) -> String { String(cString: gp_library_path(library)) }

  private static func check(_ code: Int32) throws(GPUError) {
    if code != 0 { throw .unavailable(error) }
  }

  private func demand(_ code: Int32) {
    if code != 0 { stop(Self.error) }
  }

  // MARK: Memory

  func allocate(bytes: Int) throws(GPUError) -> UInt64 {
    var address: UInt64 = 0
    guard gp_allocate(handle, bytes, &address) == 0 else {
      throw .allocation(reason: Self.error)
    }
    return address
  }

  func free(_ address: UInt64) { demand(gp_free(handle, address)) }

  /// Page-locked memory; nil where the system has none to give.
  func allocateHost(bytes: Int) -> UnsafeMutableRawPointer? {
    var address: UnsafeMutableRawPointer?
    return gp_allocate_host(handle, bytes, &address) == 0 ? address : nil
  }

  func freeHost(_ address: UnsafeMutableRawPointer) { demand(gp_free_host(handle, address)) }

  func freeMemory() -> (free: Int, total: Int) {
    var (free, total) = (0, 0)
    demand(gp_free_memory(handle, &free, &total))
    return (free, total)
  }

  func zero(_ address: UInt64, bytes: Int) { demand(gp_zero(handle, address, bytes)) }

  func upload(_ source: UnsafeRawPointer, to address: UInt64, bytes: Int) {
    demand(gp_upload(handle, address, source, bytes))
  }

  func download(_ address: UInt64, to target: UnsafeMutableRawPointer, bytes: Int) {
    demand(gp_download(handle, target, address, bytes))
  }

  func copy(_ source: UInt64, to address: UInt64, bytes: Int) {
    demand(gp_copy(handle, address, source, bytes))
  }

  // MARK: Order and time

  func synchronize() { demand(gp_synchronize(handle)) }

  func issue(ticket: Int) { demand(gp_issue(handle, Int32(ticket))) }

  func finish(ticket: Int) { demand(gp_await(handle, Int32(ticket))) }

  func mark(_ number: Int32) { demand(gp_mark(handle, number)) }

  func millisecondsBetweenMarks() -> Float {
    var milliseconds: Float = 0
    demand(gp_between_marks(handle, &milliseconds))
    return milliseconds
  }

  // MARK: Kernels

  static func compilerVersion() throws(GPUError) -> String {
    try check(gp_load_compiler())
    var (major, minor) = (Int32(0), Int32(0))
    try check(gp_compiler_version(&major, &minor))
    return "\(major).\(minor)"
  }

  /// The image of a program for an architecture.
  static func compile(
    _ text: String, name: String, includes: [(name: String, text: String)], options: [String]
  ) throws(GPUError) -> [UInt8] {
    var image: UnsafeMutableRawPointer?
    var size = 0
    var log: UnsafeMutablePointer<CChar>?
    let code = withStrings(includes.map(\.name)) { names in
      withStrings(includes.map(\.text)) { texts in
        withStrings(options) { options in
          gp_compile(
            text, name, names.start, texts.start, Int32(names.count), options.start,
            Int32(options.count), &image, &size, &log)
        }
      }
    }
    defer {
      gp_release(image)
      gp_release(log)
    }
    guard code == 0, let image else { throw .compilation(reason: error) }
    return Array(UnsafeRawBufferPointer(start: image, count: size))
  }

  /// C strings that live as long as the body.
  private static func withStrings<R>(
    _ texts: [String],
    _ body: (_ list: (start: UnsafePointer<UnsafePointer<CChar>>, count: Int)) -> R
  ) -> R {
    let copies = texts.map { text in
      let bytes = text.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (index, byte) in bytes.enumerated() { copy[index] = byte }
      return copy
    }
    let list = UnsafeMutablePointer<UnsafePointer<CChar>>.allocate(capacity: max(texts.count, 1))
    for (index, copy) in copies.enumerated() {
      (list + index).initialize(to: UnsafePointer(copy))
    }
    defer {
      for copy in copies { copy.deallocate() }
      list.deallocate()
    }
    return body((UnsafePointer(list), texts.count))
  }

  func load(_ image: [UInt8]) throws(GPUError) -> UnsafeMutableRawPointer {
    var module: UnsafeMutableRawPointer?
    let code = image.withUnsafeBytes { image in
      image.baseAddress.map { gp_load_image(handle, $0, &module) } ?? 1
    }
    guard code == 0, let module else { throw .compilation(reason: Self.error) }
    return module
  }

  func find(
    _ name: String, in module: UnsafeMutableRawPointer, sharedBytes: Int
  ) throws(GPUError) -> UnsafeMutableRawPointer {
    var function: UnsafeMutableRawPointer?
    guard gp_find(module, name, &function) == 0, let function else {
      throw .compilation(reason: Self.error)
    }
    if sharedBytes > 48 << 10, gp_allow_shared(function, Int32(sharedBytes)) != 0 {
      throw .compilation(
        reason: "\(name) needs \(sharedBytes) bytes of shared memory: \(Self.error)")
    }
    return function
  }

  func launch(
    _ function: UnsafeMutableRawPointer, grid: (x: Int, y: Int, z: Int), threads: Int,
    sharedBytes: Int, _ arguments: LaunchArguments
  ) {
    demand(
      gp_launch(
        handle, function, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z), UInt32(threads),
        UInt32(sharedBytes), arguments.pointers))
  }

  // MARK: Products

  func makeProduct(_ shape: ProductShape) -> OpaquePointer {
    var product: OpaquePointer?
    demand(
      gp_make_matmul(
        handle, shape.input == .float32 ? GP_FLOAT32 : GP_BFLOAT16,
        shape.output == .float32 ? GP_FLOAT32 : GP_BFLOAT16, Int64(shape.rows),
        Int64(shape.outputs), Int64(shape.inputs), Int64(shape.xStride), Int64(shape.wStride),
        Int64(shape.yStride), Int32(shape.alignment), shape.hasBias ? 1 : 0, &product))
    guard let product else { stop("cuBLASLt gave no product of \(shape)") }
    return product
  }

  func free(product: OpaquePointer) { gp_free_matmul(product) }

  func multiply(_ product: OpaquePointer, x: UInt64, w: UInt64, bias: UInt64, y: UInt64) {
    demand(gp_multiply(handle, product, x, w, bias, y))
  }

  // MARK: Groups

  static func loadGroups() throws(GPUError) { try check(gp_load_groups()) }

  static func newGroup() throws(GPUError) -> [UInt8] {
    try loadGroups()
    var id = [UInt8](repeating: 0, count: Int(GP_GROUP_ID))
    try check(gp_group_id(&id))
    return id
  }

  static func groupVersion() throws(GPUError) -> Int {
    try loadGroups()
    var version: Int32 = 0
    try check(gp_group_version(&version))
    return Int(version)
  }

  func join(_ id: [UInt8], size: Int, rank: Int) -> OpaquePointer {
    precondition(id.count == Int(GP_GROUP_ID), "an id has \(GP_GROUP_ID) bytes")
    var group: OpaquePointer?
    demandGroup(gp_join(handle, id, Int32(size), Int32(rank), &group))
    guard let group else { stop("NCCL gave no group of \(size) ranks") }
    return group
  }

  func leave(_ group: OpaquePointer) { gp_leave(group) }

  /// Stops with what can be done without NCCL.
  func demandGroup(_ code: Int32) {
    if code != 0 {
      stop("\(Self.error); backend.messages: staged and direct do without NCCL")
    }
  }

  // MARK: State of the card

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

func text(_ bytes: UnsafeRawBufferPointer) -> String {
  String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}

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
