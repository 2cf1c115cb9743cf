import Kernels
import Tensors
import Testing

@Suite struct FusedTests {
  private static let widths = [1, 2, 7, 8, 15, 16, 33, 64, 100, 896]

  @Test(arguments: widths)
  func `norms and sums agree with the reference`(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let reference = ReferenceBackend()
    let x = randomMatrix(rows: 3, columns: width, range: -5...5, using: &generator)
    let residual = randomMatrix(rows: 3, columns: width, range: -5...5, using: &generator)
    let weight = randomStorage(width, using: &generator)
    let (expected, sum, both) = (copy(x), copy(residual), copy(residual))
    reference.rmsNorm(x, weight: weight, epsilon: 1e-6, into: expected)
    reference.add(x, into: sum)
    let fused = copy(x)
    reference.addRMSNorm(x, residual: both, weight: weight, epsilon: 1e-5, into: fused)
    for cpu in try cpuBackends() {
      let name = cpu.provenance.instructionSet
      let y = copy(x)
      cpu.rmsNorm(y, weight: weight, epsilon: 1e-6, into: y)
      expectClose(y, expected, tolerance: 1e-5, "\(name) rmsNorm in place")
      let z = copy(residual)
      cpu.add(x, into: z)
      expectClose(z, sum, tolerance: 1e-6, "\(name) add")
      let (r, out) = (copy(residual), copy(x))
      cpu.addRMSNorm(x, residual: r, weight: weight, epsilon: 1e-5, into: out)
      expectClose(r, both, tolerance: 1e-6, "\(name) addRMSNorm residual")
      expectClose(out, fused, tolerance: 1e-5, "\(name) addRMSNorm")
      let inPlace = copy(x)
      cpu.addRMSNorm(
        inPlace, residual: copy(residual), weight: weight, epsilon: 1e-5, into: inPlace)
      expectClose(inPlace, fused, tolerance: 1e-5, "\(name) addRMSNorm in place")
    }
  }

  @Test(arguments: widths)
  func `SiLU times up agrees with the reference, far tails included`(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let gateUp = randomMatrix(rows: 2, columns: 2 * width, range: -120...120, using: &generator)
    for column in 0..<width { gateUp[1, column] /= 20 }
    let expected = randomMatrix(rows: 2, columns: width, using: &generator)
    ReferenceBackend().siluMultiply(gateUp, into: expected)
    for cpu in try cpuBackends() {
      let y = randomMatrix(rows: 2, columns: width, using: &generator)
      cpu.siluMultiply(gateUp, into: y)
      expectClose(y, expected, tolerance: 2e-6, cpu.provenance.instructionSet)
    }
  }

  @Test(arguments: [2, 6, 8, 16, 32, 64, 80, 128])
  func `rotation and head norms agree with the reference`(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let reference = ReferenceBackend()
    let table = RotaryTable(
      inverseFrequencies: (0..<width / 2).map { 1 / Double($0 * 3 + 1) }, maxPositions: 50)
    let x = randomMatrix(rows: 4, columns: 3 * width, using: &generator)
    let weight = randomStorage(width, using: &generator)
    let (turned, normed) = (copy(x), copy(x))
    let positions: [Int32] = [0, 49, 7, 7]
    reference.rotate(turned, heads: 3, positions: positions, table: table)
    reference.headNorm(normed, heads: 3, weight: weight, epsilon: 1e-6)
    #expect(turned.rows(0..<1).array() == x.rows(0..<1).array(), "position 0 turns nothing")
    for cpu in try cpuBackends() {
      let (a, b) = (copy(x), copy(x))
      cpu.rotate(a, heads: 3, positions: positions, table: table)
      expectClose(a, turned, tolerance: 1e-6, "\(cpu.provenance.instructionSet) rotate")
      cpu.headNorm(b, heads: 3, weight: weight, epsilon: 1e-6)
      expectClose(b, normed, tolerance: 1e-5, "\(cpu.provenance.instructionSet) headNorm")
    }
  }

  @Test func `rotation is half-split: element i turns with element i + d / 2`() {
    let x = Matrix(rows: 1, columns: 4, values: [1, 0, 0, 0])
    let table = RotaryTable(inverseFrequencies: [.pi / 2, 0], maxPositions: 2)
    ReferenceBackend().rotate(x, heads: 1, positions: [1], table: table)
    #expect((x[0, 2] - 1).magnitude < 1e-6)
    #expect(x[0, 0].magnitude < 1e-6)
    #expect(x[0, 1] == 0)
  }

  @Test(arguments: [1, 5, 16, 63, 64, 65, 200, 1000])
  func `the lowest column wins a tie`(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    for backend: any Backend in try cpuBackends() + [ReferenceBackend()] as [any Backend] {
      for _ in 0..<10 {
        let logits = randomMatrix(rows: 2, columns: width, range: -9 ... -8, using: &generator)
        let first = Int.random(in: 0..<width, using: &generator)
        let later = Int.random(in: first..<width, using: &generator)
        logits[1, first] = -2
        logits[1, later] = -2
        let found = backend.argmax(logits)[1]
        #expect(found.index == first, "\(backend.provenance.instructionSet)")
        #expect(found.value == -2)
      }
    }
  }

  @Test func `embedding gives zero rows for tokens of other shards`() throws {
    var generator = SeededGenerator(seed: 4)
    let table = randomMatrix(rows: 3, columns: 5, using: &generator)
    for backend: any Backend in [ReferenceBackend(), try CPUBackend()] {
      let y = randomMatrix(rows: 4, columns: 5, using: &generator)
      backend.embed([12, 9, 10, 13], table: table, firstToken: 10, into: y)
      #expect(y.rows(0..<1).array() == table.rows(2..<3).array())
      #expect(y.rows(1..<2).array() == [0, 0, 0, 0, 0])
      #expect(y.rows(2..<3).array() == table.rows(0..<1).array())
      #expect(y.rows(3..<4).array() == [0, 0, 0, 0, 0])
      #expect(isIntactOutside(y))
      let gathered = Matrix(rows: 2, columns: 5)
      backend.gatherRows(table, rows: [2, 0], into: gathered)
      #expect(gathered.rows(1..<2).array() == table.rows(0..<1).array())
    }
  }

  @Test func `what was uploaded comes back`() throws {
    let backend = try CPUBackend()
    let matrix = try backend.matrix(rows: 2, columns: 3).columns(1..<3)
    backend.upload([1, 2, 3, 4], to: matrix)
    #expect(backend.download(matrix) == [1, 2, 3, 4])
    #expect(matrix[1, 0] == 3)
  }
}
