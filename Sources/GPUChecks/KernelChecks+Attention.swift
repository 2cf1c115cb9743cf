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
      keys: keys, values: values, offset: 8, slots: slots, kvHeads: kvHeads, headDimension: width)
  }

  private mutating func check(
    _ name: String, _ shapes: [Shape], kvHeads: Int, group: Int, width: Int
  ) throws {
    let (rows, slots, cacheSlots) = place(shapes)
    let elements = cacheSlots * kvHeads * width + 8
    let (keys, values) = (vector(elements), vector(elements))
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
        try onDevice(keys), try onDevice(values), slots: cacheSlots, kvHeads: kvHeads,
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
    let device = (try gpu.allocate(elements), try gpu.allocate(elements))
    reference.store(
      keys: keys, values: values, rows: rows,
      into: cache(host.0, host.1, slots: cacheSlots, kvHeads: kvHeads, width: width))
    gpu.store(
      keys: try onDevice(keys), values: try onDevice(values), rows: rows,
      into: cache(device.0, device.1, slots: cacheSlots, kvHeads: kvHeads, width: width))
    for (name, host, device) in [("keys", host.0, device.0), ("values", host.1, device.1)] {
      compare(
        "store \(name)", Matrix(storage: device, rows: 1, columns: elements),
        Matrix(storage: host, rows: 1, columns: elements), bound: 0)
    }
  }

  /// The same decode steps, once from regions and once from scattered pages.
  mutating func checkPages() throws {
    let contexts = isLarge ? [0, 15, 16, 700, 333] : [0, 15, 16, 130]
    for (width, group) in [(64, 7), (128, isLarge ? 5 : 17), (40, 2)] {
      let (kvHeads, pageSlots) = (2, 16)
      let (rows, slots, cacheSlots) = place(contexts.map { (1, 0..<1, $0, 2..<4) })
      let elements = cacheSlots * kvHeads * width + 8
      let (keys, values) = (vector(elements), vector(elements))
      let regions = cache(keys, values, slots: cacheSlots, kvHeads: kvHeads, width: width)
      let queries = matrix(slots, kvHeads * group * width)
      let scale = 1 / Float(width).squareRoot()
      let out = Matrix(rows: slots, columns: queries.columns)
      reference.attend(
        queries: queries, rows: rows, cache: regions, queryHeads: kvHeads * group, scale: scale,
        into: out)

      let perRow = ((contexts.max() ?? 0) + pageSlots) / pageSlots
      var pages = (0..<perRow * rows.count).map { Int32($0) }
      pages.shuffle(using: &random)
      let paged = pages.count * pageSlots * kvHeads * width + 8
      let (pagedKeys, pagedValues) = (Storage(count: paged), Storage(count: paged))
      for (index, row) in rows.enumerated() {
        for slot in 0...row.context {
          for head in 0..<kvHeads {
            let page = Int(pages[index * perRow + slot / pageSlots])
            let to = 8 + ((page * kvHeads + head) * pageSlots + slot % pageSlots) * width
            let from = regions.start(of: row, kvHead: head) + slot * width
            for element in 0..<width {
              pagedKeys.pointer[to + element] = keys.pointer[from + element]
              pagedValues.pointer[to + element] = values.pointer[from + element]
            }
          }
        }
      }
      let dOut = try gpu.matrix(rows: slots, columns: queries.columns)
      gpu.attendPaged(
        queries: try onDevice(queries), rows: rows,
        cache: cache(
          try onDevice(pagedKeys), try onDevice(pagedValues), slots: pages.count * pageSlots,
          kvHeads: kvHeads, width: width),
        pages: pages, pageSlots: pageSlots, queryHeads: kvHeads * group, scale: scale, into: dOut)
      compare("attendPaged \(kvHeads) x \(group) x \(width)", dOut, out)
    }
  }
}
