import GPUKernels
import Kernels
import Tensors

extension KernelChecks {
  typealias Shape = (slots: Int, real: Range<Int>, context: Int, masked: Range<Int>)

  /// Rows in regions with some spare slots, one behind the other.
  private mutating func place(_ shapes: [Shape]) -> (rows: [AttentionRow], slots: Int, cache: Int) {
    var rows: [AttentionRow] = []
    var (slot, base) = (0, 1)
    for shape in shapes {
      let capacity = shape.context + shape.slots + integer(0...3)
      rows.append(
        AttentionRow(
          firstSlot: slot, slots: shape.slots, real: shape.real, context: shape.context,
          base: base, capacity: capacity, masked: shape.masked))
      slot += shape.slots
      base += capacity
    }
    return (rows, slot, base)
  }

  private func cache(
    _ keys: Storage, _ values: Storage, slots: Int, kvHeads: Int, width: Int
  ) -> KVCacheView {
    KVCacheView(
      keys: keys, values: values, offset: 8, slots: slots, kvHeads: kvHeads, headDimension: width,
      format: keys.format)
  }

  private mutating func check(
    _ name: String, _ shapes: [Shape], kvHeads: Int, group: Int, width: Int
  ) throws {
    let (rows, slots, cacheSlots) = place(shapes)
    let elements = cacheSlots * kvHeads * width + 8
    let (keys, values) = (cached(elements), cached(elements))
    let queries = matrix(slots, kvHeads * group * width, spare: 16)
    let (out, dOut) = (
      Matrix(rows: slots, columns: queries.columns), try onDevice(matrix(slots, queries.columns))
    )
    let scale = 1 / Float(width).squareRoot()
    reference.attend(
      queries: queries, rows: rows,
      cache: cache(keys, values, slots: cacheSlots, kvHeads: kvHeads, width: width),
      queryHeads: kvHeads * group, scale: scale, into: out)
    gpu.attend(
      queries: try onDevice(queries), rows: rows,
      cache: cache(
        try inCache(keys), try inCache(values), slots: cacheSlots, kvHeads: kvHeads,
        width: width),
      queryHeads: kvHeads * group, scale: scale, into: dOut)
    compare("attend \(name), \(kvHeads) x \(group) x \(width)", dOut, out)
  }

  mutating func checkAttention() throws {
    let long = isLarge ? 700 : 130
    let shapes =
      isLarge
      ? [(64, 7), (128, 5), (80, 2), (16, 1), (128, 17)] : [(64, 3), (128, 1), (24, 2)]
    for (width, group) in shapes {
      let lengths = isLarge ? [1, 33, 64, 129, 300] : [1, 37, 70]
      let most = lengths.max() ?? 1
      try check(
        "packed", lengths.map { ($0, 0..<$0, 0, 0..<0) }, kvHeads: isLarge ? 2 : 1, group: group,
        width: width)
      try check(
        "right-padded", lengths.map { (most, 0..<$0, 0, $0..<most) }, kvHeads: 1, group: group,
        width: width)
      try check(
        "left-padded", lengths.map { (most, most - $0..<most, 0, 0..<most - $0) }, kvHeads: 1,
        group: group, width: width)
      try check(
        "decode",
        [
          (1, 0..<1, 0, 0..<0), (1, 0..<1, long, 0..<0), (1, 0..<1, long / 2, 3..<long / 3),
          (1, 0..<1, long, 0..<long - 20), (1, 0..<0, 50, 10..<51), (1, 0..<1, 40, 0..<41),
        ], kvHeads: 2, group: group, width: width)
      // Long enough to be cut into shares, one of which one row does not see at all.
      try check(
        "decode in shares",
        [(1, 0..<1, 620, 0..<0), (1, 0..<1, 700, 0..<380), (1, 0..<1, 30, 0..<0)], kvHeads: 1,
        group: group, width: width)
      try check(
        "mixed steps and chunks",
        [
          (3, 0..<3, long - 5, 0..<0), (1, 0..<1, 70, 0..<0), (40, 0..<20, 37, 57..<77),
          (20, 0..<20, 30, 0..<25), (1, 0..<1, 9, 2..<5),
        ], kvHeads: 2, group: group, width: width)
      try checkBoth(width: width)
    }
  }

  private mutating func checkBoth(width: Int) throws {
    let shapes: [Shape] = [
      (40, 0..<25, 0, 25..<40), (1, 0..<1, 0, 0..<0), (140, 12..<140, 0, 0..<12),
      (9, 0..<9, 0, 0..<0),
    ]
    let (rows, slots, _) = place(shapes)
    let heads = 2
    // Queries, keys and values side by side, as one product makes them.
    let joint = matrix(slots, 3 * heads * width)
    let dJoint = try onDevice(joint)
    func part(_ of: Matrix, _ index: Int) -> Matrix {
      of.columns(index * heads * width..<(index + 1) * heads * width)
    }
    let (out, dOut) = (
      Matrix(rows: slots, columns: heads * width),
      try gpu.matrix(rows: slots, columns: heads * width)
    )
    let scale = 1 / Float(width).squareRoot()
    reference.attendBoth(
      queries: part(joint, 0), keys: part(joint, 1), values: part(joint, 2), rows: rows,
      heads: heads, scale: scale, into: out)
    gpu.attendBoth(
      queries: part(dJoint, 0), keys: part(dJoint, 1), values: part(dJoint, 2), rows: rows,
      heads: heads, scale: scale, into: dOut)
    compare("attendBoth \(width)", dOut, out)
  }

  mutating func checkStore() throws {
    let (rows, slots, cacheSlots) = place([
      (3, 0..<3, 4, 0..<0), (1, 0..<1, 0, 0..<0), (5, 0..<2, 2, 4..<7),
    ])
    let (kvHeads, width) = (3, 24)
    let (keys, values) = (matrix(slots, kvHeads * width, spare: 8), matrix(slots, kvHeads * width))
    let elements = cacheSlots * kvHeads * width + 8
    let host = (Storage(count: elements), Storage(count: elements))
    let device = (try gpu.allocateCache(elements), try gpu.allocateCache(elements))
    reference.store(
      keys: keys, values: values, rows: rows,
      into: cache(host.0, host.1, slots: cacheSlots, kvHeads: kvHeads, width: width))
    gpu.store(
      keys: try onDevice(keys), values: try onDevice(values), rows: rows,
      into: cache(device.0, device.1, slots: cacheSlots, kvHeads: kvHeads, width: width))
    for (name, host, device) in [("keys", host.0, device.0), ("values", host.1, device.1)] {
      for index in 0..<elements { host.pointer[index] = kept(host.pointer[index], gpu.cacheFormat) }
      compare(
        "store \(name)", Matrix(storage: device, rows: 1, columns: elements),
        Matrix(storage: host, rows: 1, columns: elements), bound: 0)
    }
  }

  /// The same steps and chunks, stored and seen once in regions and once in scattered blocks.
  mutating func checkBlocks() throws {
    let contexts = isLarge ? [0, 15, 16, 700, 333, 0, 31, 90] : [0, 15, 16, 130, 0, 31, 40]
    for (width, group) in [(64, 7), (128, isLarge ? 5 : 17), (40, 2)] {
      let (kvHeads, blockSlots) = (2, 16)
      // Steps first, then prompts and chunks of prompts.
      let (rows, slots, cacheSlots) = place(
        contexts.enumerated().map { index, context in
          let slots = index < 4 ? 1 : 20 * index - 60
          return (slots, 0..<slots, context, index % 2 == 0 ? 2..<4 : 0..<0)
        })
      let elements = cacheSlots * kvHeads * width + 8
      // They pass through activations on their way to the cache.
      let format =
        gpu.activationFormat == .bfloat16 ? StorageFormat.bfloat16 : gpu.cacheFormat
      let (keys, values) = (
        matrix(1, elements, format).storage, matrix(1, elements, format).storage
      )
      let regions = cache(keys, values, slots: cacheSlots, kvHeads: kvHeads, width: width)
      let queries = matrix(slots, kvHeads * group * width)
      let scale = 1 / Float(width).squareRoot()
      let out = Matrix(rows: slots, columns: queries.columns)
      reference.attend(
        queries: queries, rows: rows, cache: regions, queryHeads: kvHeads * group, scale: scale,
        into: out)

      // Rows have different numbers of blocks, all over the pool.
      let counts = rows.map { ($0.context + $0.slots + blockSlots - 1) / blockSlots }
      var pool = (0..<counts.reduce(0, +) + 3).map { Int32($0) }
      pool.shuffle(using: &random)
      var tabled: [AttentionRow] = []
      for (row, count) in zip(rows, counts) {
        tabled.append(
          AttentionRow(
            firstSlot: row.firstSlot, slots: row.slots, real: row.real, context: row.context,
            blocks: Array(pool.suffix(count)), blockSlots: blockSlots, masked: row.masked))
        pool.removeLast(count)
      }
      let poolSlots = (counts.reduce(0, +) + 3) * blockSlots
      let paged = poolSlots * kvHeads * width + 8
      func blocks(_ keys: Storage, _ values: Storage, _ format: StorageFormat) -> KVCacheView {
        KVCacheView(
          keys: keys, values: values, offset: 8, slots: poolSlots, kvHeads: kvHeads,
          headDimension: width, blockSlots: blockSlots, format: format)
      }
      let host = blocks(Storage(count: paged), Storage(count: paged), .float32)
      // What was there before a row's own slots.
      for (row, table) in zip(rows, tabled) {
        for head in 0..<kvHeads {
          for slot in 0..<row.context {
            let to = host.element(of: table, kvHead: head, slot: slot)
            let from = regions.element(of: row, kvHead: head, slot: slot)
            (host.keys.pointer + to).update(from: keys.pointer + from, count: width)
            (host.values.pointer + to).update(from: values.pointer + from, count: width)
          }
        }
      }
      let device = blocks(
        try inCache(host.keys), try inCache(host.values), gpu.cacheFormat)
      let (newKeys, newValues) = (
        fed(rows, slots, regions, keys), fed(rows, slots, regions, values)
      )
      gpu.store(
        keys: try onDevice(newKeys), values: try onDevice(newValues), rows: tabled, into: device)
      let dOut = try gpu.matrix(rows: slots, columns: queries.columns)
      gpu.attend(
        queries: try onDevice(queries), rows: tabled, cache: device, queryHeads: kvHeads * group,
        scale: scale, into: dOut)
      compare("blocks \(kvHeads) x \(group) x \(width)", dOut, out)
    }
  }

  /// The keys or values of the rows' own slots, as a product would have made them.
  private func fed(
    _ rows: [AttentionRow], _ slots: Int, _ regions: KVCacheView, _ from: Storage
  ) -> Matrix {
    let width = regions.headDimension
    let made = Matrix(rows: slots, columns: regions.kvHeads * width)
    for row in rows {
      for slot in 0..<row.slots {
        for head in 0..<regions.kvHeads {
          let start = regions.element(of: row, kvHead: head, slot: row.context + slot)
          (made.row(row.firstSlot + slot) + head * width)
            .update(from: from.pointer + start, count: width)
        }
      }
    }
    return made
  }
}
