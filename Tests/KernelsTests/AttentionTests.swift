import Kernels
import Tensors
import Testing

@Suite struct AttentionTests {
  /// A batch with its cache, filled with random keys and values.
  struct Problem {
    var rows: [AttentionRow] = []
    let cache: KVCacheView
    let queries: Matrix
    let queryHeads: Int
    let scale: Float

    /// Places each (slots, real, context, masked) in a region with `spare` slots left.
    init(
      _ shapes: [(slots: Int, real: Range<Int>, context: Int, masked: Range<Int>)], kvHeads: Int,
      group: Int, width: Int, using generator: inout SeededGenerator
    ) {
      var (slot, base) = (0, 1)
      for shape in shapes {
        let capacity = shape.context + shape.slots + Int.random(in: 0...3, using: &generator)
        rows.append(
          AttentionRow(
            firstSlot: slot, slots: shape.slots, real: shape.real, context: shape.context,
            base: base, capacity: capacity, masked: shape.masked))
        slot += shape.slots
        base += capacity
      }
      let elements = base * kvHeads * width
      cache = KVCacheView(
        keys: randomStorage(elements + 5, using: &generator),
        values: randomStorage(elements + 5, using: &generator), offset: 5, slots: base,
        kvHeads: kvHeads, headDimension: width)
      queryHeads = kvHeads * group
      // Large scores: a softmax that forgets its maximum overflows.
      queries = randomMatrix(
        rows: slot, columns: queryHeads * width, range: -30...30, using: &generator)
      scale = 1 / Float(width).squareRoot()
    }

    func attend(_ backend: any Backend) -> Matrix {
      let out = copy(queries)
      backend.attend(
        queries: queries, rows: rows, cache: cache, queryHeads: queryHeads, scale: scale, into: out)
      return out
    }
  }

  private func check(_ problem: Problem, _ comment: String) throws {
    let expected = problem.attend(ReferenceBackend())
    let allFinite = expected.array().allSatisfy { $0.isFinite }
    #expect(allFinite)
    for cpu in try cpuBackends() {
      expectClose(
        problem.attend(cpu), expected, tolerance: 5e-5,
        "\(cpu.provenance.instructionSet) \(comment)")
    }
  }

  @Test(arguments: [1, 2, 7], [8, 16, 64, 128])
  func `ragged prefill agrees with the reference, left and right padded`(
    group: Int, width: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(group * 1000 + width))
    let lengths = [1, 2, 9, 17, 24]
    for padLeft in [false, true] {
      let shapes = lengths.map { length in
        let padding = padLeft ? 0..<24 - length : length..<24
        let real = padLeft ? 24 - length..<24 : 0..<length
        return (slots: 24, real: real, context: 0, masked: padding)
      }
      try check(
        Problem(shapes, kvHeads: 2, group: group, width: width, using: &generator),
        "padded left \(padLeft)")
    }
    let packed = lengths.map { (slots: $0, real: 0..<$0, context: 0, masked: 0..<0) }
    try check(
      Problem(packed, kvHeads: 2, group: group, width: width, using: &generator), "packed")
  }

  // The widest cache is larger than what stays in a second-level cache: it is prefetched.
  @Test(arguments: [1, 4, 7], [8, 96, 128])
  func `decode rows agree with the reference, over several blocks of keys`(
    group: Int, width: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(group * 7000 + width))
    let shapes: [(slots: Int, real: Range<Int>, context: Int, masked: Range<Int>)] = [
      (1, 0..<1, 0, 0..<0), (1, 0..<1, 700, 0..<0), (1, 0..<1, 255, 3..<200),
      // Left padding longer than a block of keys, and a row that is padding as a whole.
      (1, 0..<1, 600, 0..<520), (1, 0..<0, 300, 100..<301),
    ]
    try check(
      Problem(shapes, kvHeads: 2, group: group, width: width, using: &generator), "decode")
  }

  @Test(arguments: [(1, 16), (2, 10), (7, 64), (3, 80), (1, 128), (16, 6)])
  func `chunked prefill agrees with the reference`(group: Int, width: Int) throws {
    var generator = SeededGenerator(seed: UInt64(group * 90 + width))
    let shapes: [(slots: Int, real: Range<Int>, context: Int, masked: Range<Int>)] = [
      (3, 0..<3, 290, 0..<0), (2, 0..<2, 5, 1..<3), (70, 0..<70, 200, 0..<0),
      (33, 0..<20, 240, 260..<273), (40, 4..<40, 0, 0..<4), (20, 0..<20, 280, 0..<270),
    ]
    try check(
      Problem(shapes, kvHeads: 1, group: group, width: width, using: &generator), "chunked")
  }

  @Test func `random batches agree with the reference`() throws {
    for seed in UInt64(1)...12 {
      var generator = SeededGenerator(seed: seed)
      let shapes = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
        let slots = Int.random(in: 1...40, using: &generator)
        let context = Int.random(in: 0...60, using: &generator)
        let left = Int.random(in: 0...slots - 1, using: &generator)
        let right = Int.random(in: left...slots - 1, using: &generator)
        // Slots before the real ones are masked when nothing precedes them, else those after.
        return context == 0
          ? (slots: slots, real: left..<slots, context: 0, masked: 0..<left)
          : (slots, 0..<right + 1, context, context + right + 1..<context + slots)
      }
      let problem = Problem(
        shapes, kvHeads: Int.random(in: 1...3, using: &generator),
        group: Int.random(in: 1...8, using: &generator),
        width: 2 * Int.random(in: 1...40, using: &generator), using: &generator)
      try check(problem, "seed \(seed)")
    }
  }

  @Test func `masked keys have no influence on real queries`() throws {
    var generator = SeededGenerator(seed: 5)
    let shapes = [(slots: 30, real: 10..<30, context: 0, masked: 0..<10)]
    let problem = Problem(shapes, kvHeads: 1, group: 2, width: 16, using: &generator)
    for backend: any Backend in try cpuBackends() + [ReferenceBackend()] as [any Backend] {
      let before = problem.attend(backend)
      let start = problem.cache.start(of: problem.rows[0], kvHead: 0)
      let saved = (0..<160).map { problem.cache.values.pointer[start + $0] }
      for index in 0..<160 { problem.cache.values.pointer[start + index] = 1e6 }
      let after = problem.attend(backend)
      #expect(before.rows(10..<30).array() == after.rows(10..<30).array())
      #expect(before.rows(0..<10).array() != after.rows(0..<10).array(), "pad queries see them")
      for index in 0..<160 { problem.cache.values.pointer[start + index] = saved[index] }
    }
  }

  @Test func `marking trailing slots as padding leaves the bits of the real ones alone`() throws {
    for cpu in try cpuBackends() {
      var generator = SeededGenerator(seed: 6)
      let padded = Problem(
        [(slots: 60, real: 0..<60, context: 0, masked: 60..<60)], kvHeads: 1, group: 7, width: 64,
        using: &generator)
      let alone = padded.attend(cpu)
      var row = padded.rows[0]
      (row.slots, row.real, row.masked) = (60, 0..<41, 41..<60)
      let out = copy(padded.queries)
      cpu.attend(
        queries: padded.queries, rows: [row], cache: padded.cache, queryHeads: 7,
        scale: padded.scale, into: out)
      #expect(out.rows(0..<41).array() == alone.rows(0..<41).array())
    }
  }

  @Test func `keys and values arrive in their region`() throws {
    var generator = SeededGenerator(seed: 8)
    let rows = [
      AttentionRow(
        firstSlot: 0, slots: 2, real: 0..<2, context: 3, base: 1, capacity: 6, masked: 0..<0),
      AttentionRow(
        firstSlot: 2, slots: 1, real: 0..<1, context: 0, base: 7, capacity: 2, masked: 0..<0),
    ]
    let keys = randomMatrix(rows: 3, columns: 12, using: &generator)
    let values = randomMatrix(rows: 3, columns: 12, using: &generator)
    for backend: any Backend in [ReferenceBackend(), try CPUBackend()] {
      let cache = KVCacheView(
        keys: Storage(count: 120), values: Storage(count: 120), offset: 10, slots: 9, kvHeads: 3,
        headDimension: 4)
      backend.store(keys: keys, values: values, rows: rows, into: cache)
      // offset + (base * kvHeads + head * capacity + slot) * headDimension + element
      #expect(cache.keys.pointer[10 + (1 * 3 + 2 * 6 + 4) * 4 + 3] == keys[1, 11])
      #expect(cache.values.pointer[10 + (1 * 3 + 0 * 6 + 3) * 4 + 1] == values[0, 1])
      #expect(cache.values.pointer[10 + (7 * 3 + 1 * 2 + 0) * 4 + 2] == values[2, 6])
      let written = (0..<120).filter { cache.keys.pointer[$0] != 0 }.count
      #expect(written == 36)
    }
  }
}
