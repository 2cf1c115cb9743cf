import Tensors
import Testing

@Suite struct MatrixTests {
  private let counted = Matrix(rows: 4, columns: 3, values: (0..<12).map(Float.init))

  @Test func `elements are row-major`() {
    #expect(counted[0, 0] == 0)
    #expect(counted[2, 1] == 7)
    #expect(counted.array() == (0..<12).map(Float.init))
    #expect(counted.count == 12)
  }

  @Test func `slices share memory with their matrix`() {
    let middle = counted.rows(1..<3).columns(1..<3)
    #expect(middle.array() == [4, 5, 7, 8])
    middle[1, 0] = -1
    #expect(counted[2, 1] == -1)
    #expect(middle.stride == 3)
    #expect(!middle.isContiguous)
    #expect(middle.rows(0..<1).isContiguous)
    counted[2, 1] = 7
  }

  @Test func `empty slices are allowed at every edge`() {
    #expect(counted.rows(4..<4).count == 0)
    #expect(counted.columns(3..<3).array() == [])
    #expect(counted.rows(0..<0).columns(0..<0).rows == 0)
  }

  @Test func `reshaping keeps the order of elements`() {
    let wide = counted.reshaped(rows: 2, columns: 6)
    #expect(wide[1, 0] == 6)
    #expect(counted.rows(1..<3).reshaped(rows: 1, columns: 6).array() == [3, 4, 5, 6, 7, 8])
  }

  @Test func `a view with a stride walks over the gap`() {
    let storage = Storage(count: 10)
    for index in 0..<10 { storage.pointer[index] = Float(index) }
    let view = Matrix(storage: storage, offset: 1, rows: 3, columns: 2, stride: 3)
    #expect(view.array() == [1, 2, 4, 5, 7, 8])
    #expect(view.row(2)[1] == 8)
  }

  @Test func `a contiguous matrix lends its elements as one buffer`() {
    let sum = counted.withMutableBuffer { $0.reduce(0, +) }
    #expect(sum == 66)
  }

  @Test func `a view beyond its storage traps`() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix(storage: Storage(count: 10), offset: 1, rows: 2, columns: 5)
    }
  }

  @Test func `overlapping rows trap`() async {
    await #expect(processExitsWith: .failure) {
      _ = Matrix(storage: Storage(count: 10), rows: 2, columns: 4, stride: 3)
    }
  }
}
