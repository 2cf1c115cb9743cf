import Glibc
import Kernels
import Tensors
import Testing

@Suite struct SoftmaxPartsTests {
  @Test("largest, sum and target agree with the reference", arguments: [1, 3, 16, 67, 4096, 9001])
  func agreesWithReference(width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(width))
    let logits = randomMatrix(rows: 4, columns: width, range: -30...30, using: &generator)
    // The largest in the last tile, in the first, everything far below 0, all alike.
    logits[0, width - 1] = 40
    logits[1, 0] = 40
    for column in 0..<width {
      logits[2, column] -= 1000
      logits[3, column] = 7
    }
    let targets = [width - 1, 0, -1, width]
    let expected = ReferenceBackend().softmaxParts(logits, targets: targets)
    #expect(expected.targets == [40, Double(logits[1, 0]), 0, 0])
    #expect(expected.sums[3] == Double(width))
    for cpu in try cpuBackends() {
      let found = cpu.softmaxParts(logits, targets: targets)
      let name = cpu.provenance.instructionSet
      #expect(found.largest == expected.largest, "\(name)")
      #expect(found.targets == expected.targets, "\(name)")
      for row in 0..<4 {
        let error = abs(found.sums[row] / expected.sums[row] - 1)
        #expect(error < 1e-6, "\(name), row \(row): \(error)")
      }
    }
  }

  @Test("blocks of columns combine to the whole row's log-sum-exp") func blocksCombine() throws {
    var generator = SeededGenerator(seed: 9)
    let logits = randomMatrix(rows: 1, columns: 500, range: -20...20, using: &generator)
    for backend: any Backend in try cpuBackends() + [ReferenceBackend()] as [any Backend] {
      let whole = backend.softmaxParts(logits, targets: [321])
      let blocks = [0..<200, 200..<200, 200..<500].map {
        backend.softmaxParts(logits.columns($0), targets: [321 - $0.lowerBound])
      }
      // A block without columns adds nothing.
      #expect(blocks[1] == SoftmaxParts(rows: 1))
      let top = blocks.map { $0.largest[0] }.max()
      #expect(top == whole.largest[0])
      let sum = blocks.reduce(0) {
        $0 + $1.sums[0] * exp(Double($1.largest[0]) - Double(whole.largest[0]))
      }
      #expect(abs(sum / whole.sums[0] - 1) < 1e-6)
      #expect(blocks.reduce(0) { $0 + $1.targets[0] } == Double(logits[0, 321]))
    }
  }

  @Test("a logit that is not a number is not lost") func keepsNaN() throws {
    let logits = Matrix(rows: 1, columns: 40, values: [Float](repeating: 1, count: 40))
    logits[0, 21] = .nan
    for backend: any Backend in try cpuBackends() + [ReferenceBackend()] as [any Backend] {
      #expect(backend.softmaxParts(logits, targets: [0]).sums[0].isNaN)
    }
  }
}
