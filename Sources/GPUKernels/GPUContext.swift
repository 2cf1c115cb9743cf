import CGPU
import Tensors

/// A device with a stream of its own. Every call to CGPU is in the files of this type, of GPUDevice and
/// of NCCLGroup.
///
/// What goes wrong where nothing can be thrown, in the middle of a step, ends the process with the
/// library's words (`stop`).
final class GPUContext: @unchecked Sendable {
  /// Soundness: used by one thread at a time, as the backend is.
  let handle: OpaquePointer
  let device: GPUDevice
  /// Among the devices that the driver shows this process.
  let number: Int
  /// Takes the operations of steps that are kept as graphs; what the host waits for, and all that has
  /// its place in the stream otherwise, comes after what it holds.
  private(set) var recorder: StepRecorder?
  /// The recorder while it takes operations.
  private var recording: StepRecorder? { recorder.flatMap { $0.isOpen ? $0 : nil } }

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

  /// Lets steps be recorded, until nil is given.
  func record(by recorder: StepRecorder?) {
    self.recorder?.forget()
    self.recorder = recorder
  }

  /// Starts what was asked for and is kept for a graph.
  func startPending() { recording?.start() }

  static func load() throws(GPUError) { try check(gp_load()) }

  static var error: String { String(cString: gp_error()) }

  static func path(of library: String) -> String { String(cString: gp_library_path(library)) }

  static func check(_ code: Int32) throws(GPUError) {
    if code != 0 { throw .unavailable(error) }
  }

  func demand(_ code: Int32) {
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

  func free(_ address: UInt64) {
    startPending()
    demand(gp_free(handle, address))
  }

  /// Page-locked memory; nil where the system has none to give.
  func allocateHost(bytes: Int) -> UnsafeMutableRawPointer? {
    var address: UnsafeMutableRawPointer?
    return gp_allocate_host(handle, bytes, &address) == 0 ? address : nil
  }

  func freeHost(_ address: UnsafeMutableRawPointer) {
    startPending()
    demand(gp_free_host(handle, address))
  }

  func freeMemory() -> (free: Int, total: Int) {
    var (free, total) = (0, 0)
    demand(gp_free_memory(handle, &free, &total))
    return (free, total)
  }

  func zero(_ address: UInt64, bytes: Int) {
    startPending()
    demand(gp_zero(handle, address, bytes))
  }

  func upload(_ source: UnsafeRawPointer, to address: UInt64, bytes: Int) {
    startPending()
    uploadAhead(source, to: address, bytes: bytes)
  }

  /// Before what is kept for a graph, none of which may use that memory.
  func uploadAhead(_ source: UnsafeRawPointer, to address: UInt64, bytes: Int) {
    demand(gp_upload(handle, address, source, bytes))
  }

  func download(_ address: UInt64, to target: UnsafeMutableRawPointer, bytes: Int) {
    startPending()
    demand(gp_download(handle, target, address, bytes))
  }

  func copy(_ source: UInt64, to address: UInt64, bytes: Int) {
    if let recording { return recording.copy(source, to: address, bytes: bytes) }
    demand(startCopy(source, to: address, bytes: bytes))
  }

  // MARK: Order and time

  func synchronize() {
    startPending()
    demand(gp_synchronize(handle))
  }

  func issue(ticket: Int) {
    startPending()
    demand(gp_issue(handle, Int32(ticket)))
  }

  func finish(ticket: Int) { demand(gp_await(handle, Int32(ticket))) }

  func mark(_ number: Int32) {
    startPending()
    demand(gp_mark(handle, number))
  }

  func millisecondsBetweenMarks() -> Float {
    var milliseconds: Float = 0
    demand(gp_between_marks(handle, &milliseconds))
    return milliseconds
  }

  // MARK: Kernels

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
    if let recording {
      return recording.launch(
        function, grid: grid, threads: threads, sharedBytes: sharedBytes, arguments)
    }
    demand(
      startLaunch(
        function, x: UInt32(grid.x), y: UInt32(grid.y), z: UInt32(grid.z),
        threads: UInt32(threads), sharedBytes: UInt32(sharedBytes), arguments.pointers))
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

  /// What kept it in a graph is forgotten too: the next product may have its address.
  func free(product: OpaquePointer) {
    startPending()
    recorder?.forget()
    gp_free_matmul(product)
  }

  func multiply(_ product: OpaquePointer, x: UInt64, w: UInt64, bias: UInt64, y: UInt64) {
    if let recording { return recording.multiply(product, x: x, w: w, bias: bias, y: y) }
    demand(startMultiply(product, x: x, w: w, bias: bias, y: y))
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
}

func text(_ bytes: UnsafeRawBufferPointer) -> String {
  String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
}
