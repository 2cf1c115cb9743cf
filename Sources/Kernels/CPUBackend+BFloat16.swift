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

  var table: ck_packed { table(0..<outputs) }

  /// The weight of some outputs, from a multiple of 16 on.
  func table(_ range: Range<Int>) -> ck_packed {
    ck_packed(
      panels: panels.bfloat16Pointer + range.lowerBound * ck_packed_depth(inputs),
      outputs: range.count, inputs: inputs)
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
    let parts = ProductParts(rows: x.rows, outputs: weight.outputs, threads: team.threads)
    guard x.rows <= bfloat16Dispatch.ownRows else {
      return linearWidened(x, weight, parts, into: y)
    }
    let bytes = ck_packed_workspace(parts.mostRows, x.columns)
    let operands = operands.reserve(bytes / MemoryLayout<Float>.stride)
    team.run(parts.count) { part, thread in
      let (rows, outputs) = parts[part]
      guard !rows.isEmpty && !outputs.isEmpty else { return }
      var packed = weight.table(outputs)
      bfloat16.linear(
        rows.count, &packed, x.row(rows.lowerBound), x.stride,
        weight.bias.map { $0.pointer + outputs.lowerBound },
        y.row(rows.lowerBound) + outputs.lowerBound, y.stride, operands[thread])
    }
  }

  /// Blocks of the weight as floats, through the library.
  private func linearWidened(
    _ x: Matrix, _ weight: PackedWeight, _ parts: ProductParts, into y: Matrix
  ) {
    let inputs = weight.inputs
    if rounded.count < x.rows * inputs { rounded = Storage(count: x.rows * inputs) }
    let rounded = rounded.pointer
    let halves = operands.reserve(StorageFormat.bfloat16.floats(for: inputs))
    team.run(rows: x.rows, columns: inputs) { rows, thread in
      let bits = UnsafeMutableRawPointer(halves[thread])
        .assumingMemoryBound(to: BFloat16Bits.self)
      for slot in rows {
        bfloat16.round(bits, x.row(slot), inputs)
        bfloat16.widen(rounded + slot * inputs, bits, inputs)
      }
    }
    let panels = min((weight.outputs + 15) / 16, max(4, Self.widenedBytes / (64 * inputs)))
    let widened = widened.reserve(inputs * panels * 16)
    team.run(parts.count) { part, thread in
      let (rows, outputs) = parts[part]
      for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: panels * 16) {
        let block = first..<min(first + panels * 16, outputs.upperBound)
        var packed = weight.table(block)
        bfloat16.unpack(&packed, 0, (block.count + 15) / 16, widened[thread], panels * 16)
        let target = y.row(rows.lowerBound) + first
        if let bias = weight.bias {
          for slot in 0..<rows.count {
            (target + slot * y.stride).update(from: bias.pointer + first, count: block.count)
          }
        }
        blas.product(
          rows: rows.count, outputs: block.count, inputs: inputs,
          x: rounded + rows.lowerBound * inputs, xStride: inputs, transposed: widened[thread],
          wStride: panels * 16, beta: weight.bias == nil ? 0 : 1, y: target, yStride: y.stride)
      }
    }
  }
}
