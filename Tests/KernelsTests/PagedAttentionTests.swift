import Kernels
import Tensors
import Testing

@Suite struct PagedAttentionTests {
  /// Rows with regions of their own, and the same keys and values in blocks that lie anywhere, in
  /// either format.
  struct Pair {
    let plain: AttentionTests.Problem
    /// The regions of `plain` in the format.
    let plainCache: KVCacheView
    /// Rounding changes neither queries nor their product with it where the format is bfloat16.
    let scale: Float
    var rows: [AttentionRow] = []
    let cache: KVCacheView
    let isUntouched: () -> Bool

    init(
      _ shapes: [(slots: Int, context: Int)], kvHeads: Int, group: Int, width: Int,
      blockSlots: Int, format: StorageFormat = .float32, using generator: inout SeededGenerator
    ) {
      plain = AttentionTests.Problem(
        shapes.map { ($0.slots, 0..<$0.slots, $0.context, 0..<0) }, kvHeads: kvHeads, group: group,
        width: width, using: &generator)
      plainCache = Self.converted(plain.cache, to: format)
      if format == .bfloat16 {
        roundToBFloat16(plain.queries)
        scale = 0.25
      } else {
        scale = plain.scale
      }
      let needed = plain.rows.map { ($0.context + $0.slots + blockSlots - 1) / blockSlots }
      let blocks = needed.reduce(2, +)
      var free = (0..<Int32(blocks)).shuffled(using: &generator)[...]
      let elements = blocks * blockSlots * kvHeads * width
      let floats = format.floats(for: elements + 3)
      let (keys, values) = (Storage(count: floats), Storage(count: floats))
      // What no row stores is poison: reading it shows. The upper half of these bits is a NaN, too.
      let poison = Float(bitPattern: 0x7FC0_7FC0)
      for index in 0..<floats { (keys.pointer[index], values.pointer[index]) = (poison, poison) }
      cache = KVCacheView(
        keys: keys, values: values, offset: 3, slots: blocks * blockSlots, kvHeads: kvHeads,
        headDimension: width, blockSlots: blockSlots, format: format)
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
          (0..<stride).allSatisfy { Self.key(cache, 3 + Int(block) * stride + $0).isNaN }
        }
      }
    }

    private static func key(_ cache: KVCacheView, _ element: Int) -> Float {
      cache.format == .float32
        ? cache.keys.pointer[element] : cache.keys.bfloat16Pointer[element].widened
    }

    private static func converted(_ cache: KVCacheView, to format: StorageFormat) -> KVCacheView {
      guard format == .bfloat16 else { return cache }
      func half(_ storage: Storage) -> Storage {
        let out = Storage(count: format.floats(for: storage.count))
        for index in 0..<storage.count {
          out.bfloat16Pointer[index] = BFloat16Bits(rounding: storage.pointer[index])
        }
        return out
      }
      return KVCacheView(
        keys: half(cache.keys), values: half(cache.values), offset: cache.offset,
        slots: cache.slots, kvHeads: cache.kvHeads, headDimension: cache.headDimension,
        format: format)
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

    func attend(_ backend: any Backend) -> Matrix { attend(backend, rows, cache) }

    func attendPlain(_ backend: any Backend) -> Matrix { attend(backend, plain.rows, plainCache) }

    private func attend(
      _ backend: any Backend, _ rows: [AttentionRow], _ cache: KVCacheView
    ) -> Matrix {
      let out = copy(plain.queries)
      backend.attend(
        queries: plain.queries, rows: rows, cache: cache, queryHeads: plain.queryHeads,
        scale: scale, into: out)
      return out
    }
  }

  private func check(_ pair: Pair, _ comment: String) throws {
    let format = pair.cache.format
    let reference = ReferenceBackend(cache: format)
    pair.fill(reference)
    #expect(pair.isUntouched(), "\(comment): wrote outside the table")
    if pair.plain.queries.rows < 12 {
      // The same sums in the same order: not a bit may differ.
      #expect(
        pair.attend(reference).array() == pair.attendPlain(reference).array(),
        "reference \(comment)")
    }
    let backends =
      format == .float32
      ? try cpuBackends()
      : try BFloat16Variant.available.map { try CPUBackend(cache: format, bfloat16: $0) }
    for cpu in backends {
      #expect(cpu.readsBlockTables)
      expectClose(
        pair.attend(cpu), pair.attendPlain(cpu), tolerance: 2e-6,
        "\(cpu.provenance.instructionSet) \(cpu.bfloat16Dispatch.kernels) \(comment)")
      expectClose(
        pair.attend(cpu), pair.attend(reference), tolerance: cpu.attentionTolerance,
        "\(cpu.provenance.instructionSet) \(cpu.bfloat16Dispatch.kernels) reference \(comment)")
    }
  }

  @Test(arguments: [1, 7, 13, 24], [1, 3, 16, 32])
  func `decode through block tables gives what regions give`(group: Int, block: Int) throws {
    for (width, format) in [(block == 3 ? 2 : 40, StorageFormat.float32), (26, .bfloat16)] {
      var generator = SeededGenerator(seed: UInt64(group * 1000 + block * 7 + width))
      let shapes = [(1, 0), (1, block - 1), (1, block), (1, 270)]
      try check(
        Pair(
          shapes, kvHeads: 2, group: group, width: width, blockSlots: block, format: format,
          using: &generator),
        "\(format) group \(group), width \(width), blocks of \(block)")
    }
  }

  @Test(arguments: [3, 16])
  func `shares of a long context start with a block`(block: Int) throws {
    for (width, format) in [(8, StorageFormat.float32), (6, .bfloat16)] {
      var generator = SeededGenerator(seed: UInt64(block))
      try check(
        Pair(
          [(1, 2300), (1, 5)], kvHeads: 2, group: 2, width: width, blockSlots: block,
          format: format, using: &generator), "\(format) blocks of \(block)")
    }
  }

  @Test(arguments: [1, 16, 48])
  func `ragged chunks after a context give what regions give`(block: Int) throws {
    for (group, width, format) in [
      (1, 16, StorageFormat.float32), (7, 10, .float32), (1, 10, .bfloat16), (7, 18, .bfloat16),
    ] {
      var generator = SeededGenerator(seed: UInt64(group * 90 + width + block))
      let shapes = [(1, 0), (3, 270), (50, 100), (40, 0), (2, block), (17, 3 * block - 1)]
      try check(
        Pair(
          shapes, kvHeads: 2, group: group, width: width, blockSlots: block, format: format,
          using: &generator),
        "\(format) group \(group), width \(width), blocks of \(block)")
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
          blockSlots: Int.random(in: 1...40, using: &generator),
          format: seed.isMultiple(of: 2) ? .bfloat16 : .float32, using: &generator),
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
