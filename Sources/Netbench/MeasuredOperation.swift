/// What netbench times. Raw values are the names on the command line and in results.
public enum MeasuredOperation: String, CaseIterable, Codable, Sendable {
  case pingPong = "ping-pong"
  case allReduce = "all-reduce"
  case allGather = "all-gather"
  case reduceScatter = "reduce-scatter"
  case broadcast
  case gather

  /// Whether input and output are the same memory.
  public enum Variant: String, Codable, Sendable {
    case outOfPlace = "out"
    case inPlace = "in"
  }

  /// The variants that are timed; MPI's broadcast has one buffer, a message has one on either side.
  public var variants: [Variant] {
    switch self {
    case .pingPong, .gather: [.outOfPlace]
    case .broadcast: [.inPlace]
    case .allReduce, .allGather, .reduceScatter: [.outOfPlace, .inPlace]
    }
  }

  /// True where not every rank waits for every other one, so that calls in a row would overtake
  /// each other.
  public var isRooted: Bool { self == .broadcast || self == .gather }

  /// True where ranks add what they receive.
  public var reduces: Bool { self == .allReduce || self == .reduceScatter }

  /// busbw / algbw for `ranks` ranks (nccl-tests, doc/PERFORMANCE.md): what the operation puts on
  /// the busiest link over S, so that the figure can be held against the link's own bandwidth.
  public func busFactor(ranks: Int) -> Double {
    let n = Double(ranks)
    return switch self {
    case .allReduce: 2 * (n - 1) / n
    case .allGather, .reduceScatter, .gather: (n - 1) / n
    case .broadcast, .pingPong: 1
    }
  }

  /// True where the count argument is that of one rank's block.
  public var hasBlocks: Bool {
    self == .allGather || self == .reduceScatter || self == .gather
  }

  /// Elements of the call's count argument and S in bytes, for about `bytes` and 4-byte elements:
  /// where each rank has its own block, the block is rounded down to whole elements, at least one.
  public func extent(bytes: Int, ranks: Int) -> (count: Int, size: Int) {
    let blocks = hasBlocks ? ranks : 1
    let count = max(1, bytes / 4 / blocks)
    return (count, count * blocks * 4)
  }

  /// The operations in a list such as `all-reduce,broadcast`, in the order of `allCases`.
  public static func list(parsing text: String) throws(NetbenchError) -> [MeasuredOperation] {
    var wanted: Set<MeasuredOperation> = []
    for name in text.split(separator: ",", omittingEmptySubsequences: false) {
      guard let operation = MeasuredOperation(rawValue: String(name)) else {
        throw NetbenchError(
          "--operations: unknown operation '\(name)'; valid: "
            + allCases.map(\.rawValue).joined(separator: ", "))
      }
      wanted.insert(operation)
    }
    return allCases.filter(wanted.contains)
  }
}
