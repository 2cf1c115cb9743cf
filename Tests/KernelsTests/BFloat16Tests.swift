import CKernels
import Kernels
import Tensors
import Testing

@Suite struct BFloat16Tests {
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 15, 16, 17, 29, 31, 32, 33, 70])
  func `products agree with the reference for any number of rows`(rows: Int) throws {
    var generator = SeededGenerator(seed: UInt64(rows))
    let reference = ReferenceBackend(weights: .bfloat16)
    for (outputs, inputs) in [(1, 1), (5, 3), (16, 32), (37, 33), (130, 70), (48, 1100)] {
      let x = randomMatrix(rows: rows, columns: inputs, using: &generator)
      let w = randomMatrix(rows: outputs, columns: inputs, using: &generator)
      for bias in [nil, (0..<outputs).map { Float($0) - 3 }] {
        let expected = randomMatrix(rows: rows, columns: outputs, using: &generator)
        reference.linear(x, try reference.makeLinear(w, bias: bias), into: expected)
        for cpu in try backends() {
          let y = randomMatrix(rows: rows, columns: outputs, using: &generator)
          let weight = try cpu.makeLinear(w, bias: bias)
          #expect(weight.bytes == 2 * w.count + (bias == nil ? 0 : 4 * outputs))
          cpu.linear(x, weight, into: y)
          expectClose(
            y, expected, tolerance: 3e-5,
            "\(cpu.bfloat16Dispatch) [\(outputs), \(inputs)] bias \(bias != nil)")
        }
      }
    }
  }

  @Test(arguments: [1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 300])
  func `the AMX kernel on tiles in software agrees with the reference`(rows: Int) throws {
    let table = try #require(ck_bf16_named("amx-emulated")).pointee
    var generator = SeededGenerator(seed: UInt64(rows))
    let reference = ReferenceBackend(weights: .bfloat16)
    for (outputs, inputs) in [(32, 32), (5, 3), (50, 70), (16, 1100)] {
      let x = randomMatrix(rows: rows, columns: inputs, using: &generator)
      let w = randomMatrix(rows: outputs, columns: inputs, using: &generator)
      let bias = (0..<outputs).map { Float($0) - 3 }
      let expected = randomMatrix(rows: rows, columns: outputs, using: &generator)
      reference.linear(x, try reference.makeLinear(w, bias: bias), into: expected)
      let elements = ck_packed_elements(outputs, inputs)
      let panels = Storage(count: StorageFormat.bfloat16.floats(for: elements))
      ck_pack(w.pointer, w.stride, outputs, inputs, panels.bfloat16Pointer)
      var packed = ck_packed(panels: panels.bfloat16Pointer, outputs: outputs, inputs: inputs)
      let workspace = Storage(count: ck_packed_workspace(rows, inputs) / 4)
      let y = randomMatrix(rows: rows, columns: outputs, using: &generator)
      table.linear(
        rows, &packed, x.pointer, x.stride, bias, y.pointer, y.stride, workspace.pointer)
      expectClose(y, expected, tolerance: 3e-5, "[\(outputs), \(inputs)]")
      withExtendedLifetime(panels) {}
    }
  }

  @Test func `rounding is to nearest even, and NaN stays NaN`() throws {
    // 1 + 2^-8 lies between two bfloat16 values, of which 1 is even; 1 + 3 · 2^-8 goes up.
    let values: [Float] = [
      1, 1.00390625, 1.01171875, 1.00390637, -1.00390625, 0, -0.0, .infinity, -.infinity,
      .greatestFiniteMagnitude, Float(bitPattern: 0x0020_0001), .nan,
      Float(bitPattern: 0x7F80_0001), 65280, 1e-20, 7, 8,
    ]
    let expected: [Float] = [1, 1, 1.015625, 1.0078125, -1]
    for name in ["avx512", "avx2", "portable"] {
      guard let table = ck_bf16_named(name)?.pointee else { continue }
      var bits = [BFloat16Bits](repeating: 0, count: values.count)
      table.round(&bits, values, values.count)
      #expect(bits == values.map { BFloat16Bits(rounding: $0) }, "\(name)")
      var back = [Float](repeating: 0, count: values.count)
      table.widen(&back, bits, values.count)
      #expect(Array(back[..<5]) == expected, "\(name)")
      #expect(back[9] == .infinity && back[11].isNaN && back[12].isNaN, "\(name)")
    }
  }

  @Test(arguments: [1, 16, 40, 300])
  func `a weight that is read in parts is the weight as a whole`(outputs: Int) throws {
    var generator = SeededGenerator(seed: UInt64(outputs))
    // Wide enough that 300 rows are read in more than one part, those in float32 by two threads.
    let inputs = 1203
    let w = randomMatrix(rows: outputs, columns: inputs, using: &generator)
    let bias = (0..<outputs).map { Float($0) - 3 }
    let x = randomMatrix(rows: 2, columns: inputs, using: &generator)
    let backends = try [CPUBackend(), CPUBackend(weights: .bfloat16)] + packedBackends()
    for cpu in backends {
      let reads = Matrix(rows: outputs, columns: 1)
      let parts = try cpu.makeLinear(outputs: outputs, inputs: inputs, bias: bias) { rows, part in
        #expect(part.rows == rows.count && part.columns == inputs)
        for (index, row) in rows.enumerated() {
          part.row(index).update(from: w.row(row), count: inputs)
          reads[row, 0] += 1
        }
      }
      #expect((0..<outputs).allSatisfy { reads[$0, 0] == 1 })
      let (one, other) = (Matrix(rows: 2, columns: outputs), Matrix(rows: 2, columns: outputs))
      cpu.linear(x, parts, into: one)
      cpu.linear(x, try cpu.makeLinear(w, bias: bias), into: other)
      for row in 0..<2 {
        for column in 0..<outputs { #expect(one[row, column] == other[row, column]) }
      }
    }
  }

  @Test(arguments: [StorageFormat.float32, .bfloat16])
  func `the error of a weight that cannot be read is that of its first rows`(
    format: StorageFormat
  ) throws {
    struct Unreadable: Error, Equatable { let row: Int }
    // Read in several parts by two threads.
    #expect(throws: Unreadable(row: 48)) {
      _ = try CPUBackend(weights: format).makeLinear(outputs: 1000, inputs: 2048, bias: nil) {
        rows, _ in
        if rows.upperBound > 48 { throw Unreadable(row: max(48, rows.lowerBound)) }
      }
    }
  }

  @Test(arguments: [0, 1, 15, 16, 17, 37])
  func `sums of words are sums in float, rounded once`(count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    let special: [BFloat16Bits] = [0x7F7F, 0x3F81, 0x3F80, 0x7FC0]
    let other: [BFloat16Bits] = [0x7F7F, 0x3B80, 0x3B80, 0x3F80]
    func words(_ first: [BFloat16Bits]) -> [BFloat16Bits] {
      let row = randomMatrix(rows: 1, columns: max(1, count), using: &generator)
      return (0..<count).map { $0 % 5 < 4 ? first[$0 % 5] : BFloat16Bits(rounding: row[0, $0]) }
    }
    let (x, y) = (words(special), words(other))
    let expected = zip(x, y).map { BFloat16Bits(rounding: $0.widened + $1.widened) }
    let names = ["amx", "avx512-bf16", "avx512", "avx2", "portable", "amx-emulated"]
    for name in names {
      guard let table = ck_bf16_named(name)?.pointee else { continue }
      var sum = x
      table.add(&sum, y, count)
      #expect(sum == expected, "\(name)")
    }
    var sum = x
    ck_bf16_add(&sum, y, count)
    #expect(sum == expected)
  }

  @Test(arguments: [1, 3, 7], [6, 64, 80])
  func `attention over keys and values in bfloat16 agrees with the reference`(
    group: Int, width: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(group * 100 + width))
    // (slots, real, context, masked): decode, padded decode, prefill both ways, chunks.
    let shapes: [(Int, Range<Int>, Int, Range<Int>)] = [
      (1, 0..<1, 0, 0..<0), (1, 0..<1, 300, 0..<0), (1, 0..<1, 255, 3..<200),
      (24, 0..<17, 0, 17..<24), (24, 7..<24, 0, 0..<7), (2, 0..<2, 5, 1..<3),
      (70, 0..<70, 200, 0..<0),
    ]
    var rows: [AttentionRow] = []
    var (slot, base) = (0, 1)
    for (slots, real, context, masked) in shapes {
      rows.append(
        AttentionRow(
          firstSlot: slot, slots: slots, real: real, context: context, base: base,
          capacity: context + slots + 2, masked: masked))
      slot += slots
      base += context + slots + 2
    }
    let elements = StorageFormat.bfloat16.floats(for: base * 2 * width + 5)
    let cache = KVCacheView(
      keys: Storage(count: elements), values: Storage(count: elements), offset: 5, slots: base,
      kvHeads: 2, headDimension: width, format: .bfloat16)
    for index in 0..<base * 2 * width {
      for storage in [cache.keys, cache.values] {
        storage.bfloat16Pointer[5 + index] = BFloat16Bits(
          rounding: Float.random(in: -1...1, using: &generator))
      }
    }
    let queries = randomMatrix(
      rows: slot, columns: 2 * group * width, range: -30...30, using: &generator)
    roundToBFloat16(queries)
    func attend(_ backend: any Backend) -> Matrix {
      let out = copy(queries)
      backend.attend(
        queries: queries, rows: rows, cache: cache, queryHeads: 2 * group, scale: 0.125, into: out)
      return out
    }
    let expected = attend(ReferenceBackend(cache: .bfloat16))
    for cpu in try backends() {
      expectClose(
        attend(cpu), expected, tolerance: cpu.attentionTolerance, cpu.bfloat16Dispatch.kernels)
    }
    // Equal scores: every weight is 1, before and after rounding.
    for row in 0..<slot {
      for column in 0..<queries.columns { queries[row, column] = 0 }
    }
    let means = attend(ReferenceBackend(cache: .bfloat16))
    for cpu in try backends() {
      expectClose(attend(cpu), means, tolerance: 1e-6, "means \(cpu.bfloat16Dispatch.kernels)")
    }
  }

  @Test func `keys and values are rounded on their way into the cache`() throws {
    var generator = SeededGenerator(seed: 8)
    let row = AttentionRow(
      firstSlot: 0, slots: 2, real: 0..<2, context: 3, base: 1, capacity: 6, masked: 0..<0)
    let keys = randomMatrix(rows: 2, columns: 12, using: &generator)
    let values = randomMatrix(rows: 2, columns: 12, using: &generator)
    let cache = KVCacheView(
      keys: Storage(count: 60), values: Storage(count: 60), offset: 10, slots: 9, kvHeads: 3,
      headDimension: 4, format: .bfloat16)
    try CPUBackend(cache: .bfloat16).store(keys: keys, values: values, rows: [row], into: cache)
    let place = 10 + (1 * 3 + 2 * 6 + 4) * 4 + 3
    #expect(cache.keys.bfloat16Pointer[place] == BFloat16Bits(rounding: keys[1, 11]))
    #expect(cache.values.bfloat16Pointer[place] == BFloat16Bits(rounding: values[1, 11]))
    #expect((0..<120).count { cache.keys.bfloat16Pointer[$0] != 0 } == 24)
  }

  @Test func `a table shared by embedding and head gives its rows back, rounded`() throws {
    var generator = SeededGenerator(seed: 4)
    let table = randomMatrix(rows: 37, columns: 45, using: &generator)
    for backend in try backends() + [ReferenceBackend(weights: .bfloat16)] as [any Backend] {
      let weight = try backend.makeLinear(table, bias: nil)
      let y = Matrix(rows: 3, columns: 45)
      backend.embed([110, 5, 136], rowsOf: weight, firstToken: 100, into: y)
      for column in 0..<45 {
        #expect(y[0, column] == BFloat16Bits(rounding: table[10, column]).widened)
        #expect(y[1, column] == 0)
        #expect(y[2, column] == BFloat16Bits(rounding: table[36, column]).widened)
      }
    }
  }

  @Test func `provenance names the kernels, the rule and the state of AMX`() throws {
    let notes = try CPUBackend(weights: .bfloat16, cache: .bfloat16).provenance.notes
    #expect(notes.contains { $0.hasPrefix("bf16 linear:") && $0.contains("own kernel") })
    #expect(notes.contains { $0.hasPrefix("AMX: ") })
    #expect(notes.contains { $0.hasPrefix("keys and values: bfloat16, ") })
    #expect(try CPUBackend().provenance.notes.allSatisfy { !$0.contains("bf16") })
  }

  /// Each variant of this machine, by its rule, with its kernel alone, and by the library alone.
  private func backends() throws -> [CPUBackend] {
    try BFloat16Variant.available.flatMap { variant in
      try [nil, Int.max, 0].map { rows in
        try CPUBackend(
          threads: rows == nil ? 3 : 1, weights: .bfloat16, cache: .bfloat16, bfloat16: variant,
          bfloat16Dispatch: rows.map { BFloat16Dispatch(kernels: variant.rawValue, ownRows: $0) })
      }
    }
  }
}
