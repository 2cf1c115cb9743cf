import Tensors
import Testing

@testable import Kernels

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// What surrounds each test matrix in memory: a kernel that writes outside its view destroys it.
let sentinel: Float = 12345

/// A strided view with random elements in a storage full of sentinels.
func randomMatrix(
  rows: Int, columns: Int, gap: Int = 3, range: ClosedRange<Float> = -1...1,
  using generator: inout SeededGenerator
) -> Matrix {
  let stride = columns + gap
  let storage = Storage(count: rows * stride + 7)
  for index in 0..<storage.count { storage.pointer[index] = sentinel }
  let matrix = Matrix(storage: storage, offset: 2, rows: rows, columns: columns, stride: stride)
  for row in 0..<rows {
    for column in 0..<columns { matrix[row, column] = Float.random(in: range, using: &generator) }
  }
  return matrix
}

func copy(_ matrix: Matrix) -> Matrix {
  let storage = Storage(count: matrix.storage.count)
  storage.pointer.update(from: matrix.storage.pointer, count: storage.count)
  return Matrix(
    storage: storage, offset: matrix.offset, rows: matrix.rows, columns: matrix.columns,
    stride: matrix.stride)
}

func randomStorage(_ count: Int, using generator: inout SeededGenerator) -> Storage {
  let storage = Storage(count: count)
  for index in 0..<count { storage.pointer[index] = Float.random(in: -1...1, using: &generator) }
  return storage
}

/// Checks that two views agree within `tolerance * max(1, |expected|)`, and that nothing outside
/// the first view was written.
func expectClose(
  _ actual: Matrix, _ expected: Matrix, tolerance: Float, _ comment: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  var worst: (error: Float, row: Int, column: Int) = (0, 0, 0)
  for row in 0..<expected.rows {
    for column in 0..<expected.columns {
      let (a, e) = (actual[row, column], expected[row, column])
      let error = (a - e).magnitude / max(1, e.magnitude)
      if !(error <= worst.error) { worst = (error.isNaN ? .infinity : error, row, column) }
    }
  }
  #expect(
    worst.error <= tolerance, "\(comment): largest error at [\(worst.row), \(worst.column)]",
    sourceLocation: sourceLocation)
  #expect(
    isIntactOutside(actual), "\(comment): wrote outside its view", sourceLocation: sourceLocation)
}

func isIntactOutside(_ matrix: Matrix) -> Bool {
  var inside = Set<Int>()
  for row in 0..<matrix.rows {
    let start = matrix.offset + row * matrix.stride
    inside.formUnion(start..<start + matrix.columns)
  }
  return (0..<matrix.storage.count).allSatisfy {
    inside.contains($0) || matrix.storage.pointer[$0] == sentinel
  }
}

/// Rounds every element to bfloat16, after which rounding it again, or its half, changes nothing.
func roundToBFloat16(_ matrix: Matrix) {
  for row in 0..<matrix.rows {
    for column in 0..<matrix.columns {
      matrix[row, column] = BFloat16Bits(rounding: matrix[row, column]).widened
    }
  }
}

extension CPUBackend {
  /// How far attention may err with values below 1 and queries that rounding does not change: a weight
  /// that is rounded errs by 2^-9 of itself at most.
  var attentionTolerance: Float {
    cacheFormat == .bfloat16 && bfloat16.rounds_queries == 1 ? 0x1p-9 : 5e-5
  }
}

/// A CPU backend for each instruction set of this machine.
func cpuBackends() throws -> [CPUBackend] {
  try CPUBackend.availableInstructionSets.map { try CPUBackend(instructionSet: $0) } + [
    CPUBackend(threads: 3)
  ]
}

/// A CPU backend with packed weights for each instruction set that has a kernel for them.
func packedBackends(weights: StorageFormat = .float32) throws -> [CPUBackend] {
  try CPUBackend.availableInstructionSets.filter { $0 != .portable }.map {
    try CPUBackend(
      instructionSet: $0,
      dispatch: LinearDispatch(ownVectorProduct: false, ownRows: 1, isPacked: true),
      weights: weights)
  }
}
