import Statistics
import Testing

@testable import Scheduling

@Suite struct BucketEdgesTests {
  /// Padded slots when rows go to the smallest edge that holds them.
  private func padded(_ lengths: [Int], _ edges: [Int]) -> Int {
    lengths.reduce(0) { sum, length in sum + (edges.first { $0 >= length } ?? .max) - length }
  }

  /// Every set of at most `count` distinct lengths that holds the longest.
  private func best(_ lengths: [Int], _ count: Int) -> Int {
    let distinct = Set(lengths).sorted()
    var least = Int.max
    for bits in 0..<(1 << (distinct.count - 1)) where bits.nonzeroBitCount < count {
      let edges = distinct.enumerated().filter {
        $0.offset == distinct.count - 1 || bits >> $0.offset & 1 == 1
      }
      least = min(least, padded(lengths, edges.map(\.element)))
    }
    return least
  }

  @Test("chosen edges waste as little as the best of all choices")
  func chosenEdgesAreTheBest() {
    var random = SequentialRandom(seed: 3, stream: 1)
    for _ in 0..<300 {
      let count = Int.random(in: 1...12, using: &random)
      let lengths = (0..<count).map { _ in Int.random(in: 1...30, using: &random) }
      for buckets in 1...4 {
        let edges = BucketEdges.fewestPadded(lengths, buckets: buckets)
        #expect(edges.count <= buckets && edges == edges.sorted(), "\(lengths)")
        #expect(padded(lengths, edges) == best(lengths, buckets), "\(lengths) \(buckets)")
      }
    }
  }

  @Test("a prompt beyond the last edge is refused") func aPromptBeyondTheLastEdge() {
    let error = #expect(throws: SchedulingError.self) {
      try BucketEdges.given([8, 16]).widths(of: [4, 17])
    }
    #expect(
      error?.description
        == "request 1 has 17 tokens; the largest bucket of bucketed:8,16 is 16")
  }

  @Test("balanced groups are within 4/3 of the best") func balancedGroups() {
    var random = SequentialRandom(seed: 4, stream: 1)
    for _ in 0..<200 {
      let lengths = (0..<9).map { _ in Int.random(in: 1...50, using: &random) }
      let groups = Arrangement.balanced(lengths, groups: 3)
      #expect(groups.flatMap { $0 }.sorted() == Array(lengths.indices))
      let largest = groups.map { $0.reduce(0) { $0 + lengths[$1] } }.max() ?? 0
      let bound = max(lengths.max() ?? 0, (lengths.reduce(0, +) + 2) / 3)
      #expect(3 * largest <= 4 * bound + 3 * (lengths.max() ?? 0), "\(lengths)")
    }
  }
}
