extension KernelCall {
  /// Where a call of equal sequences stands on its surface, by the operation's columns.
  var point: SIMD4<Double> {
    switch self {
    case .gemm(let m, let n, let k): SIMD4(Double(m), Double(n), Double(k), 0)
    case .prefillAttention(let spans, let heads, _):
      SIMD4(
        Double(spans[0].count), Double(spans[0].queries), Double(heads.query), Double(heads.kv))
    case .decodeAttention(let spans, let heads):
      SIMD4(
        Double(spans[0].count), Double(spans[0].context), Double(heads.query), Double(heads.kv))
    case .elementwise(let bytes): SIMD4(Double(bytes), 0, 0, 0)
    }
  }
}
