import Kernels
import Tensors

/// A weight of the GPU backend: the matrix as it was given, the bias in the types that products give.
final class GPULinearWeight: LinearWeight {
  let matrix: Matrix
  /// For outputs of the weight's own element, and for float32 outputs.
  let bias: Storage?
  let wideBias: Storage?

  init(matrix: Matrix, bias: Storage?, wideBias: Storage?) {
    self.matrix = matrix
    self.bias = bias
    self.wideBias = wideBias
  }

  var outputs: Int { matrix.rows }
  var inputs: Int { matrix.columns }
  var bytes: Int {
    (matrix.count + (bias == nil ? 0 : outputs)) * matrix.storage.format.byteCount
  }
}

/// All that cuBLASLt's choice of a product depends on. `alignment` in bytes.
struct ProductShape: Hashable {
  let rows, outputs, inputs: Int
  let xStride, wStride, yStride: Int
  let input, output: StorageFormat
  let hasBias: Bool
  let alignment: Int
}

/// Products by shape. cuBLASLt looks for an algorithm once per shape.
final class ProductCache {
  private let context: GPUContext
  private var products: [ProductShape: OpaquePointer] = [:]
  /// A run has one shape per matrix and size of micro-batch.
  private static let most = 4096

  init(_ context: GPUContext) { self.context = context }

  deinit { clear() }

  private func clear() {
    for product in products.values { context.free(product: product) }
    products = [:]
  }

  func product(_ shape: ProductShape) -> OpaquePointer {
    if let found = products[shape] { return found }
    if products.count >= Self.most { clear() }
    let made = context.makeProduct(shape)
    products[shape] = made
    return made
  }
}

extension GPUBackend {
  public func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight {
    try checkLinear(outputs: weight.rows, inputs: weight.columns, bias: bias)
    checkAlike(weight)
    guard let bias else { return GPULinearWeight(matrix: weight, bias: nil, wideBias: nil) }
    let own = try allocate(bias.count)
    upload(bias, to: Matrix(storage: own, rows: 1, columns: bias.count))
    guard weightFormat != .float32 else {
      return GPULinearWeight(matrix: weight, bias: own, wideBias: own)
    }
    let wide = try allocateLogits(bias.count)
    upload(bias, to: Matrix(storage: wide, rows: 1, columns: bias.count))
    return GPULinearWeight(matrix: weight, bias: own, wideBias: wide)
  }

  public func linear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix) {
    guard let weight = weight as? GPULinearWeight else {
      preconditionFailure("the weight was made by another backend")
    }
    checkLinear(x, weight, into: y)
    guard x.rows > 0 else { return }
    let w = weight.matrix
    checkAlike(w, x)
    let bias = y.storage.format == .float32 ? weight.wideBias : weight.bias
    let shape = ProductShape(
      rows: x.rows, outputs: w.rows, inputs: w.columns, xStride: x.stride, wStride: w.stride,
      yStride: y.stride, input: x.storage.format, output: y.storage.format,
      hasBias: bias != nil, alignment: Self.alignment(x, w, y))
    context.multiply(
      products.product(shape), x: x.address, w: w.address, bias: bias?.address ?? 0, y: y.address)
  }

  /// The largest power of two, 256 at most, that divides all addresses and strides in bytes.
  private static func alignment(_ matrices: Matrix...) -> Int {
    let bits = matrices.reduce(UInt64(256)) {
      $0 | $1.address | ($1.rows > 1 ? UInt64($1.stride * $1.storage.format.byteCount) : 0)
    }
    return 1 << min(8, bits.trailingZeroBitCount)
  }
}
