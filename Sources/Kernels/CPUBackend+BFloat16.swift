import CKernels
import Tensors

extension CPUBackend {
  /// Blocks of the weight as floats, through the library.
  func linearWidened(
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
    let panels = min((weight.outputs + 15) / 16, max(4, Self.blockBytes / (64 * inputs)))
    let widened = widened.reserve(inputs * panels * 16)
    team.run(parts) { rows, outputs, thread in
      for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: panels * 16) {
        let block = first..<min(first + panels * 16, outputs.upperBound)
        var packed = weight.table(block)
        bfloat16.unpack(&packed, 0, (block.count + 15) / 16, widened[thread], panels * 16)
        let target = y.row(rows.lowerBound) + first
        let bias = weight.bias.map { UnsafePointer($0.pointer + first) }
        let beta = CPUBackend.begin(
          target, stride: y.stride, rows: rows.count, with: bias, outputs: block.count)
        blas.product(
          rows: rows.count, outputs: block.count, inputs: inputs,
          x: rounded + rows.lowerBound * inputs, xStride: inputs, transposed: widened[thread],
          wStride: panels * 16, beta: beta, y: target, yStride: y.stride)
      }
    }
  }
}
