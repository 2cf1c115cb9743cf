import Kernels
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The GPU backend: cuBLASLt for products, kernels of padtax's own for the rest, all on one stream.
///
/// Operations are asked for and return; `synchronize`, and everything that gives values to the host,
/// waits. Weights and activations are float32 or bfloat16, keys and values too by a choice of their
/// own; sums and logits are always float32.
public final class GPUBackend: Backend {
  public let weightFormat: StorageFormat
  public let cacheFormat: StorageFormat
  public let device: GPUDevice
  let context: GPUContext
  let memory: DeviceMemory
  let staging: GPUStaging
  let kernels: KernelLibrary
  let arguments = LaunchArguments()
  let products: ProductCache
  /// Small arrays of integers on the device: positions, tokens, rows of a batch.
  let lists: DeviceLists
  /// Small results on their way to the host, and split contexts of attention.
  let results: DeviceBuffer
  let partials: DeviceBuffer
  var tables: [(host: RotaryTable, device: RotaryTable)] = []
  let timer: StreamTimer
  /// Rows of the steps that are kept as graphs.
  let graphSizes: Set<Int>

  /// - Parameters:
  ///   - device: number among the devices that the driver shows; that of this process's rank on its
  ///     host when nil (`GPUBackend.localRank`).
  ///   - weights: what weights and activations are kept in.
  ///   - cache: what keys and values are kept in; as weights when nil.
  ///   - graphs: rows of decode steps that are kept as graphs (`beginStep`).
  public init(
    device: Int? = nil, weights: StorageFormat = .float32, cache: StorageFormat? = nil,
    graphs: [Int] = []
  ) throws(GPUError) {
    graphSizes = Set(graphs)
    weightFormat = weights
    cacheFormat = cache ?? weights
    let number: Int
    if let device {
      number = device
    } else {
      number = try Self.localRank % max(1, GPUDevice.count())
    }
    context = try GPUContext(device: number)
    self.device = context.device
    memory = DeviceMemory(context)
    kernels = try KernelLibrary(context)
    timer = StreamTimer(context)
    products = ProductCache(context)
    lists = DeviceLists(memory)
    results = DeviceBuffer(memory)
    partials = DeviceBuffer(memory)
    staging = GPUStaging(memory, kernels, timer: timer)
    if !graphs.isEmpty { context.record(by: try StepRecorder(memory)) }
  }

  deinit { context.record(by: nil) }

  /// GPUs that the driver shows this process.
  public static func deviceCount() throws(GPUError) -> Int { try GPUDevice.count() }

  /// Which of its host's ranks this process is, as its launcher says; 0 without one.
  public static var localRank: Int {
    for name in ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"] {
      if let value = getenv(name), let rank = Int(String(cString: value)), rank >= 0 {
        return rank
      }
    }
    return 0
  }

  public var provenance: BackendProvenance {
    let telemetry = context.telemetry()
    var notes = [
      "weights and activations \(weightFormat), keys and values \(cacheFormat), sums and logits "
        + "float32, no TF32", kernels.origin,
      "\(device.uuid), \(device.processors) multiprocessors, "
        + "\(device.memoryBytes >> 20) MiB, CUDA \(device.cudaVersion)",
    ]
    if !graphSizes.isEmpty {
      notes.append("decode steps of \(graphSizes.sorted()) rows as CUDA graphs")
    }
    if let telemetry {
      notes.append(
        "driver \(telemetry.driver), clocks \(telemetry.clockMHz) and "
          + "\(telemetry.memoryClockMHz) MHz, \(telemetry.powerWatts) W, throttle reasons "
          + "0x\(String(telemetry.throttleReasons, radix: 16))")
    } else {
      notes.append("no NVML: driver version, clocks and energy are unknown")
    }
    return BackendProvenance(
      name: "cuda", library: GPUContext.path(of: "cublasLt"), core: device.name,
      version: telemetry?.driver ?? "", instructionSet: device.architecture, threads: 1,
      notes: notes)
  }

  public var activationFormat: StorageFormat { weightFormat }
  public var readsBlockTables: Bool { true }
  /// A card's multiprocessors want more rows than a core does.
  public var rowsAtOnce: Int { 8192 }
  public var freeMemory: Int? { context.freeMemory().free }
  /// The most bytes of device memory that were in use at once.
  public var highWaterBytes: Int { memory.highWater }
  public var deviceNanoseconds: UInt64? { timer.now() }
  /// By NVML's counter, which moves several times a second.
  public var energyJoules: Double? {
    context.telemetry().flatMap { $0.energyJoules > 0 ? $0.energyJoules : nil }
  }
  public var telemetry: GPUTelemetry? { context.telemetry() }

  public func synchronize() { context.synchronize() }

  // MARK: Memory

  public func allocate(_ count: Int) throws -> Storage {
    try allocate(count, activationFormat)
  }

  public func allocateCache(_ count: Int) throws -> Storage { try allocate(count, cacheFormat) }

  public func allocateLogits(_ count: Int) throws -> Storage { try allocate(count, .float32) }

  private func allocate(_ count: Int, _ format: StorageFormat) throws -> Storage {
    let bytes = max(count, 1) * format.byteCount
    let address: UInt64
    do { address = try memory.allocate(bytes: bytes) } catch {
      throw KernelsError.allocation(reason: error.description)
    }
    context.zero(address, bytes: bytes)
    guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      throw KernelsError.allocation(reason: "the driver gave address 0")
    }
    let memory = memory
    return Storage(
      count: count, address: pointer, format: format, staging: staging
    ) { memory.release(address, bytes: bytes) }
  }

  public func upload(_ values: UnsafeBufferPointer<Float>, to matrix: Matrix) {
    precondition(
      values.count == matrix.count,
      "\(values.count) values do not fill a matrix [\(matrix.rows), \(matrix.columns)]")
    guard matrix.count > 0, let source = values.baseAddress else { return }
    staging.upload(source, to: matrix)
  }

  public func download(_ matrix: Matrix) -> [Float] {
    guard matrix.count > 0 else { return [] }
    return [Float](unsafeUninitializedCapacity: matrix.count) { buffer, count in
      if let target = buffer.baseAddress { staging.download(matrix, to: target) }
      count = matrix.count
    }
  }

  public func fill(_ matrix: Matrix, _ block: NormalBlock) -> Bool {
    guard matrix.count > 0 else { return true }
    launch(
      "fill_normal", matrix, grid: (matrix.rows, (matrix.columns + 255) / 256, 1)
    ) {
      $0.address(matrix.address).long(matrix.stride).int(matrix.columns).unsigned(block.seed)
        .unsigned(block.stream).unsigned(block.first).unsigned(block.step).float(block.mean)
        .float(block.deviation)
    }
    return true
  }

  /// Copies all elements of a contiguous matrix to another, on the device.
  public func copy(_ x: Matrix, into y: Matrix) {
    checkSameShape(x, y)
    checkAlike(x, y)
    precondition(x.isContiguous && y.isContiguous, "strided views are not copied as one block")
    context.copy(x.address, to: y.address, bytes: x.count * x.storage.format.byteCount)
  }

  // MARK: Launching

  /// Starts the kernel `name` for the element of `matrix`, on one block per row unless said otherwise.
  func launch(
    _ name: String, _ matrix: Matrix, grid: (x: Int, y: Int, z: Int)? = nil, threads: Int = 256,
    sharedBytes: Int = 0, _ fill: (LaunchArguments) -> Void
  ) {
    let grid = grid ?? (matrix.rows, 1, 1)
    guard grid.x > 0, grid.y > 0, grid.z > 0 else { return }
    let function = kernels.function("\(name)_\(matrix.suffix)", sharedBytes: sharedBytes)
    start(function, grid: grid, threads: threads, sharedBytes: sharedBytes, fill)
  }

  func start(
    _ function: UnsafeMutableRawPointer, grid: (x: Int, y: Int, z: Int), threads: Int,
    sharedBytes: Int, _ fill: (LaunchArguments) -> Void
  ) {
    fill(arguments.begin())
    context.launch(
      function, grid: grid, threads: threads, sharedBytes: sharedBytes, arguments)
  }

  /// The elements of two operands must be kept alike.
  func checkAlike(_ matrices: Matrix...) {
    for matrix in matrices {
      precondition(
        matrix.storage.staging != nil && matrix.storage.format == matrices[0].storage.format,
        "an operation of the GPU got memory of the host, or elements of two formats")
    }
  }
}

extension Matrix {
  /// Device address of the first element.
  var address: UInt64 {
    storage.address + UInt64(offset * storage.format.byteCount)
  }
  var suffix: String { storage.format.suffix }
}

extension StorageFormat {
  /// What kernels of this element are called.
  var suffix: String { self == .float32 ? "f32" : "bf16" }
}

extension Storage {
  var address: UInt64 { UInt64(UInt(bitPattern: pointer)) }
}
