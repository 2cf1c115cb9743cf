import CKernels
import Tensors

/// A weight packed once for the bfloat16 kernels (layout: `CKernelsBF16.h`).
final class PackedWeight: ReadableWeight {
  let panels: Storage
  let outputs: Int
  let inputs: Int
  let bias: Storage?

  init(panels: Storage, outputs: Int, inputs: Int, bias: Storage?) {
    self.panels = panels
    self.outputs = outputs
    self.inputs = inputs
    self.bias = bias
  }

  var bytes: Int { 2 * outputs * inputs + (bias == nil ? 0 : 4 * outputs) }

  var table: ck_packed {
    ck_packed(panels: panels.bfloat16Pointer, outputs: outputs, inputs: inputs)
  }

  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    var packed = table
    ck_packed_row(&packed, index, target)
  }
}

extension CPUBackend {
  /// Bytes of a weight that are widened at a time: with as much of the library's own copy they stay
  /// in a second-level cache.
  private static let widenedBytes = 512 << 10

  func packed(_ weight: Matrix, bias: [Float]?) throws -> PackedWeight {
    try packed(weight.rows, weight.columns, bias: bias) { panels in
      ck_pack(weight.pointer, weight.stride, weight.rows, weight.columns, panels)
    }
  }

  /// Packs rows as they are read, as many at a time as stay in a second-level cache.
  public func makeLinear(
    outputs: Int, inputs: Int, bias: [Float]?, read: (Range<Int>, Matrix) throws -> Void
  ) throws -> any LinearWeight {
    guard weightFormat == .bfloat16, inputs > 0 else {
      let weight = try matrix(rows: outputs, columns: inputs)
      try read(0..<outputs, weight)
      return try makeLinear(weight, bias: bias)
    }
    let step = max(1, Self.widenedBytes / (64 * inputs)) * 16
    let block = try matrix(rows: min(step, outputs), columns: inputs)
    try checkLinear(block, bias: nil)
    return try packed(outputs, inputs, bias: bias) { panels in
      for first in stride(from: 0, to: outputs, by: step) {
        let rows = first..<min(first + step, outputs)
        let part = block.rows(0..<rows.count)
        try read(rows, part)
        // A multiple of 16 rows fills whole panels.
        ck_pack(
          part.pointer, part.stride, part.rows, inputs, panels + first * ck_packed_depth(inputs))
      }
    }
  }

  private func packed(
    _ outputs: Int, _ inputs: Int, bias: [Float]?,
    fill: (UnsafeMutablePointer<BFloat16Bits>) throws -> Void
  ) throws -> PackedWeight {
    let elements = ck_packed_elements(outputs, inputs)
    let panels = try allocate(StorageFormat.bfloat16.floats(for: elements))
    try fill(panels.bfloat16Pointer)
    var terms: Storage?
    if let bias {
      precondition(bias.count == outputs, "a bias has one term for each output")
      let storage = try allocate(bias.count)
      for (index, value) in bias.enumerated() { storage.pointer[index] = value }
      terms = storage
    }
    return PackedWeight(panels: panels, outputs: outputs, inputs: inputs, bias: terms)
  }

  func linear(_ x: Matrix, _ weight: PackedWeight, into y: Matrix) {
    checkLinear(x, weight, into: y)
    guard x.rows > 0 else { return }
    guard x.rows <= bfloat16Dispatch.ownRows else { return linearWidened(x, weight, into: y) }
    let bytes = ck_packed_workspace(x.rows, x.columns)
    if operands.count * 4 < bytes { operands = Storage(count: bytes / 4) }
    var packed = weight.table
    bfloat16.linear(
      x.rows, &packed, x.pointer, x.stride, weight.bias?.pointer, y.pointer, y.stride,
      operands.pointer)
  }

  /// Blocks of the weight as floats, through the library.
  private func linearWidened(_ x: Matrix, _ weight: PackedWeight, into y: Matrix) {
    let inputs = weight.inputs
    let half = StorageFormat.bfloat16.floats(for: inputs)
    if operands.count < x.rows * inputs + half {
      operands = Storage(count: x.rows * inputs + half)
    }
    let rounded = (operands.pointer + x.rows * inputs)
    let bits = UnsafeMutableRawPointer(rounded).assumingMemoryBound(to: BFloat16Bits.self)
    for slot in 0..<x.rows {
      bfloat16.round(bits, x.row(slot), inputs)
      bfloat16.widen(operands.pointer + slot * inputs, bits, inputs)
    }
    if let bias = weight.bias {
      for slot in 0..<y.rows { y.row(slot).update(from: bias.pointer, count: y.columns) }
    }
    let panels = (weight.outputs + 15) / 16
    let step = min(panels, max(4, Self.widenedBytes / (64 * inputs)))
    if widened.count < inputs * step * 16 { widened = Storage(count: inputs * step * 16) }
    var packed = weight.table
    for first in stride(from: 0, to: panels, by: step) {
      let count = min(step, panels - first)
      bfloat16.unpack(&packed, first, count, widened.pointer, step * 16)
      blas.product(
        rows: x.rows, outputs: min(count * 16, weight.outputs - first * 16), inputs: inputs,
        x: operands.pointer, xStride: inputs, transposed: widened.pointer, wStride: step * 16,
        beta: weight.bias == nil ? 0 : 1, y: y.pointer + first * 16, yStride: y.stride)
    }
  }
}
