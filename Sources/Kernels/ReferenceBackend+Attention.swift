import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ReferenceBackend {
  public func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    checkAttend(queries: queries, cache: cache, queryHeads: queryHeads, into: out)
    let width = cache.headDimension
    let group = queryHeads / cache.kvHeads
    for row in rows {
      row.check(querySlots: queries.rows, cache: cache)
      for slot in 0..<row.slots {
        for head in 0..<queryHeads {
          let start = cache.start(of: row, kvHead: head / group)
          let end = start + (row.context + slot + 1) * width
          attendOne(
            query: queries.row(row.firstSlot + slot) + head * width,
            keys: cache.floats(start..<end, ofKeys: true),
            values: cache.floats(start..<end, ofKeys: false),
            visible: row.context + slot + 1,
            masked: row.real.contains(slot) ? row.masked : 0..<0, width: width, scale: scale,
            into: out.row(row.firstSlot + slot) + head * width)
        }
      }
    }
  }

  /// One query of one head over region slots `0..<visible`. A query that sees nothing but masked
  /// slots gives zero.
  private func attendOne(
    query: UnsafePointer<Float>, keys: [Float], values: [Float],
    visible: Int, masked: Range<Int>, width: Int, scale: Float,
    into out: UnsafeMutablePointer<Float>
  ) {
    let scores = (0..<visible).map { slot in
      var sum = 0.0
      for index in 0..<width { sum += Double(query[index]) * Double(keys[slot * width + index]) }
      let score = sum * Double(scale)
      return masked.contains(slot) ? -Double.infinity : score
    }
    let largest = scores.max() ?? -Double.infinity
    let weights = scores.map { $0 == -Double.infinity ? 0 : exponential($0 - largest) }
    let sum = weights.reduce(0, +)
    for index in 0..<width {
      var total = 0.0
      for slot in 0..<visible { total += weights[slot] * Double(values[slot * width + index]) }
      out[index] = sum > 0 ? Float(total / sum) : 0
    }
  }

  func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Double {
    var sum = 0.0
    for index in 0..<count { sum += Double(a[index]) * Double(b[index]) }
    return sum
  }

  func exponential(_ value: Double) -> Double { exp(value) }
}

extension KVCacheView {
  /// Elements of the keys or values, widened.
  fileprivate func floats(_ range: Range<Int>, ofKeys isKeys: Bool) -> [Float] {
    let storage = isKeys ? keys : values
    return range.map {
      format == .bfloat16 ? storage.bfloat16Pointer[$0].widened : storage.pointer[$0]
    }
  }
}
