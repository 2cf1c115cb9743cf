import Kernels
import Tensors
import Testing

@Suite struct EncoderKernelTests {
  @Test(arguments: [1, 2, 7, 8, 15, 16, 33, 64, 100, 384, 768])
  func `layer norm, GELU and tanh agree with the reference`(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let reference = ReferenceBackend()
    let x = randomMatrix(rows: 3, columns: width, range: -5...5, using: &generator)
    // A mean far from zero: a variance by squares alone would lose its digits.
    for column in 0..<width { x[1, column] += 1000 }
    let addend = randomMatrix(rows: 3, columns: width, range: -5...5, using: &generator)
    let weight = randomStorage(width, using: &generator)
    let bias = randomStorage(width, using: &generator)
    let (alone, sum, curve, bent) = (copy(x), copy(x), copy(addend), copy(addend))
    reference.layerNorm(x, adding: nil, weight: weight, bias: bias, epsilon: 1e-3, into: alone)
    reference.layerNorm(x, adding: addend, weight: weight, bias: bias, epsilon: 1e-3, into: sum)
    reference.gelu(curve)
    reference.tanh(bent)
    for cpu in try cpuBackends() {
      let name = cpu.provenance.instructionSet
      let y = copy(x)
      cpu.layerNorm(y, adding: nil, weight: weight, bias: bias, epsilon: 1e-3, into: y)
      expectClose(y, alone, tolerance: 3e-4, "\(name) layerNorm in place")
      let z = copy(addend)
      cpu.layerNorm(x, adding: z, weight: weight, bias: bias, epsilon: 1e-3, into: z)
      expectClose(z, sum, tolerance: 3e-4, "\(name) layerNorm into its addend")
      let ordinary = (0..<width).map { (z[2, $0] - sum[2, $0]).magnitude }.max() ?? 0
      #expect(ordinary < 1e-5, "\(name)")
      let (a, b) = (copy(addend), copy(addend))
      cpu.gelu(a)
      expectClose(a, curve, tolerance: 1e-6, "\(name) gelu")
      cpu.tanh(b)
      expectClose(b, bent, tolerance: 1e-6, "\(name) tanh")
    }
  }

  @Test func `GELU is the one with erf, and its tails are finite`() throws {
    // x Φ(x), Φ from tables of the normal distribution.
    let known: [(Float, Float)] = [
      (0, 0), (1, 0.8413447), (-1, -0.1586553), (3, 2.9959503), (-3, -0.0040497), (200, 200),
      (-200, 0),
    ]
    for backend: any EncoderBackend in try cpuBackends() + [ReferenceBackend()]
      as [any EncoderBackend]
    {
      let x = Matrix(rows: 1, columns: known.count, values: known.map(\.0))
      backend.gelu(x)
      for (column, expected) in known.enumerated() {
        #expect((x[0, column] - expected.1).magnitude < 5e-7 * max(1, expected.1.magnitude))
      }
    }
  }

  /// (slots, real, masked) of each row.
  static let shapes: [[(Int, Range<Int>, Range<Int>)]] = [
    [(1, 0..<1, 1..<1)],
    [(5, 0..<5, 5..<5), (7, 0..<3, 3..<7), (7, 4..<7, 0..<4)],
    [(130, 0..<101, 101..<130), (64, 0..<64, 64..<64)],
    [(280, 20..<280, 0..<20)], [(290, 0..<257, 257..<290)],
  ]

  @Test(arguments: Self.shapes.indices, [8, 20, 64])
  func `attention in both directions agrees with the reference`(
    shape: Int, width: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(100 * shape + width))
    var rows: [AttentionRow] = []
    var slots = 0
    for (count, real, masked) in Self.shapes[shape] {
      rows.append(
        AttentionRow(
          firstSlot: slots, slots: count, real: real, context: 0, base: 0, capacity: 0,
          masked: masked))
      slots += count
    }
    let columns = 2 * width
    let joint = randomMatrix(rows: slots, columns: 3 * columns, range: -3...3, using: &generator)
    let parts = (0..<3).map { joint.columns($0 * columns..<($0 + 1) * columns) }
    let expected = Matrix(rows: slots, columns: columns)
    ReferenceBackend().attendBoth(
      queries: parts[0], keys: parts[1], values: parts[2], rows: rows, heads: 2, scale: 0.2,
      into: expected)
    for cpu in try cpuBackends() {
      let out = randomMatrix(rows: slots, columns: columns, using: &generator)
      cpu.attendBoth(
        queries: parts[0], keys: parts[1], values: parts[2], rows: rows, heads: 2, scale: 0.2,
        into: out)
      expectClose(out, expected, tolerance: 2e-5, cpu.provenance.instructionSet)
      // Real queries do not see what masked slots hold; padding queries do.
      let row = rows[rows.count - 1]
      guard let pad = row.masked.first else { continue }
      let again = copy(out)
      let changed = copy(joint)
      for column in columns..<3 * columns { changed[row.firstSlot + pad, column] += 9 }
      cpu.attendBoth(
        queries: changed.columns(0..<columns), keys: changed.columns(columns..<2 * columns),
        values: changed.columns(2 * columns..<3 * columns), rows: rows, heads: 2, scale: 0.2,
        into: again)
      let real = row.firstSlot + row.real.lowerBound..<row.firstSlot + row.real.upperBound
      #expect(again.rows(real).array() == out.rows(real).array())
      #expect(again.array() != out.array())
    }
  }
}
