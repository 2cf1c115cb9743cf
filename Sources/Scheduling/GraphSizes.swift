/// Numbers of rows that a device keeps decode steps for as graphs. A step of another number is
/// computed with the next larger one, and with rows that nobody asked for; a step of more rows than
/// the largest runs as it is, without a graph, as vLLM does it.
public struct GraphSizes: Hashable, Sendable {
  /// Ascending.
  public let sizes: [Int]

  /// The largest size that can be asked for.
  public static let most = 65536

  /// - Throws: `SchedulingError` when the list is empty, out of order, or has a size out of range.
  public init(_ sizes: [Int]) throws(SchedulingError) {
    guard let smallest = sizes.first, let largest = sizes.last else {
      throw SchedulingError("no size to keep graphs for; give some, such as [1, 2, 4, 8], or off")
    }
    for (left, right) in zip(sizes, sizes.dropFirst()) where left >= right {
      throw SchedulingError("sizes ascend, each once; \(right) comes after \(left)")
    }
    guard smallest >= 1, largest <= Self.most else {
      throw SchedulingError(
        "size \(smallest < 1 ? smallest : largest) is out of range; sizes are from 1 to "
          + "\(Self.most) rows")
    }
    self.sizes = sizes
  }

  /// Rows that a decode step of `rows` rows is computed with.
  public func padded(_ rows: Int) -> Int { sizes.first { $0 >= rows } ?? rows }

  /// Rows that a decode step of `rows` rows has beside them, where no step has more than `most`:
  /// larger sizes are then not used.
  public func added(to rows: Int, most: Int = .max) -> Int {
    let size = padded(rows)
    return rows > 0 && size <= most ? size - rows : 0
  }
}

extension GraphSizes: CustomStringConvertible {
  public var description: String { "[\(sizes.map(String.init).joined(separator: ", "))]" }
}

extension GraphSizes: Codable {
  public init(from decoder: any Decoder) throws {
    try self.init(decoder.singleValueContainer().decode([Int].self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(sizes)
  }
}

extension PlanRow {
  /// A row that is computed only because steps have the size of a graph: padding that sees itself,
  /// and that no one reads. All such rows of a step are alike and share a KV slot.
  /// - Parameter sequence: of the region, or slot, where that KV slot lies.
  static func graph(sequence: Int) -> PlanRow {
    PlanRow(sequence: sequence, firstToken: 0, tokens: 0, slots: 1, context: 0, samples: false)
  }
}
