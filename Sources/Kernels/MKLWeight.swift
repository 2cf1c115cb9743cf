import CBLASLoader
import Tensors

/// A weight for MKL's own products, beside which `kernel-bench` holds padtax's.
///
/// The engine does not use them: where they were measured they are not faster (docs/SPEED.md).
public final class MKLWeight {
  /// How MKL keeps the weight.
  public enum Form: String, CaseIterable, Sendable {
    case singlePacked = "sgemm, packed"
    case bfloat16 = "bf16"
    case bfloat16Packed = "bf16, packed"
  }

  public let form: Form
  private let mkl: cb_mkl
  private let memory: Storage
  private let (outputs, inputs): (Int32, Int32)

  fileprivate init(_ weight: Matrix, form: Form, rows: Int, mkl: cb_mkl) {
    self.form = form
    self.mkl = mkl
    (outputs, inputs) = (Int32(weight.rows), Int32(weight.columns))
    let (order, matrix) = (Int32(cb_row_major), Int32(cb_mkl_right_matrix))
    switch form {
    case .singlePacked:
      memory = Storage(count: (mkl.single_size(matrix, Int32(rows), outputs, inputs) + 3) / 4)
      mkl.single_pack(
        order, matrix, Int32(cb_transpose), Int32(rows), outputs, inputs, 1, weight.pointer,
        Int32(weight.stride), memory.pointer)
    case .bfloat16:
      memory = MKLWeight.rounded(weight)
    case .bfloat16Packed:
      let plain = MKLWeight.rounded(weight)
      memory = Storage(count: (mkl.half_size(matrix, Int32(rows), outputs, inputs) + 3) / 4)
      mkl.half_pack(
        order, matrix, Int32(cb_transpose), Int32(rows), outputs, inputs, plain.words, inputs,
        memory.words)
    }
  }

  public var bytes: Int { 4 * memory.count }

  /// The matrix in bfloat16, to nearest even, its rows one behind the other.
  public static func rounded(_ matrix: Matrix) -> Storage {
    let storage = Storage(count: (matrix.count + 1) / 2)
    for row in 0..<matrix.rows {
      RowConversion.round(
        matrix.row(row), matrix.columns, into: storage.words + row * matrix.columns)
    }
    return storage
  }

  /// `y[rows, outputs] = x[rows, inputs] W^T`.
  ///
  /// - Parameter halves: `rounded(x)`, which the forms in bfloat16 multiply.
  public func multiply(_ x: Matrix, halves: Storage, into y: Matrix) {
    precondition(
      x.columns == Int(inputs) && y.columns == Int(outputs) && x.rows == y.rows
        && halves.count * 2 >= x.count, "the shapes fit together")
    let (order, plain) = (Int32(cb_row_major), Int32(cb_no_transpose))
    let rows = Int32(x.rows)
    switch form {
    case .singlePacked:
      mkl.single_compute(
        order, plain, Int32(cb_mkl_packed), rows, outputs, inputs, x.pointer, Int32(x.stride),
        memory.pointer, inputs, 0, y.pointer, Int32(y.stride))
    case .bfloat16:
      mkl.half(
        order, plain, Int32(cb_transpose), rows, outputs, inputs, 1, halves.words, inputs,
        memory.words, inputs, 0, y.pointer, Int32(y.stride))
    case .bfloat16Packed:
      mkl.half_compute(
        order, plain, Int32(cb_mkl_packed), rows, outputs, inputs, 1, halves.words, inputs,
        memory.words, inputs, 0, y.pointer, Int32(y.stride))
    }
  }
}

extension Storage {
  fileprivate var words: UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
  }
}

extension CPUBackend {
  /// Whether the library is an MKL that has products with packed weights.
  public var hasMKLProducts: Bool { blas.mkl != nil }

  /// `weight` for MKL's product with `rows` rows; nil where the library is not MKL.
  public func mklWeight(_ weight: Matrix, form: MKLWeight.Form, rows: Int) -> MKLWeight? {
    blas.mkl.map { MKLWeight(weight, form: form, rows: rows, mkl: $0) }
  }
}
