import GPUKernels
import Kernels
import Statistics
import Tensors

/// Holds every operation of the GPU backend against the reference backend on random shapes.
///
/// Both sides see the same inputs, rounded to the device's element first. Differences are relative in
/// norm: ‖found − wanted‖ / ‖wanted‖, both over the whole result.
public struct KernelChecks {
  /// One operation on one shape.
  public struct Outcome: Sendable {
    public let name: String
    public let error: Double
    public let bound: Double
    public var passed: Bool { error <= bound }
  }

  let gpu: GPUBackend
  let reference = ReferenceBackend()
  /// Shapes of models where true; else small ones, which emulation can run too.
  let isLarge: Bool
  var random: SequentialRandom
  public private(set) var outcomes: [Outcome] = []

  public init(_ gpu: GPUBackend, isLarge: Bool, seed: UInt64 = 1) {
    self.gpu = gpu
    self.isLarge = isLarge
    random = SequentialRandom(seed: seed)
  }

  /// Largest difference that passes: what rounding of elements and order of sums explain.
  var bound: Double { gpu.weightFormat == .float32 ? 1e-5 : 1e-2 }

  public mutating func run() throws {
    if gpu.cacheFormat != gpu.activationFormat { return try runCaches() }
    try checkNorms()
    try checkPositions()
    try checkElements()
    try checkLookups()
    try checkProducts()
    try checkSamples()
    try checkEncoder()
    try runCaches()
    try checkRandomWeights()
    try checkStaging()
  }

  /// What depends on the format of keys and values.
  private mutating func runCaches() throws {
    try checkStore()
    try checkAttention()
    try checkBlocks()
    try checkGraphs()
  }

  // MARK: Inputs

  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &random)
  }

  /// What the device keeps of a value, as an activation or in another format.
  func kept(_ value: Float, _ format: StorageFormat? = nil) -> Float {
    (format ?? gpu.activationFormat) == .float32 ? value : BFloat16Bits(rounding: value).widened
  }

  /// Random elements that the device keeps as they are; rows `spare` elements apart.
  mutating func matrix(
    _ rows: Int, _ columns: Int, spare: Int = 0, in range: ClosedRange<Float> = -2...2,
    _ format: StorageFormat? = nil
  ) -> Matrix {
    let whole = Matrix(rows: rows, columns: columns + spare)
    for index in 0..<whole.count {
      whole.pointer[index] = kept(Float.random(in: range, using: &random), format)
    }
    return whole.columns(0..<columns)
  }

  mutating func vector(_ count: Int) -> Storage { matrix(1, count).storage }

  /// The same elements on the device, as far apart.
  func onDevice(_ host: Matrix) throws -> Matrix {
    let whole = Matrix(
      storage: host.storage, rows: host.rows, columns: host.stride)
    let copy = try gpu.matrix(rows: host.rows, columns: host.stride)
    gpu.upload(whole.array(), to: copy)
    return copy.columns(0..<host.columns)
  }

  /// Random keys or values of a cache.
  mutating func cached(_ count: Int) -> Storage { matrix(1, count, gpu.cacheFormat).storage }

  /// The same in a cache of the device.
  func inCache(_ host: Storage) throws -> Storage {
    let copy = try gpu.allocateCache(host.count)
    let values = UnsafeBufferPointer(start: host.pointer, count: host.count)
    gpu.upload(values, to: Matrix(storage: copy, rows: 1, columns: host.count))
    return copy
  }

  func onDevice(_ host: Storage) throws -> Storage {
    try onDevice(Matrix(storage: host, rows: 1, columns: host.count)).storage
  }

  // MARK: Results

  mutating func compare(_ name: String, _ found: Matrix, _ wanted: Matrix, bound: Double? = nil) {
    compare(name, gpu.download(found), wanted.array(), bound: bound)
  }

  mutating func compare(
    _ name: String, _ found: [Float], _ wanted: [Float], bound: Double? = nil
  ) {
    var (difference, size) = (0.0, 0.0)
    for (found, wanted) in zip(found, wanted) {
      difference += Double(found - wanted) * Double(found - wanted)
      size += Double(wanted) * Double(wanted)
    }
    // NaN passes no comparison.
    let error =
      found.count == wanted.count
      ? (difference / max(size, .leastNormalMagnitude)).squareRoot() : .infinity
    add(name, error.isNaN ? .infinity : error, bound ?? self.bound)
  }

  mutating func demand(_ name: String, _ holds: Bool) { add(name, holds ? 0 : .infinity, 0) }

  private mutating func add(_ name: String, _ error: Double, _ bound: Double) {
    outcomes.append(
      Outcome(
        name: "\(name) \(gpu.activationFormat), cache \(gpu.cacheFormat)", error: error,
        bound: bound))
  }
}
