import Testing

@testable import Transformers

@Suite struct SlotPartitionTests {
  @Test("Blocks are equal, cover every slot once and have fewer dead slots than blocks")
  func covers() {
    for parts in 1...8 {
      for slots in 1...40 {
        let partition = SlotPartition(slots: slots, parts: parts)
        let ranges = (0..<parts).map(partition.range)
        #expect(ranges.allSatisfy { $0.count == partition.block })
        #expect(ranges.flatMap(Array.init) == Array(0..<partition.padded))
        #expect((0..<parts).contains(partition.dead))
        #expect(partition.padded - partition.dead == slots)
      }
    }
    #expect(SlotPartition(slots: 0, parts: 4).padded == 0)
  }

  @Test("Chosen slots are counted in the block that holds them")
  func counts() {
    let chosen = [0, 4, 5, 9]
    #expect(SlotPartition(slots: 10, parts: 1).counts(of: chosen) == [4])
    #expect(SlotPartition(slots: 10, parts: 2).counts(of: chosen) == [2, 2])
    #expect(SlotPartition(slots: 10, parts: 4).counts(of: chosen) == [1, 2, 0, 1])
    #expect(SlotPartition(slots: 10, parts: 8).counts(of: chosen) == [1, 0, 2, 0, 1, 0, 0, 0])
    #expect(SlotPartition(slots: 1, parts: 4).counts(of: [0]) == [1, 0, 0, 0])
  }
}
