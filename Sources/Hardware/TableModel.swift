import Glibc

/// Kernels from fitted surfaces; the roofline for what has none.
///
/// Beyond a surface's knots its value at the edge scales the roofline, and the basis says so.
/// A batch of unequal sequences costs what each costs in a batch of its like with as much work:
///
///     t = Σ n·t(B, s)/B over spans (n sequences of size s), B = all work / work of one of the span
///
/// Work is new tokens in prefill and keys in decode; equal spans give the surface's own time.
public struct TableModel: KernelModel {
  public let roofline: RooflineModel
  private let rates: KernelRoofline
  private var gemm: [KernelSurface?] = []
  private var prefill: KernelSurface?
  private var decode: KernelSurface?
  /// True where the surfaces were measured on another device: every answer is then extrapolated.
  private let isCarriedOver: Bool

  /// - Parameters:
  ///   - roofline: the device's own, for what the surfaces lack.
  ///   - isCarriedOver: whether the surfaces are those of another device.
  public init(_ surfaces: [KernelSurface], roofline: RooflineModel, isCarriedOver: Bool = false) {
    self.roofline = roofline
    self.isCarriedOver = isCarriedOver
    rates = KernelRoofline(peaks: roofline.peaks, bandwidth: roofline.bandwidth)
    gemm = NumberFormat.allCases.map { format in
      surfaces.first { $0.operation == .gemm && $0.format == format }
    }
    prefill = surfaces.first { $0.operation == .prefillAttention }
    decode = surfaces.first { $0.operation == .decodeAttention }
  }

  public func time(
    of call: KernelCall, in format: NumberFormat
  ) throws(HardwareError) -> KernelTime {
    switch call {
    case .gemm:
      guard let surface = gemm[format.index] else { break }
      return try price(call, format, surface, at: call.point)
    case .prefillAttention(let spans, let heads, let causal):
      guard let surface = prefill, format != .fp32 else { break }
      return try prefill(spans, heads, causal: causal, surface)
    case .decodeAttention(let spans, let heads):
      guard let surface = decode, format != .fp32 else { break }
      return try decode(spans, heads, surface)
    case .elementwise: break
    }
    return try roofline.time(of: call, in: format)
  }

  /// A point of n new tokens each, after context: as many queries as `spans` have in all, each with
  /// as many keys. A table's sequence of s tokens has s queries of (s + 1)/2 keys.
  private func prefill(
    _ spans: [AttentionSpan], _ heads: AttentionHeads, causal: Bool, _ surface: KernelSurface
  ) throws(HardwareError) -> KernelTime {
    let queries = spans.reduce(0.0) { $0 + Double($1.count * $1.queries) }
    return try sum(spans, heads, causal: causal, surface) { span in
      let length = 2 * span.pairs(causal: causal) / Double(span.queries) - 1
      return (queries / Double(span.queries), queries / length, length)
    }
  }

  private func decode(
    _ spans: [AttentionSpan], _ heads: AttentionHeads, _ surface: KernelSurface
  ) throws(HardwareError) -> KernelTime {
    let keys = spans.reduce(0.0) { $0 + Double($1.count * ($1.context + 1)) }
    return try sum(spans, heads, causal: true, surface) { span in
      let batch = keys / Double(span.context + 1)
      return (batch, batch, Double(max(span.context, 1)))
    }
  }

  /// Σ over spans; `place` gives the batch of a span's like, and its point on the first two axes.
  ///
  /// KV heads beyond the surface's become more sequences: c times the KV heads with their query heads
  /// are as much work as c times the sequences.
  private func sum(
    _ spans: [AttentionSpan], _ heads: AttentionHeads, causal: Bool, _ surface: KernelSurface,
    _ place: (AttentionSpan) -> (batch: Double, sequences: Double, length: Double)
  ) throws(HardwareError) -> KernelTime {
    precondition(!spans.isEmpty, "attention has a sequence")
    let most = surface.axes[3].knots.last ?? heads.kv
    let folds = heads.kv > most ? Double(heads.kv) / Double(most) : 1
    let slice = surface.slice(Double(heads.query) / folds, Double(min(heads.kv, most)))
    var total = KernelTime(seconds: 0, basis: .table)
    for span in spans {
      let work = KernelWork(span, heads, causal: causal, surface.format)
      guard let bound = rates.seconds(work) else {
        return try roofline.time(
          of: .prefillAttention(spans, heads, causal: causal), in: surface.format)
      }
      let (batch, sequences, length) = place(span)
      let factor = surface.logFactor(sequences * folds, length, in: slice)
      let launch = surface.launch * Double(span.count) / batch
      total.seconds += (launch + bound.computing + bound.moving) * exp(factor.value)
      total.basis = max(total.basis, factor.inside && !isCarriedOver ? .table : .extrapolated)
    }
    return total
  }

  private func price(
    _ call: KernelCall, _ format: NumberFormat, _ surface: KernelSurface, at point: SIMD4<Double>
  ) throws(HardwareError) -> KernelTime {
    let work = KernelWork(call, format)
    guard let bound = rates.seconds(work) else {
      return try roofline.time(of: call, in: format)
    }
    let factor = surface.logFactor(at: point)
    let seconds = (surface.launch + bound.computing + bound.moving) * exp(factor.value)
    return KernelTime(
      seconds: seconds, basis: factor.inside && !isCarriedOver ? .table : .extrapolated)
  }
}
