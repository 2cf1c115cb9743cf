import Scheduling
import Testing

@Suite struct KVBlockPoolTests {
  @Test func aReservationIsARunOfConsecutiveBlocks() {
    var pool = KVBlockPool(blockCount: 11, blockSize: 4, run: 3)
    #expect(pool.blockCount == 9)
    var tables: [[Int32]] = [[], [], []]
    for index in tables.indices {
      let isThere = pool.allocate(to: &tables[index])
      #expect(isThere)
    }
    #expect(tables == [[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    var more: [Int32] = []
    var isThere = pool.allocate(to: &more)
    #expect(!isThere)
    pool.release(tables[1])
    #expect(pool.freeBlocks == 3 && pool.usedBlocks == 6)
    isThere = pool.allocate(to: &more)
    #expect(isThere && more == [3, 4, 5])
  }

  @Test func thePoolIsTheSmallerOfFractionAndCap() throws {
    func size(_ fraction: Double, _ cap: Int?) throws -> KVPoolSize {
      try KVPoolSize(
        freeBytes: 1_000_000, fraction: fraction, maxTokens: cap, bytesPerToken: 100, blockSize: 16)
    }
    let plain = try size(0.5, nil)
    #expect(plain.blockCount == 312 && plain.tokens == 4992 && plain.warnings.isEmpty)
    let capped = try size(0.5, 1000)
    #expect(capped.blockCount == 62)
    #expect(capped.warnings.count == 1 && capped.warnings[0].contains("keeps the pool below"))
    let beyond = try size(0.5, 10_000)
    #expect(beyond.blockCount == 312)
    #expect(beyond.warnings.count == 1 && beyond.warnings[0].contains("more than memory holds"))
  }

  @Test func aFractionAbove95PercentIsWarnedAbout() throws {
    func warnings(_ fraction: Double) throws -> [String] {
      try KVPoolSize(
        freeBytes: 1000, fraction: fraction, maxTokens: nil, bytesPerToken: 1, blockSize: 1
      ).warnings
    }
    #expect(try warnings(0.95).isEmpty)
    #expect(try warnings(0.96).first?.contains("risk of running out of memory") == true)
  }

  @Test func aPoolWithoutABlockIsRefusedWithTheNumbers() {
    func refusal(_ fraction: Double, _ cap: Int?) -> String {
      do {
        _ = try KVPoolSize(
          freeBytes: 100, fraction: fraction, maxTokens: cap, bytesPerToken: 10, blockSize: 8)
        return "none"
      } catch { return "\(error)" }
    }
    #expect(refusal(0.5, nil).contains("is 50 bytes; one KV block of 8 tokens takes 80"))
    #expect(refusal(0.9, nil) == "none")
    #expect(refusal(0.9, 7).contains("less than one KV block of 8"))
    #expect(refusal(0, nil).contains("above 0 and at most 1"))
    #expect(refusal(1.01, nil).contains("above 0 and at most 1"))
  }
}
