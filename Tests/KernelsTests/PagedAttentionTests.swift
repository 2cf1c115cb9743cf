import Kernels
import Tensors
import Testing

@Suite struct PagedAttentionTests {
  /// Rows with regions of their own, and the same keys and values in blocks that lie anywhere.
  struct Pair {
    let plain: AttentionTests.Problem
    var rows: [AttentionRow] = []
    let cache: KVCacheView
    let isUntouched: () -> Bool

    init(
      _ shapes: [(slots: Int, context: Int)], kvHeads: Int, group: Int, width: Int,
      blockSlots: Int, using generator: inout SeededGenerator
    ) {
      plain = AttentionTests.Problem(
        shapes.map { ($0.slots, 0..<$0.slots, $0.context, 0..<0) }, kvHeads: kvHeads, group: group,
        width: width, using: &generator)
      let needed = plain.rows.map { ($0.context + $0.slots + blockSlots - 1) / blockSlots }
      let blocks = needed.reduce(2, +)
      var free = (0..<Int32(blocks)).shuffled(using: &generator)[...]
      let elements = blocks * blockSlots * kvHeads * width
      let (keys, values) = (Storage(count: elements + 3), Storage(count: elements + 3))
      // What no row stores is poison: reading it shows.
      for index in 0..<elements + 3 { (keys.pointer[index], values.pointer[index]) = (.nan, .nan) }
      cache = KVCacheView(
        keys: keys, values: values, offset: 3, slots: blocks * blockSlots, kvHeads: kvHeads,
        headDimension: width, blockSlots: blockSlots)
      for (row, count) in zip(plain.rows, needed) {
        rows.append(
          AttentionRow(
            firstSlot: row.firstSlot, slots: row.slots, real: row.real, context: row.context,
            blocks: Array(free.prefix(count)), blockSlots: blockSlots))
        free = free.dropFirst(count)
      }
      let unused = Set(free)
      let (cache, stride) = (cache, blockSlots * kvHeads * width)
      isUntouched = {
        unused.allSatisfy { block in
          (0..<stride).allSatisfy { cache.keys.pointer[3 + Int(block) * stride + $0].isNaN }
        }
      }
    }

    /// Takes the contiguous rows' keys and values over, slot by slot, through `store`.
    func fill(_ backend: any Backend) {
      let width = cache.headDimension
      for (index, row) in plain.rows.enumerated() {
        let slots = row.context + row.slots
        let keys = Matrix(rows: slots, columns: cache.kvHeads * width)
        let values = Matrix(rows: slots, columns: cache.kvHeads * width)
        for slot in 0..<slots {
          for head in 0..<cache.kvHeads {
            let from = plain.cache.element(of: row, kvHead: head, slot: slot)
            for i in 0..<width {
              keys[slot, head * width + i] = plain.cache.keys.pointer[from + i]
              values[slot, head * width + i] = plain.cache.values.pointer[from + i]
            }
          }
        }
        var whole = rows[index]
        (whole.firstSlot, whole.slots, whole.real, whole.context) = (0, slots, 0..<slots, 0)
        backend.store(keys: keys, values: values, rows: [whole], into: cache)
      }
    }

    func attend(_ backend: any Backend) -> Matrix {
      let out = copy(plain.queries)
      backend.attend(
        queries: plain.queries, rows: rows, cache: cache, queryHeads: plain.queryHeads,
        scale: plain.scale, into: out)
      return out
    }
  }

  private func check(_ pair: Pair, _ comment: String) throws {
    let reference = ReferenceBackend()
    pair.fill(reference)
    #expect(pair.isUntouched(), "\(comment): wrote outside the table")
    if pair.plain.queries.rows < 12 {
      // The same sums in the same order: not a bit may differ.
      #expect(
        pair.attend(reference).array() == pair.plain.attend(reference).array(),
        "reference \(comment)")
    }
    for cpu in try cpuBackends() {
      expectClose(
        pair.attend(cpu), pair.plain.attend(cpu), tolerance: 2e-6,
        "\(cpu.provenance.instructionSet) \(comment)")
    }
  }

  @Test(arguments: [1, 7, 24], [1, 3, 16, 32])
  func `decode through block tables gives what regions give`(group: Int, block: Int) throws {
    for width in [2, 40] {
      var generator = SeededGenerator(seed: UInt64(group * 1000 + block * 7 + width))
      let shapes = [(1, 0), (1, block - 1), (1, block), (1, 270)]
      try check(
        Pair(
          shapes, kvHeads: 2, group: group, width: width, blockSlots: block, using: &generator),
        "group \(group), width \(width), blocks of \(block)")
    }
  }

  @Test(arguments: [1, 16, 48])
  func `ragged chunks after a context give what regions give`(block: Int) throws {
    for (group, width) in [(1, 16), (7, 10)] {
      var generator = SeededGenerator(seed: UInt64(group * 90 + width + block))
      let shapes = [(1, 0), (3, 270), (50, 100), (40, 0), (2, block), (17, 3 * block - 1)]
      try check(
        Pair(
          shapes, kvHeads: 2, group: group, width: width, blockSlots: block, using: &generator),
        "group \(group), width \(width), blocks of \(block)")
    }
  }

  @Test func `random batches give what regions give`() throws {
    for seed in UInt64(1)...6 {
      var generator = SeededGenerator(seed: seed)
      let shapes = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
        (Int.random(in: 1...60, using: &generator), Int.random(in: 0...120, using: &generator))
      }
      try check(
        Pair(
          shapes, kvHeads: Int.random(in: 1...3, using: &generator),
          group: Int.random(in: 1...8, using: &generator),
          width: 2 * Int.random(in: 1...24, using: &generator),
          blockSlots: Int.random(in: 1...40, using: &generator), using: &generator),
        "seed \(seed)")
    }
  }

  @Test func `a sequence may share its first blocks with another one`() throws {
    for backend: any Backend in try cpuBackends() + [ReferenceBackend()] as [any Backend] {
      var generator = SeededGenerator(seed: 3)
      var pair = Pair(
        [(1, 39), (1, 39)], kvHeads: 1, group: 2, width: 16, blockSlots: 8, using: &generator)
      pair.fill(backend)
      let own = pair.attend(backend)
      // The second row reads the first one's five blocks, with a query of its own.
      pair.rows[1].blocks = pair.rows[0].blocks
      let shared = pair.attend(backend)
      #expect(shared.rows(0..<1).array() == own.rows(0..<1).array())
      #expect(shared.rows(1..<2).array() != own.rows(1..<2).array())
    }
  }

  @Test func `a table that does not fit the cache traps`() async {
    await #expect(processExitsWith: .failure) {
      let cache = KVCacheView(
        keys: Storage(count: 64), values: Storage(count: 64), offset: 0, slots: 16, kvHeads: 1,
        headDimension: 4, blockSlots: 4)
      AttentionRow(firstSlot: 0, slots: 1, real: 0..<1, context: 4, blocks: [0, 4], blockSlots: 4)
        .check(querySlots: 1, cache: cache)
    }
  }
}
