import Synchronization
import Testing

@testable import Tensors

@Suite struct StorageTests {
  @Test(arguments: [
    0, 1, 15, 1000, Storage.regionThreshold / 4 - 1, Storage.regionThreshold / 4,
    Storage.ownRegionThreshold / 4 - 1, Storage.ownRegionThreshold / 4,
    Storage.ownRegionThreshold / 4 + 1,
  ])
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

  @Test func `blocks of many threads share regions and no element`() async {
    let blocks = await withTaskGroup(of: [Storage].self) { group in
      for task in 0..<4 {
        group.addTask {
          (0..<12).map { index in
            let storage = Storage(count: 40_000 * (index + 1) + task)
            storage.pointer.update(repeating: Float(100 * task + index), count: storage.count)
            return storage
          }
        }
      }
      return await group.reduce(into: []) { $0 += $1 }
    }
    #expect(blocks.count == 48)
    for storage in blocks {
      let value = storage.pointer[0]
      #expect((0..<storage.count).allSatisfy { storage.pointer[$0] == value })
    }
    #expect(Set(blocks.map { $0.pointer[0] }).count == 48)
  }

  @Test func `a region begins a huge page and ends with the last of its blocks`() throws {
    weak var region: HugeRegion?
    do {
      let own = try HugeRegion(bytes: 5 << 20, elements: 0)
      #expect(UInt(bitPattern: own.address) % UInt(HugeRegion.page) == 0)
      region = own
    }
    #expect(region == nil)
    do {
      let first = try HugeRegion.part(bytes: HugeRegion.sharedBytes, elements: 0)
      region = first.region
      // Another takes the place of the open one, which its block keeps alone then.
      _ = try HugeRegion.part(bytes: HugeRegion.sharedBytes, elements: 0)
      withExtendedLifetime(first) { #expect(region != nil) }
    }
    #expect(region == nil)
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
