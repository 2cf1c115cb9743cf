import Kernels
import Tensors
import Testing

@Suite struct LinearTests {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 17, 23, 24, 25, 29, 40, 71])
  func `a product agrees with the reference for any number of rows`(rows: Int) throws {
    var generator = SeededGenerator(seed: UInt64(rows))
    let reference = ReferenceBackend()
    for (outputs, inputs) in [
      (1, 1), (5, 3), (12, 16), (29, 70), (37, 33), (64, 128), (150, 70), (13, 1100),
    ] {
      let x = randomMatrix(rows: rows, columns: inputs, using: &generator)
      let w = randomMatrix(rows: outputs, columns: inputs, using: &generator)
      for bias in [nil, (0..<outputs).map { Float($0) - 3 }] {
        let expected = randomMatrix(rows: rows, columns: outputs, using: &generator)
        reference.linear(x, try reference.makeLinear(w, bias: bias), into: expected)
        for cpu in try cpuBackends() + packedBackends() + [ownOnly(), libraryOnly()] {
          let y = randomMatrix(rows: rows, columns: outputs, using: &generator)
          cpu.linear(x, try cpu.makeLinear(w, bias: bias), into: y)
          // Packed, 1100 products are two chains: the largest error of all rows was 3.3e-5.
          expectClose(
            y, expected, tolerance: cpu.dispatch.isPacked ? 5e-5 : 2e-5,
            "\(cpu.provenance.instructionSet) [\(outputs), \(inputs)] bias \(bias != nil)")
        }
      }
    }
  }

  @Test func `small integers give exact sums in every kernel`() throws {
    var generator = SeededGenerator(seed: 99)
    for cpu in try cpuBackends() + packedBackends() + [ownOnly(), libraryOnly()] {
      for rows in [1, 8, 19] {
        let x = randomMatrix(rows: rows, columns: 200, using: &generator)
        let w = randomMatrix(rows: 31, columns: 200, using: &generator)
        for matrix in [x, w] {
          for row in 0..<matrix.rows {
            for column in 0..<200 { matrix[row, column] = (matrix[row, column] * 8).rounded() }
          }
        }
        let y = Matrix(rows: rows, columns: 31)
        cpu.linear(x, try cpu.makeLinear(w, bias: nil), into: y)
        for row in 0..<rows {
          for output in 0..<31 {
            let sum = (0..<200).reduce(0) { $0 + x[row, $1] * w[output, $1] }
            #expect(y[row, output] == sum)
          }
        }
      }
    }
  }

  @Test(arguments: [1100, 2100])
  func `a row of a packed product does not depend on rows beside it, variants or threads`(
    inputs: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(inputs))
    let outputs = 83
    // More rows than are packed at a time.
    let x = randomMatrix(rows: 270, columns: inputs, using: &generator)
    let w = randomMatrix(rows: outputs, columns: inputs, using: &generator)
    let bias = (0..<outputs).map { Float($0) - 3 }
    let packed = LinearDispatch(ownVectorProduct: false, ownRows: 1, isPacked: true)
    var backends = try packedBackends().map { ($0, "float32") }
    backends.append((try CPUBackend(threads: 3, dispatch: packed), "float32"))
    if BFloat16Variant.available.contains(.avx512Dot) {
      for threads in [1, 2] {
        let half = try CPUBackend(
          threads: threads, weights: .bfloat16, bfloat16: .avx512Dot,
          bfloat16Dispatch: BFloat16Dispatch(kernels: "avx512-bf16", ownRows: .max))
        backends.append((half, "bfloat16"))
      }
    }
    var expected: [String: [Float]] = [:]
    for (cpu, format) in backends {
      let weight = try cpu.makeLinear(w, bias: bias)
      for rows in [1, 2, 3, 6, 7, 14, 16, 17, 29, 270] {
        let y = randomMatrix(rows: rows, columns: outputs, using: &generator)
        cpu.linear(x.rows(270 - rows..<270), weight, into: y)
        let last = Array(UnsafeBufferPointer(start: y.row(rows - 1), count: outputs))
        #expect(last == expected[format, default: last], "\(format), \(rows) rows")
        expected[format] = last
        #expect(isIntactOutside(y))
      }
    }
  }

  @Test func `a packed weight gives its rows back`() throws {
    var generator = SeededGenerator(seed: 4)
    let table = randomMatrix(rows: 37, columns: 45, using: &generator)
    for cpu in try packedBackends() + cpuBackends() + [libraryOnly()] {
      let y = Matrix(rows: 3, columns: 45)
      cpu.embed(
        [110, 5, 136], rowsOf: try cpu.makeLinear(table, bias: nil), firstToken: 100, into: y)
      for column in 0..<45 {
        #expect(y[0, column] == table[10, column])
        #expect(y[1, column] == 0)
        #expect(y[2, column] == table[36, column])
      }
    }
  }

  @Test func `no rows give no output`() throws {
    let cpu = try CPUBackend()
    let weight = try cpu.makeLinear(Matrix(rows: 3, columns: 4), bias: [1, 2, 3])
    let y = Matrix(rows: 1, columns: 3)
    cpu.linear(Matrix(rows: 0, columns: 4), weight, into: y.rows(0..<0))
    #expect(y.array() == [0, 0, 0])
    #expect(weight.bytes == 60)
  }

  @Test func `a bias of the wrong length is an error that names both lengths`() throws {
    for backend: any Backend in [ReferenceBackend(), try CPUBackend()] {
      #expect {
        _ = try backend.makeLinear(Matrix(rows: 3, columns: 4), bias: [1])
      } throws: { error in
        "\(error)" == "a bias of 1 elements does not fit a weight of 3 outputs"
      }
    }
  }

  private func ownOnly() throws -> CPUBackend {
    try CPUBackend(dispatch: LinearDispatch(ownVectorProduct: true, ownRows: .max))
  }

  private func libraryOnly() throws -> CPUBackend {
    try CPUBackend(dispatch: LinearDispatch(ownVectorProduct: false, ownRows: 1))
  }
}
