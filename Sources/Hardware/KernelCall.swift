/// Sequences of one shape in a batch: each brings `queries` new tokens after `context` earlier ones.
public struct AttentionSpan: Hashable, Sendable {
  /// Sequences of this shape.
  public var count: Int
  /// New tokens of each.
  public var queries: Int
  /// Tokens of each whose keys and values are in the cache already.
  public var context: Int

  public init(count: Int = 1, queries: Int, context: Int = 0) {
    precondition(
      count >= 1 && queries >= 1 && context >= 0, "a span has a sequence with a query")
    self.count = count
    self.queries = queries
    self.context = context
  }

  /// (query, key) pairs of one sequence; a query sees the context, itself and, unless `causal`,
  /// every other query.
  public func pairs(causal: Bool) -> Double {
    let (q, c) = (Double(queries), Double(context))
    return causal ? q * c + q * (q + 1) / 2 : q * (q + c)
  }
}

/// The heads of one device's share of an attention layer.
public struct AttentionHeads: Hashable, Sendable {
  public var query: Int
  public var kv: Int
  public var dimension: Int

  public init(query: Int, kv: Int, dimension: Int) {
    precondition(query >= 1 && kv >= 1 && dimension >= 1, "attention has heads of a dimension")
    self.query = query
    self.kv = kv
    self.dimension = dimension
  }
}

/// One kernel on one device, as far as its time depends on it.
public enum KernelCall: Hashable, Sendable {
  /// [m, k] · [k, n]: m tokens, n outputs, k inputs; weights are k·n.
  case gemm(m: Int, n: Int, k: Int)
  /// Attention of new tokens. Spans of equal shape may be one with a count or several; a padded
  /// batch is one span, a ragged one has the actual lengths.
  case prefillAttention([AttentionSpan], AttentionHeads, causal: Bool = true)
  /// One new token for each sequence (`queries` is 1) against its cache, paged.
  case decodeAttention([AttentionSpan], AttentionHeads)
  /// Norms, rotation, activation, residual, embedding, sampling: bytes read and written.
  case elementwise(bytes: Int)
}

/// What a kernel takes, and how that is known.
public struct KernelTime: Hashable, Sendable {
  /// In order of trust.
  public enum Basis: String, Hashable, Sendable, Codable, Comparable {
    /// Between measured points.
    case table
    /// Beyond the measured points: the roofline, scaled to the nearest of them.
    case extrapolated
    /// From the data sheet and efficiency curves alone.
    case roofline

    public static func < (a: Basis, b: Basis) -> Bool { a.rank < b.rank }

    private var rank: Int {
      switch self {
      case .table: 0
      case .extrapolated: 1
      case .roofline: 2
      }
    }
  }

  public var seconds: Double
  public var basis: Basis

  public init(seconds: Double, basis: Basis) {
    self.seconds = seconds
    self.basis = basis
  }
}

/// Prices kernels of one device. An answer takes well under a microsecond.
public protocol KernelModel: Sendable {
  /// Throws where the device has no peak for the format.
  func time(of call: KernelCall, in format: NumberFormat) throws(HardwareError) -> KernelTime
}
