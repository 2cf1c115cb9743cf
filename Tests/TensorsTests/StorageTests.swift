import Synchronization
import Testing

@testable import Tensors

@Suite struct StorageTests {
  @Test(arguments: [0, 1, 15, 1000, Storage.mappingThreshold / 4 - 1, Storage.mappingThreshold / 4])
  func `new storage is zero, aligned and writable to its last element`(count: Int) {
    let storage = Storage(count: count)
    #expect(storage.count == count)
    #expect(UInt(bitPattern: storage.pointer) % UInt(Storage.alignment) == 0)
    #expect((0..<count).allSatisfy { storage.pointer[$0] == 0 })
    if count > 0 {
      storage.pointer[count - 1] = 7
      #expect(storage.pointer[count - 1] == 7)
    }
  }

  @Test func `foreign memory is released once, with the last reference`() {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    memory.initializeMemory(as: Float.self, repeating: 3, count: 16)
    let counter = Counter()
    do {
      let storage = Storage(count: 16, address: memory) { counter.increment() }
      let matrix = Matrix(storage: storage, rows: 4, columns: 4)
      #expect(matrix[3, 3] == 3)
      #expect(counter.value == 0)
    }
    #expect(counter.value == 1)
    memory.deallocate()
  }

  @Test func `a size that no machine has throws and names the count`() {
    #expect {
      _ = try Storage(allocating: 1 << 58)
    } throws: { error in
      "\(error)".contains("\(1 << 58) float32")
    }
    #expect(throws: StorageError.self) { _ = try Storage(allocating: Int.max) }
  }
}

private final class Counter: Sendable {
  private let count = Atomic<Int>(0)
  func increment() { count.add(1, ordering: .relaxed) }
  var value: Int { count.load(ordering: .relaxed) }
}
