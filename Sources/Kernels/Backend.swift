import Tensors

/// A weight in the form that a backend wants it: `y = x W^T + bias`, `W [outputs, inputs]`.
public protocol LinearWeight: AnyObject {
  var outputs: Int { get }
  var inputs: Int { get }
  /// Bytes that one product reads: matrix and bias.
  var bytes: Int { get }
}

/// The operations of a decoder's forward pass on one device, float32.
///
/// Matrices are `[slots, columns]` views with any row stride. Shapes that do not fit are bugs of
/// the caller and trap. Operations may run asynchronously: results may be read, and inputs
/// changed by the host, after `synchronize()`. A backend belongs to one thread of control at a
/// time. Operations allocate nothing in steady state; workspaces grow on demand.
public protocol Backend: AnyObject {
  var provenance: BackendProvenance { get }
  /// True when `store` and `attend` read the block tables of paged caches.
  var readsBlockTables: Bool { get }
  /// What weights are kept in, and what the inputs of their products are rounded to. Sums are
  /// float32.
  var weightFormat: StorageFormat { get }
  /// What matrices between products and vectors are kept in.
  var activationFormat: StorageFormat { get }
  /// What caches are to be made of.
  var cacheFormat: StorageFormat { get }

  /// New zero-filled memory of the device for `count` elements in `activationFormat`; throws when
  /// there is not enough.
  func allocate(_ count: Int) throws -> Storage
  /// As `allocate`, for keys or values in `cacheFormat`.
  func allocateCache(_ count: Int) throws -> Storage
  /// As `allocate`, for logits, which are kept in float32 even where activations are not.
  func allocateLogits(_ count: Int) throws -> Storage
  /// Copies `values`, row by row, into the device's `matrix`; counts must agree.
  func upload(_ values: UnsafeBufferPointer<Float>, to matrix: Matrix)
  /// The elements of the device's `matrix`, row by row.
  func download(_ matrix: Matrix) -> [Float]

  /// Fills the matrix with the random numbers of `block` where the device can make them itself;
  /// false where the host has to.
  func fill(_ matrix: Matrix, _ block: NormalBlock) -> Bool

  /// Takes `weight` `[outputs, inputs]` and an optional bias of `outputs` elements. The matrix is
  /// kept, not copied, where the backend computes from it directly.
  func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight
  /// As above, of a matrix that `read` gives rows of: each row once, in zero-filled or used memory of
  /// the device. A backend of the host may ask for few at a time, in any order and on several threads
  /// at once.
  func makeLinear(
    outputs: Int, inputs: Int, bias: [Float]?, read: (Range<Int>, Matrix) throws -> Void
  ) throws -> any LinearWeight
  /// `y = x W^T + bias`; x `[slots, inputs]`, y `[slots, outputs]`.
  func linear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix)

  /// `y = x / sqrt(mean(x^2) + epsilon) * weight` per row (Zhang and Sennrich 2019,
  /// arXiv:1910.07467). `y` may be `x`.
  func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix)
  /// `residual += x`, then `y = rmsNorm(residual)`. `y` may be `x`.
  func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix)
  /// `y += x`.
  func add(_ x: Matrix, into y: Matrix)
  /// RMS norm in place of each head of x `[slots, heads * headDimension]`; `weight` has
  /// `headDimension` elements.
  func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float)
  /// Rotary position embedding in place on x `[slots, heads * headDimension]`; slot `i` is at
  /// `positions[i]`.
  func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable)
  /// `y = silu(gate) * up`; gateUp `[slots, 2 * f]` holds gate, then up; y `[slots, f]`.
  func siluMultiply(_ gateUp: Matrix, into y: Matrix)
  /// Rows of `table` `[vocabulary shard, hidden]`, whose row 0 is token `firstToken`; tokens
  /// outside the shard give zero rows.
  func embed(_ tokens: [Int32], table: Matrix, firstToken: Int, into y: Matrix)
  /// As `embed`, from the rows of a weight: a table in `weightFormat`, which a head may share.
  func embed(
    _ tokens: [Int32], rowsOf weight: any LinearWeight, firstToken: Int, into y: Matrix)

  /// Writes keys and values `[slots, kvHeads * headDimension]` of each row to its region, slots
  /// `context..<context + slots`.
  func store(keys: Matrix, values: Matrix, rows: [AttentionRow], into cache: KVCacheView)
  /// Causal attention with grouped queries: query head `q` reads KV head
  /// `q / (queryHeads / kvHeads)`; queries and out `[slots, queryHeads * headDimension]`. The
  /// rows' own keys and values have been stored before. `out` must not overlap `queries`.
  func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix)

  /// `y[i] = x[rows[i]]`.
  func gatherRows(_ x: Matrix, rows: [Int], into y: Matrix)
  /// Column and value of the largest element of each row; the lowest column wins a tie.
  func argmax(_ logits: Matrix) -> [(index: Int, value: Float)]

  /// What these columns add to each row's softmax; `targets[row]` is the column whose logit is
  /// wanted, and one outside the columns has none.
  func softmaxParts(_ logits: Matrix, targets: [Int]) -> SoftmaxParts

  /// What is asked for until `endStep` is a decode step of `rows` rows. A device that keeps such steps as
  /// graphs may start it only where something waits for it, or at its end. An end without a beginning
  /// does nothing.
  func beginStep(rows: Int)
  func endStep()

  /// Waits until everything that was asked for is done.
  func synchronize()

  /// Rows that wide products take at once, where scratch memory counts.
  var rowsAtOnce: Int { get }
  /// Bytes of device memory that are free, nil where memory is the host's.
  var freeMemory: Int? { get }
  /// Nanoseconds that the device has spent on what was asked for so far, waiting for it first; nil
  /// where the calling thread's processor time is what counts. Copies for messages are not in it.
  var deviceNanoseconds: UInt64? { get }
  /// Joules that the device has taken since some moment; nil where nobody counts them.
  var energyJoules: Double? { get }
}

/// Normal random numbers by position, as `Statistics.CounterRandom` numbers them: element (r, c) of
/// the block is mean + deviation · normal(first + r · step + c).
public struct NormalBlock: Sendable, Hashable {
  public var seed, stream: UInt64
  public var first, step: UInt64
  public var mean, deviation: Float

  public init(
    seed: UInt64, stream: UInt64, first: UInt64, step: UInt64, mean: Float, deviation: Float
  ) {
    self.seed = seed
    self.stream = stream
    self.first = first
    self.step = step
    self.mean = mean
    self.deviation = deviation
  }
}

extension Backend {
  public var readsBlockTables: Bool { false }
  public var activationFormat: StorageFormat { .float32 }
  public var weightFormat: StorageFormat { .float32 }
  public var cacheFormat: StorageFormat { .float32 }
  public func allocateLogits(_ count: Int) throws -> Storage { try allocate(count) }
  public func allocateCache(_ count: Int) throws -> Storage {
    try allocate(cacheFormat.floats(for: count))
  }
  public func fill(_ matrix: Matrix, _ block: NormalBlock) -> Bool { false }
  public func makeLinear(
    outputs: Int, inputs: Int, bias: [Float]?, read: (Range<Int>, Matrix) throws -> Void
  ) throws -> any LinearWeight {
    let weight = try matrix(rows: outputs, columns: inputs)
    try read(0..<outputs, weight)
    return try makeLinear(weight, bias: bias)
  }
  /// Products of this many rows run at a BLAS's full rate.
  public var rowsAtOnce: Int { 1024 }
  public var freeMemory: Int? { nil }
  public var deviceNanoseconds: UInt64? { nil }
  public var energyJoules: Double? { nil }
  public func beginStep(rows: Int) {}
  public func endStep() {}

  public func embed(
    _ tokens: [Int32], rowsOf weight: any LinearWeight, firstToken: Int, into y: Matrix
  ) {
    preconditionFailure("\(provenance.name) keeps its tables as matrices")
  }

  /// New zero-filled device memory for logits.
  public func logitMatrix(rows: Int, columns: Int) throws -> Matrix {
    Matrix(storage: try allocateLogits(rows * columns), rows: rows, columns: columns)
  }

  /// New zero-filled device memory as a contiguous matrix.
  public func matrix(rows: Int, columns: Int) throws -> Matrix {
    Matrix(storage: try allocate(rows * columns), rows: rows, columns: columns)
  }

  /// Copies an array, row by row, into the device's `matrix`.
  public func upload(_ values: [Float], to matrix: Matrix) {
    values.withUnsafeBufferPointer { upload($0, to: matrix) }
  }
}
