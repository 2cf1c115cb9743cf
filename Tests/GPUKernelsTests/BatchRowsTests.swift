import Kernels
import Testing

@testable import GPUKernels

@Suite struct BatchRowsTests {
  private func row(_ first: Int, _ slots: Int, context: Int) -> AttentionRow {
    AttentionRow(
      firstSlot: first, slots: slots, real: 0..<slots, context: context, base: 0,
      capacity: context + slots, masked: 0..<0)
  }

  @Test func `steps, tiles and slots cover every row once`() {
    var batch = BatchRows([
      row(0, 5, context: 0), row(5, 1, context: 9), row(6, 0, context: 0), row(6, 3, context: 20),
    ])
    #expect(batch.steps == [1, 0])
    #expect(batch.slots == [0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 1, 0, 3, 0, 3, 1, 3, 2])
    // Those with the most keys first: row 3 sees 22 and 23, row 0 sees 2, 4 and 5.
    #expect(batch.tiles(height: 2, all: false) == [3, 2, 3, 0, 0, 4, 0, 2, 0, 0])
    #expect(batch.tiles(height: 8, all: true) == [3, 0, 1, 0, 0, 0])
    #expect(batch.mostKeys == 23)
    #expect(batch.mostStepKeys == 10)
    #expect(Array(batch.rows[9..<18]) == [5, 1, 0, 1, 9, 0, 10, 0, 0])
  }
}
