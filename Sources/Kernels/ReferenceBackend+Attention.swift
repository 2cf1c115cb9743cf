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
      for head in 0..<queryHeads {
        let elements = (0..<row.context + row.slots).map {
          cache.element(of: row, kvHead: head / group, slot: $0)
        }
        for slot in 0..<row.slots {
          attendOne(
            query: queries.row(row.firstSlot + slot) + head * width, cache: cache,
            elements: elements[...(row.context + slot)],
            masked: row.real.contains(slot) ? row.masked : 0..<0, scale: scale,
            into: out.row(row.firstSlot + slot) + head * width)
        }
      }
    }
  }

  /// One query of one head over the slots that it sees, which begin at `elements` of the cache. A
  /// query that sees nothing but masked slots gives zero.
  private func attendOne(
    query: UnsafePointer<Float>, cache: KVCacheView, elements: ArraySlice<Int>, masked: Range<Int>,
    scale: Float, into out: UnsafeMutablePointer<Float>
  ) {
    let width = cache.headDimension
    let scores = elements.enumerated().map { slot, element in
      let key = cache.floats(element..<element + width, ofKeys: true)
      let score = dot(query, key, width) * Double(scale)
      return masked.contains(slot) ? -Double.infinity : score
    }
    let largest = scores.max() ?? -Double.infinity
    let weights = scores.map { $0 == -Double.infinity ? 0 : exponential($0 - largest) }
    let sum = weights.reduce(0, +)
    var totals = [Double](repeating: 0, count: width)
    for (weight, element) in zip(weights, elements) {
      let value = cache.floats(element..<element + width, ofKeys: false)
      for index in 0..<width { totals[index] += weight * Double(value[index]) }
    }
    for index in 0..<width { out[index] = sum > 0 ? Float(totals[index] / sum) : 0 }
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
