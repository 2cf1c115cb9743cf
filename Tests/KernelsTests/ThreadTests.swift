import Glibc
import Synchronization
import Tensors
import TestSupport
import Testing

@testable import Kernels

@Suite struct ThreadTests {
  @Test(arguments: [1, 2, 3, 7])
  func `each part of a piece of work is done once, before the next piece`(threads: Int) throws {
    let team = try ThreadTeam(threads: threads)
    var generator = SeededGenerator(seed: UInt64(threads))
    for piece in 0..<2000 {
      // Threads sleep now and then.
      if piece % 500 == 0 { usleep(3000) }
      let parts = Int.random(in: 0...9, using: &generator)
      let counts = (0..<9).map { _ in Counter() }
      team.run(parts) { part, thread in
        counts[part].value.add(1, ordering: .relaxed)
        if thread < 0 || thread >= threads { counts[part].value.add(99, ordering: .relaxed) }
      }
      let done = counts.map { $0.value.load(ordering: .relaxed) }
      guard done == (0..<9).map({ $0 < parts ? 1 : 0 }) else {
        Issue.record("piece \(piece) of \(parts) parts: \(done)")
        return
      }
    }
  }

  private final class Counter: Sendable {
    let value = Atomic(0)
  }

  @Test func `other threads than the caller's take parts`() throws {
    let team = try ThreadTeam(threads: 2)
    let seen = [Counter(), Counter()]
    // By now the other one sleeps.
    usleep(50_000)
    // A part ends when both threads have one: it would not end on one thread.
    team.run(2) { _, thread in
      seen[thread].value.store(1, ordering: .relaxed)
      for _ in 0..<10_000 where seen[1 - thread].value.load(ordering: .relaxed) == 0 {
        usleep(1000)
      }
    }
    #expect(seen.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
  }

  @Test func `a cut of a product covers each element once, in whole panels`() {
    for threads in [1, 2, 3, 4, 12, 16] {
      for rows in [1, 2, 31, 32, 100, 5000] {
        for outputs in [1, 16, 17, 100, 4864] {
          let parts = ProductParts(rows: rows, outputs: outputs, threads: threads)
          #expect(parts.count == threads)
          var area = 0
          for part in 0..<parts.count {
            let (own, panels) = parts[part]
            #expect(own.count <= parts.mostRows && panels.lowerBound % 16 == 0 || panels.isEmpty)
            area += own.count * panels.count
            for other in 0..<part {
              #expect(!own.overlaps(parts[other].rows) || !panels.overlaps(parts[other].outputs))
            }
          }
          #expect(area == rows * outputs)
        }
      }
    }
    // Few rows are not cut; with many rows and few outputs rows are.
    #expect(ProductParts(rows: 8, outputs: 896, threads: 16).rowParts == 1)
    #expect(ProductParts(rows: 4096, outputs: 896, threads: 16).rowParts == 8)
  }

  @Test(arguments: [StorageFormat.float32, .bfloat16])
  func `products on three threads are those on one`(weights: StorageFormat) throws {
    var generator = SeededGenerator(seed: 5)
    for rows in [1, 3, 16, 33, 200] {
      let x = randomMatrix(rows: rows, columns: 130, using: &generator)
      let w = randomMatrix(rows: 83, columns: 130, using: &generator)
      let bias = (0..<83).map { Float($0) }
      for own in [0, Int.max] {
        let results = try [1, 3].map { threads in
          let cpu = try CPUBackend(
            threads: threads, dispatch: LinearDispatch(ownVectorProduct: own > 0, ownRows: own),
            weights: weights,
            bfloat16Dispatch: BFloat16Dispatch(kernels: "of the test", ownRows: own))
          var y = SeededGenerator(seed: 6)
          let out = randomMatrix(rows: rows, columns: 83, using: &y)
          cpu.linear(x, try cpu.makeLinear(w, bias: bias), into: out)
          return out
        }
        // A library may take another order for another number of rows.
        expectClose(
          results[1], results[0], tolerance: own > 0 ? 0 : 1e-5, "\(rows) rows, own: \(own > 0)")
      }
    }
  }

  @Test(arguments: [StorageFormat.float32, .bfloat16])
  func `attention of long rows, cut for three threads, is that on one`(
    format: StorageFormat
  ) throws {
    var generator = SeededGenerator(seed: 7)
    let shapes: [(slots: Int, real: Range<Int>, context: Int, masked: Range<Int>)] = [
      (700, 0..<650, 0, 650..<700), (700, 90..<700, 0, 0..<90), (1, 0..<1, 50, 0..<0),
      (300, 10..<20, 40, 3..<45), (300, 280..<300, 0, 0..<280),
    ]
    let problem = AttentionTests.Problem(
      shapes, kvHeads: 2, group: 3, width: 32, using: &generator)
    let cache = problem.cache
    let halves = KVCacheView(
      keys: cache.keys, values: cache.values, offset: 0, slots: cache.slots, kvHeads: 2,
      headDimension: 32, format: .bfloat16)
    let outs = try [1, 3].map { threads in
      let cpu = try CPUBackend(threads: threads)
      if format == .float32 { return problem.attend(cpu) }
      for storage in [cache.keys, cache.values] {
        for index in 0..<cache.slots * 2 * 32 {
          storage.bfloat16Pointer[index] = BFloat16Bits(rounding: Float(index % 17) - 8)
        }
      }
      let out = copy(problem.queries)
      cpu.attend(
        queries: problem.queries, rows: problem.rows, cache: halves, queryHeads: 6,
        scale: problem.scale, into: out)
      return out
    }
    expectClose(outs[1], outs[0], tolerance: 0, "attention")
  }

  @Test(arguments: [1, 3, 7, 100], [StorageFormat.float32, .bfloat16])
  func `long contexts come in shares, whose sums are the same on any number of threads`(
    group: Int, format: StorageFormat
  ) throws {
    var generator = SeededGenerator(seed: UInt64(group))
    // All keys of the first share masked, of the second, and of all; short ones beside them.
    let contexts = [
      (2500, 0..<1000), (1024, 520..<1025), (1023, 0..<0), (3000, 0..<3001), (40, 0..<7),
    ]
    var (rows, base) = ([AttentionRow](), 0)
    for (slot, (context, masked)) in contexts.enumerated() {
      rows.append(
        AttentionRow(
          firstSlot: slot, slots: 1, real: 0..<1, context: context, base: base,
          capacity: context + 2, masked: masked))
      base += context + 2
    }
    // More than 96 rows are more than one tile.
    let (width, heads) = (group == 100 ? 4 : 24, 2)
    let elements = base * heads * width
    let keys = randomMatrix(rows: base, columns: heads * width, using: &generator)
    let cache = KVCacheView(
      keys: Storage(count: elements), values: Storage(count: elements), offset: 0, slots: base,
      kvHeads: heads, headDimension: width, format: format)
    for index in 0..<elements {
      let (key, value) = (
        keys[index / (heads * width), index % (heads * width)],
        Float.random(in: -1...1, using: &generator)
      )
      if format == .bfloat16 {
        cache.keys.bfloat16Pointer[index] = BFloat16Bits(rounding: key)
        cache.values.bfloat16Pointer[index] = BFloat16Bits(rounding: value)
      } else {
        cache.keys.pointer[index] = key
        cache.values.pointer[index] = value
      }
    }
    let queries = randomMatrix(
      rows: rows.count, columns: heads * group * width, range: -9...9, using: &generator)
    roundToBFloat16(queries)
    func attend(_ backend: any Backend) -> Matrix {
      let out = copy(queries)
      backend.attend(
        queries: queries, rows: rows, cache: cache, queryHeads: heads * group,
        scale: 0.25, into: out)
      return out
    }
    let cpu = try CPUBackend(cache: format)
    let one = attend(cpu)
    expectClose(attend(try CPUBackend(threads: 3, cache: format)), one, tolerance: 0, "three")
    expectClose(
      one, attend(ReferenceBackend(cache: format)), tolerance: cpu.attentionTolerance,
      "\(group) \(format)")
  }

  @Test func `operations of many rows on three threads are those on one`() throws {
    var generator = SeededGenerator(seed: 8)
    let (rows, columns) = (300, 256)
    let x = randomMatrix(rows: rows, columns: columns, using: &generator)
    let weight = randomStorage(columns, using: &generator)
    let table = RotaryTable(
      inverseFrequencies: (0..<32).map { 1 / Double($0 + 1) }, maxPositions: rows)
    let outs = try [1, 3].map { threads in
      let cpu = try CPUBackend(threads: threads)
      func out(_ body: (Matrix) -> Void) -> Matrix {
        let y = copy(x)
        body(y)
        return y
      }
      return [
        out { cpu.rmsNorm(x, weight: weight, epsilon: 1e-5, into: $0) },
        out { cpu.addRMSNorm(x, residual: copy(x), weight: weight, epsilon: 1e-5, into: $0) },
        out { cpu.add(x, into: $0) },
        out { cpu.headNorm($0, heads: 4, weight: weight, epsilon: 1e-5) },
        out { cpu.rotate($0, heads: 4, positions: (0..<Int32(rows)).map { $0 }, table: table) },
        out { y in
          cpu.siluMultiply(
            x,
            into: Matrix(
              storage: y.storage, offset: y.offset, rows: rows, columns: columns / 2,
              stride: y.stride))
        },
        out {
          cpu.layerNorm(
            x, adding: nil, weight: weight, bias: weight, epsilon: 1e-5, into: $0)
        },
        out { cpu.gelu($0) },
        out { y in
          for (row, found) in cpu.argmax(x).enumerated() {
            y[row, 0] = Float(found.index)
            y[row, 1] = found.value
          }
        },
      ]
    }
    for (index, (three, one)) in zip(outs[1], outs[0]).enumerated() {
      expectClose(three, one, tolerance: 0, "operation \(index)")
    }
  }

  @Test func `encoders' attention on three threads is that on one`() throws {
    var generator = SeededGenerator(seed: 9)
    let rows = [(0, 70, 0..<60, 60..<70), (70, 33, 3..<33, 0..<3)].map {
      AttentionRow(
        firstSlot: $0, slots: $1, real: $2, context: 0, base: 0, capacity: $1, masked: $3)
    }
    let all = (0..<3).map { _ in randomMatrix(rows: 103, columns: 48, using: &generator) }
    let outs = try [1, 3].map { threads in
      let out = copy(all[0])
      try CPUBackend(threads: threads).attendBoth(
        queries: all[0], keys: all[1], values: all[2], rows: rows, heads: 3, scale: 0.25, into: out)
      return out
    }
    expectClose(outs[1], outs[0], tolerance: 0, "attention")
  }
}
