import Models
import Testing

@Suite struct ReductionChunksTests {
  @Test("Chunks cover the rows in order, as equal as can be, and none has fewer than 64")
  func ranges() {
    for rows in [0, 1, 63, 64, 127, 128, 129, 200, 1000, 4097] {
      for most in [1, 2, 3, 7, 64] {
        let chunks = ReductionChunks.ranges(of: rows, most: most)
        #expect(chunks.flatMap { Array($0) } == Array(0..<rows), "\(rows) \(most)")
        let sizes = chunks.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1, "\(sizes)")
        #expect(chunks.count == min(most, max(1, rows / 64)), "\(rows) \(most)")
        #expect(chunks.count == 1 || sizes.allSatisfy { $0 >= 64 }, "\(sizes)")
      }
    }
  }
}
