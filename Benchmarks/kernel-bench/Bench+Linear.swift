import Kernels
import Tensors

extension Bench {
  /// Prefill: linear layers through the backend, the bias of qkv included, against the same bare sgemm calls.
  func prefillLinears() throws {
    print("\nprefill linear layers against bare sgemm (at least 0.95)")
    for rows in [128, 512, 2048] {
      var sums = [0.0, 0.0]
      for (name, inputs, outputs) in Bench.layers {
        let (x, w) = (try filled(rows, inputs), try filled(outputs, inputs))
        let y = try cpu.matrix(rows: rows, columns: outputs)
        let bias = name == "qkv" ? [Float](repeating: 0.1, count: outputs) : nil
        let linear = try cpu.makeLinear(w, bias: bias)
        let best = interleaved(
          rows > 1000 ? 3 : 6,
          [
            { _ in _ = cpu.secondsOfSgemm(x, w, into: y) }, { _ in cpu.linear(x, linear, into: y) },
          ])
        for index in 0..<2 { sums[index] += best[index] }
      }
      let flops = 2 * Double(rows) * Double(Bench.layers.reduce(0) { $0 + $1.1 * $1.2 })
      print(
        "  \(rows) rows: \(fixed(sums[0] / sums[1])), bare \(fixed(flops / sums[0] * 1e-9)) "
          + "GFLOP/s = \(fixed(flops / sums[0] * 1e-9 / peak)) of peak")
    }
  }

  /// Decode: GB/s of weights over a set of weights beyond the caches, against read bandwidth.
  func decodeLinears() throws {
    print(
      "\ndecode linear layers, weight GB/s over read bandwidth (1 row 0.90, 8 rows 0.55); in "
        + "brackets over max(reading, FLOPs at the multiply-add peak); the library")
    for rows in [1, 2, 4, 8, 16] {
      let line = try Bench.layers.map { name, inputs, outputs in
        let rates = try decodeRates(rows: rows, inputs: inputs, outputs: outputs)
        return
          "\(name) \(fixed(rates.own / rates.read)) [\(fixed(rates.own / rates.roof))], library "
          + fixed(rates.library / rates.read)
      }
      print("  \(rows) rows: " + line.joined(separator: ", "))
    }
  }

  /// Own kernel against the library over the rows where they trade places.
  func crossover() throws {
    print("\ncrossover: own kernel's speed over the library's (rule: \(cpu.provenance.notes[0]))")
    for rows in [8, 16, 24, 32, 48, 64] {
      let line = try Bench.layers.map { name, inputs, outputs in
        let rates = try decodeRates(rows: rows, inputs: inputs, outputs: outputs)
        return "\(name) \(fixed(rates.own / rates.library))"
      }
      print("  \(rows) rows: " + line.joined(separator: ", "))
    }
  }

  /// GB/s of reading weights: padtax's kernel, the library, bare reading, and the slower of that and of
  /// the weights that so many rows multiply at the peak, in turn.
  private func decodeRates(
    rows: Int, inputs: Int, outputs: Int
  ) throws -> (own: Double, library: Double, read: Double, roof: Double) {
    let bytes = inputs * outputs * MemoryLayout<Float>.stride
    let copies = max(2, (96 << 20) / bytes)
    let all = try filled(copies * outputs, inputs)
    let weights = (0..<copies).map { all.rows($0 * outputs..<($0 + 1) * outputs) }
    let a = try weights.map { try own.makeLinear($0, bias: nil) }
    let b = try weights.map { try library.makeLinear($0, bias: nil) }
    let (x, y) = (try filled(rows, inputs), try cpu.matrix(rows: rows, columns: outputs))
    var sink: Float = 0
    let best = interleaved(
      8,
      [
        { _ in for weight in a { own.linear(x, weight, into: y) } },
        { _ in for weight in b { library.linear(x, weight, into: y) } },
        { _ in sink += own.readStreams(all) }, multiplyAdds,
      ])
    let total = Double(bytes * copies) * 1e-9
    // Four bytes of weight for two operations a row.
    let computed = 2 / Double(rows) * multiplyAddOperations * 1e-9 / best[3]
    return (total / best[0], total / best[1], total / best[2], min(total / best[2], computed))
  }
}
