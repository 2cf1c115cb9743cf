import GPUKernels
import Kernels
import Statistics
import Tensors

extension KernelChecks {
  private var widths: [Int] { isLarge ? [5, 896, 5120, 8192] : [5, 64, 88] }
  private var rows: Int { isLarge ? 67 : 3 }

  mutating func checkNorms() throws {
    for width in widths {
      let (x, weight) = (matrix(rows, width, spare: 8), vector(width))
      let residual = matrix(rows, width)
      let (dx, dWeight, dResidual) = (
        try onDevice(x), try onDevice(weight), try onDevice(residual)
      )
      let (y, dy) = (Matrix(rows: rows, columns: width), try onDevice(matrix(rows, width)))
      reference.rmsNorm(x, weight: weight, epsilon: 1e-5, into: y)
      gpu.rmsNorm(dx, weight: dWeight, epsilon: 1e-5, into: dy)
      compare("rmsNorm \(width)", dy, y)
      reference.addRMSNorm(x, residual: residual, weight: weight, epsilon: 1e-5, into: x)
      gpu.addRMSNorm(dx, residual: dResidual, weight: dWeight, epsilon: 1e-5, into: dx)
      compare("addRMSNorm \(width)", dx, x)
      compare("addRMSNorm \(width), residual", dResidual, residual)
    }
  }

  mutating func checkPositions() throws {
    for width in [16, 64, 80, 128] {
      let heads = integer(1...9)
      let x = matrix(rows, heads * width, spare: 16)
      let weight = vector(width)
      let (dx, dWeight) = (try onDevice(x), try onDevice(weight))
      reference.headNorm(x, heads: heads, weight: weight, epsilon: 1e-6)
      gpu.headNorm(dx, heads: heads, weight: dWeight, epsilon: 1e-6)
      compare("headNorm \(heads) x \(width)", dx, x)
      let frequencies = (0..<width / 2).map { 1 / Double(1 + 3 * $0) }
      let table = RotaryTable(inverseFrequencies: frequencies, maxPositions: 64)
      let positions = (0..<rows).map { _ in Int32(integer(0...63)) }
      let turned = try onDevice(x)
      gpu.rotate(turned, heads: heads, positions: positions, table: table)
      reference.rotate(x, heads: heads, positions: positions, table: table)
      compare("rotate \(heads) x \(width)", turned, x)
    }
  }

  mutating func checkElements() throws {
    for width in widths {
      let gateUp = matrix(rows, 2 * width, in: -8...8)
      let (y, dGateUp) = (Matrix(rows: rows, columns: width), try onDevice(gateUp))
      let dy = try gpu.matrix(rows: rows, columns: width)
      reference.siluMultiply(gateUp, into: y)
      gpu.siluMultiply(dGateUp, into: dy)
      compare("siluMultiply \(width)", dy, y)
      let addend = matrix(rows, width, spare: 3)
      let sum = matrix(rows, width)
      let (dAddend, dSum) = (try onDevice(addend), try onDevice(sum))
      reference.add(addend, into: sum)
      gpu.add(dAddend, into: dSum)
      compare("add \(width)", dSum, sum)
    }
  }

  mutating func checkLookups() throws {
    let (vocabulary, width) = isLarge ? (1000, 896) : (20, 24)
    // What lies before and behind the block is no zero.
    let all = matrix(4 * vocabulary, width)
    let block = vocabulary..<2 * vocabulary
    let (table, dTable) = (all.rows(block), try onDevice(all).rows(block))
    let tokens = (0..<rows * 3).map { _ in Int32(integer(0...2 * vocabulary)) }
    let y = Matrix(rows: tokens.count, columns: width)
    let dy = try onDevice(matrix(tokens.count, width))
    reference.embed(tokens, table: table, firstToken: vocabulary / 2, into: y)
    gpu.embed(tokens, table: dTable, firstToken: vocabulary / 2, into: dy)
    compare("embed, a block of the vocabulary", dy, y, bound: 0)
    let chosen = tokens.map { Int($0) % vocabulary }
    reference.gatherRows(table, rows: chosen, into: y)
    gpu.gatherRows(dTable, rows: chosen, into: dy)
    compare("gatherRows", dy, y, bound: 0)
  }

  mutating func checkProducts() throws {
    let shapes = isLarge ? [(1, 896), (7, 640), (64, 1024), (129, 256)] : [(1, 16), (5, 24)]
    for (rows, inputs) in shapes {
      for hasBias in [false, true] {
        let outputs = 8 * integer(1...6)
        let (x, w) = (matrix(rows, inputs, spare: 8), matrix(outputs, inputs))
        let bias = hasBias ? matrix(1, outputs).array() : nil
        let y = Matrix(rows: rows, columns: outputs)
        reference.linear(x, try reference.makeLinear(w, bias: bias), into: y)
        let weight = try gpu.makeLinear(try onDevice(w), bias: bias)
        let dx = try onDevice(x)
        let name = "linear \(rows) x \(inputs) x \(outputs)\(hasBias ? " + bias" : "")"
        let dy = try gpu.matrix(rows: rows, columns: outputs + 8).columns(0..<outputs)
        gpu.linear(dx, weight, into: dy)
        compare(name, dy, y)
        let logits = try gpu.logitMatrix(rows: rows, columns: outputs)
        gpu.linear(dx, weight, into: logits)
        compare(name + " to logits", logits, y, bound: 1e-5)
      }
    }
  }

  mutating func checkSamples() throws {
    for columns in isLarge ? [1, 300, 151_936] : [1, 33, 300] {
      let logits = Matrix(rows: rows, columns: columns)
      for index in 0..<logits.count {
        // Few values: there are ties.
        logits.pointer[index] = Float(integer(-20...20))
      }
      let dLogits = try gpu.logitMatrix(rows: rows, columns: columns)
      gpu.upload(logits.array(), to: dLogits)
      let (found, wanted) = (gpu.argmax(dLogits), reference.argmax(logits))
      demand(
        "argmax of \(columns)",
        found.map(\.index) == wanted.map(\.index) && found.map(\.value) == wanted.map(\.value))
      let targets = (0..<rows).map { _ in integer(-1...columns) }
      let (parts, expected) = (
        gpu.softmaxParts(dLogits, targets: targets),
        reference.softmaxParts(logits, targets: targets)
      )
      demand(
        "softmaxParts of \(columns), largest and targets",
        parts.largest == expected.largest && parts.targets == expected.targets)
      compare(
        "softmaxParts of \(columns), sums", parts.sums.map { Float($0) },
        expected.sums.map { Float($0) }, bound: 1e-5)
    }
  }

  mutating func checkEncoder() throws {
    for width in widths {
      let (x, addend) = (matrix(rows, width), matrix(rows, width, spare: 8))
      let (weight, bias) = (vector(width), vector(width))
      let (dx, dAddend) = (try onDevice(x), try onDevice(addend))
      let (dWeight, dBias) = (try onDevice(weight), try onDevice(bias))
      let (y, dy) = (Matrix(rows: rows, columns: width), try gpu.matrix(rows: rows, columns: width))
      for isAdding in [false, true] {
        reference.layerNorm(
          x, adding: isAdding ? addend : nil, weight: weight, bias: bias, epsilon: 1e-5, into: y)
        gpu.layerNorm(
          dx, adding: isAdding ? dAddend : nil, weight: dWeight, bias: dBias, epsilon: 1e-5,
          into: dy)
        compare("layerNorm \(width)\(isAdding ? ", adding" : "")", dy, y)
      }
      let other = try onDevice(x)
      gpu.gelu(dx)
      gpu.tanh(other)
      let turned = Matrix(rows: rows, columns: width, values: x.array())
      reference.gelu(x)
      reference.tanh(turned)
      compare("gelu \(width)", dx, x)
      compare("tanh \(width)", other, turned)
    }
  }

  mutating func checkRandomWeights() throws {
    // Enough of them that some would be rounded otherwise if a step were taken otherwise.
    let (rows, columns) = isLarge ? (70_000, 37) : (40, 500)
    let (first, step) = (UInt64(1) << 33, UInt64(columns + 101))
    let normals = CounterRandom(seed: 7, stream: CounterRandom.stream(named: "a.weight"))
    let found = try gpu.matrix(rows: rows, columns: columns + 3).columns(0..<columns)
    let isFilled = gpu.fill(
      found,
      NormalBlock(
        seed: 7, stream: normals.stream, first: first, step: step, mean: 1, deviation: 0.1))
    let wanted = Matrix(rows: rows, columns: columns)
    for row in 0..<rows {
      normals.fillNormal(
        UnsafeMutableBufferPointer(start: wanted.row(row), count: columns),
        from: first + UInt64(row) * step, mean: 1, standardDeviation: 0.1)
      for column in 0..<columns { wanted[row, column] = kept(wanted[row, column]) }
    }
    demand("random weights: the device makes them", isFilled)
    compare("random weights, bit for bit", found, wanted, bound: 0)
  }

  mutating func checkStaging() throws {
    let host = matrix(rows, 40)
    let device = try gpu.matrix(rows: rows, columns: 40)
    device.withMutableBuffer(.write) { _ = $0.update(fromContentsOf: host.array()) }
    let seen = device.withMutableBuffer(.read) { Array($0) }
    compare("staging: to the device and back", seen, host.array(), bound: 0)
    device.withMutableBuffer { buffer in
      for index in buffer.indices { buffer[index] *= 2 }
    }
    compare(
      "staging: in place", device,
      Matrix(
        rows: rows, columns: 40, values: host.array().map { 2 * $0 }), bound: 0)
    let view = try onDevice(matrix(rows, 24, spare: 5))
    gpu.upload(host.columns(0..<24).array(), to: view)
    compare("upload and download of a strided view", view, host.columns(0..<24), bound: 0)
  }
}
