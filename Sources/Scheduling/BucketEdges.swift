/// The lengths that rows are padded to.
public enum BucketEdges: Hashable, Sendable, CustomStringConvertible {
  /// These, ascending. A prompt beyond the last is an error.
  case given([Int])
  /// Powers of two, from 16.
  case powers
  /// At most this many, chosen per batch so that padded slots are fewest.
  case best(Int)

  /// Smallest power that `powers` uses: shorter rows share a bucket.
  static let smallestPower = 16

  public var description: String {
    switch self {
    case .given(let edges): edges.map(String.init).joined(separator: ",")
    case .powers: "powers"
    case .best(let count): "best-\(count)"
    }
  }

  /// Reads `64,128,256`, `powers` or `best-4`.
  public init(parsing text: String) throws(SchedulingError) {
    if text == "powers" {
      self = .powers
    } else if text.hasPrefix("best-") {
      guard let count = Int(text.dropFirst(5)), (1...4096).contains(count) else {
        throw SchedulingError("'\(text)': the number of buckets must be from 1 to 4096")
      }
      self = .best(count)
    } else {
      var edges: [Int] = []
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let edge = Int(part), (1...(1 << 24)).contains(edge), edge > edges.last ?? 0 else {
          throw SchedulingError(
            "buckets '\(text)': expected ascending lengths such as 64,128,256, or powers, or "
              + "best-N")
        }
        edges.append(edge)
      }
      self = .given(edges)
    }
  }

  /// Padded length per row.
  /// - Throws: `SchedulingError` when a row is longer than the last given edge.
  func widths(of lengths: [Int]) throws(SchedulingError) -> [Int] {
    switch self {
    case .given(let edges):
      var widths: [Int] = []
      for (row, length) in lengths.enumerated() {
        guard let edge = edges.first(where: { $0 >= length }) else {
          throw SchedulingError(
            "request \(row) has \(length) tokens; the largest bucket of bucketed:\(self) is "
              + "\(edges[edges.count - 1])")
        }
        widths.append(edge)
      }
      return widths
    case .powers:
      return lengths.map { length in
        var edge = Self.smallestPower
        while edge < length { edge *= 2 }
        return edge
      }
    case .best(let count):
      let edges = Self.fewestPadded(lengths, buckets: count)
      return lengths.map { length in edges.first { $0 >= length } ?? length }
    }
  }

  /// At most `buckets` edges, all of them lengths that occur, with the fewest padded slots: the
  /// optimal partition of the sorted lengths into runs, each padded to its last. Dynamic programme
  /// over distinct lengths, O(distinct² · buckets).
  static func fewestPadded(_ lengths: [Int], buckets: Int) -> [Int] {
    let edges = Set(lengths).sorted()
    let counts = edges.map { edge in lengths.count { $0 == edge } }
    let n = edges.count
    guard buckets < n else { return edges }
    // slots[i]: sum of rows in the first i distinct lengths; a run i..<j costs rows · edges[j-1].
    var rows = [0]
    for count in counts { rows.append(rows[rows.count - 1] + count) }
    var cost = (0...n).map { $0 == 0 ? 0 : rows[$0] * edges[$0 - 1] }
    var cuts: [[Int]] = []
    for _ in 1..<max(buckets, 1) {
      var next = cost
      var cut = [Int](repeating: 0, count: n + 1)
      for j in stride(from: 1, through: n, by: 1) {
        for i in 0..<j {
          let candidate = cost[i] + (rows[j] - rows[i]) * edges[j - 1]
          if candidate < next[j] {
            next[j] = candidate
            cut[j] = i
          }
        }
      }
      cost = next
      cuts.append(cut)
    }
    var chosen: [Int] = []
    var end = n
    for cut in cuts.reversed() where cut[end] > 0 {
      chosen.append(edges[end - 1])
      end = cut[end]
    }
    chosen.append(edges[end - 1])
    return chosen.reversed()
  }
}
