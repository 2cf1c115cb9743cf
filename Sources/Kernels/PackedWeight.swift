import CKernels
import Tensors

/// A weight packed once for the kernels that multiply panels (layout: `ck_packed`), in float32 or
/// bfloat16.
final class PackedWeight: ReadableWeight {
  let format: StorageFormat
  let outputs: Int
  let inputs: Int
  let bias: Storage?
  private let panels: Storage

  /// Takes zero-filled panels.
  init(_ format: StorageFormat, outputs: Int, inputs: Int, panels: Storage, bias: Storage?) {
    precondition(
      panels.count >= PackedWeight.floats(format, outputs: outputs, inputs: inputs),
      "the panels have room for the weight")
    self.format = format
    self.outputs = outputs
    self.inputs = inputs
    self.panels = panels
    self.bias = bias
  }

  /// Floats of memory that the panels need.
  static func floats(_ format: StorageFormat, outputs: Int, inputs: Int) -> Int {
    format == .bfloat16
      ? StorageFormat.bfloat16.floats(for: ck_packed_elements(outputs, inputs))
      : ck_float_elements(outputs, inputs)
  }

  var bytes: Int { format.byteCount * outputs * inputs + (bias == nil ? 0 : 4 * outputs) }

  /// Packs `rows` as the rows of the weight from `first` on, which is a multiple of 16. Others' panels
  /// stay as they are.
  func pack(_ rows: Matrix, first: Int) {
    precondition(first % 16 == 0 && first + rows.rows <= outputs && rows.columns == inputs)
    if format == .bfloat16 {
      ck_pack(
        rows.pointer, rows.stride, rows.rows, inputs,
        panels.bfloat16Pointer + first * ck_packed_depth(inputs))
    } else {
      ck_float_pack(
        rows.pointer, rows.stride, rows.rows, inputs,
        panels.pointer + first * ck_float_words(inputs))
    }
  }

  /// The weight of some outputs, from a multiple of 16 on.
  func table(_ range: Range<Int>) -> ck_packed {
    let first: UnsafeRawPointer =
      format == .bfloat16
      ? UnsafeRawPointer(panels.bfloat16Pointer + range.lowerBound * ck_packed_depth(inputs))
      : UnsafeRawPointer(panels.pointer + range.lowerBound * ck_float_words(inputs))
    return ck_packed(panels: first, outputs: range.count, inputs: inputs)
  }

  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    var packed = table(0..<outputs)
    if format == .bfloat16 {
      ck_packed_row(&packed, index, target)
    } else {
      ck_float_row(&packed, index, target)
    }
  }
}

extension CPUBackend {
  /// Bytes of float32 rows that are packed, or of a weight that is widened, at a time: with as much of
  /// its other form they stay in a second-level cache.
  static let blockBytes = 512 << 10

  /// Whether weights are kept packed.
  var packsWeights: Bool {
    weightFormat == .bfloat16 || (dispatch.isPacked && kernels.packed_linear != nil)
  }

  func packed(_ weight: Matrix, bias: [Float]?) throws -> PackedWeight {
    let result = try unfilled(weight.rows, weight.columns, bias: bias)
    result.pack(weight, first: 0)
    return result
  }

  /// Packs rows as they are read, as many at a time as stay in a second-level cache.
  public func makeLinear(
    outputs: Int, inputs: Int, bias: [Float]?, read: (Range<Int>, Matrix) throws -> Void
  ) throws -> any LinearWeight {
    guard packsWeights, inputs > 0 else {
      let weight = try matrix(rows: outputs, columns: inputs)
      let bytes = MemoryLayout<Float>.stride * weight.count
      try load(outputs, bytes: bytes, by: team(loading: bytes)) { rows, _ in
        try read(rows, weight.rows(rows))
      }
      return try makeLinear(weight, bias: bias)
    }
    try checkLinear(outputs: outputs, inputs: inputs, bias: bias)
    let result = try unfilled(outputs, inputs, bias: bias)
    let step = max(1, Self.blockBytes / (64 * inputs)) * 16
    let blocks = loading.reserve(min(step, outputs) * inputs)
    let team = try team(loading: result.bytes)
    try load(outputs, bytes: result.bytes, by: team) { share, thread in
      for first in stride(from: share.lowerBound, to: share.upperBound, by: step) {
        let rows = first..<min(first + step, share.upperBound)
        let part = blocks.matrix(thread, rows: rows.count, columns: inputs)
        try read(rows, part)
        result.pack(part, first: first)
      }
    }
    return result
  }

  private func unfilled(_ outputs: Int, _ inputs: Int, bias: [Float]?) throws -> PackedWeight {
    let panels = try allocate(
      PackedWeight.floats(weightFormat, outputs: outputs, inputs: inputs))
    return PackedWeight(
      weightFormat, outputs: outputs, inputs: inputs, panels: panels, bias: try stored(bias))
  }

  func linear(_ x: Matrix, _ weight: PackedWeight, into y: Matrix) {
    checkLinear(x, weight, into: y)
    guard x.rows > 0 else { return }
    let parts = ProductParts(rows: x.rows, outputs: weight.outputs, threads: team.threads)
    let isHalf = weight.format == .bfloat16
    guard !isHalf || x.rows <= bfloat16Dispatch.ownRows else {
      return linearWidened(x, weight, parts, into: y)
    }
    guard let multiply = isHalf ? bfloat16.linear : kernels.packed_linear,
      let workspace = isHalf ? bfloat16.workspace : kernels.packed_workspace
    else { preconditionFailure("the weight was packed for other kernels") }
    let bytes = workspace(parts.mostRows, x.columns)
    let operands = operands.reserve(bytes / MemoryLayout<Float>.stride)
    team.run(parts) { rows, outputs, thread in
      var packed = weight.table(outputs)
      multiply(
        rows.count, &packed, x.row(rows.lowerBound), x.stride,
        weight.bias.map { $0.pointer + outputs.lowerBound },
        y.row(rows.lowerBound) + outputs.lowerBound, y.stride, operands[thread])
    }
  }
}
