/// What a kernel has to do: FLOPs (a multiply-add counts two) and bytes that must pass the memory.
public struct KernelWork: Hashable, Sendable {
  public var flops = 0.0
  public var bytes = 0.0
  /// The format whose peak counts: attention runs in bf16 at the narrowest, as kernels of 2025 do
  /// when the cache holds bf16.
  public var format: NumberFormat
  public var isAttention = false

  public init(_ call: KernelCall, _ format: NumberFormat) {
    self.format = format
    switch call {
    case .gemm(let m, let n, let k):
      let (m, n, k) = (Double(m), Double(n), Double(k))
      flops = 2 * m * n * k
      bytes = (m * k + k * n) * format.bytes + m * n * format.outputBytes
    case .prefillAttention(let spans, let heads, let causal):
      for span in spans { attend(span, heads, causal: causal) }
    case .decodeAttention(let spans, let heads):
      for span in spans { attend(span, heads, causal: true) }
    case .elementwise(let count):
      bytes = Double(count)
    }
  }

  /// Attention of one span.
  init(_ span: AttentionSpan, _ heads: AttentionHeads, causal: Bool, _ format: NumberFormat) {
    self.format = format
    attend(span, heads, causal: causal)
  }

  private mutating func attend(_ span: AttentionSpan, _ heads: AttentionHeads, causal: Bool) {
    isAttention = true
    format = format == .fp32 ? .fp32 : .bf16
    let (queryWidth, kvWidth) = (
      Double(heads.query * heads.dimension), Double(heads.kv * heads.dimension)
    )
    let (count, queries) = (Double(span.count), Double(span.queries))
    flops += count * span.pairs(causal: causal) * 4 * queryWidth
    let keys = Double(span.queries + span.context)
    // Queries in, values out, keys and values once.
    bytes += count * (2 * queries * queryWidth + 2 * keys * kvWidth) * format.bytes
  }
}
