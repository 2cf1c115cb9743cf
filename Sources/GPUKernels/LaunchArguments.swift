/// The arguments of one launch, in the kernel's order. Reused from launch to launch: nothing is
/// allocated.
final class LaunchArguments {
  private static let capacity = 48
  private let words = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
  /// One pointer per argument.
  let pointers = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: capacity)
  private var used = 0
  /// Arguments so far.
  private(set) var count = 0

  /// Their words, and the first of each of them.
  var values: UnsafeBufferPointer<UInt64> { UnsafeBufferPointer(start: words, count: used) }
  func place(of argument: Int) -> Int {
    guard let pointer = pointers[argument] else { return 0 }
    return (pointer - UnsafeMutableRawPointer(words)) / MemoryLayout<UInt64>.stride
  }

  init() {
    words.initialize(repeating: 0, count: Self.capacity)
    pointers.initialize(repeating: nil, count: Self.capacity)
  }

  deinit {
    words.deallocate()
    pointers.deallocate()
  }

  func begin() -> LaunchArguments {
    (used, count) = (0, 0)
    return self
  }

  @discardableResult
  func address(_ value: UInt64) -> LaunchArguments { add(value) }
  @discardableResult
  func int(_ value: Int) -> LaunchArguments {
    add(UInt64(UInt32(bitPattern: Int32(truncatingIfNeeded: value))))
  }
  @discardableResult
  func long(_ value: Int) -> LaunchArguments { add(UInt64(bitPattern: Int64(value))) }
  @discardableResult
  func unsigned(_ value: UInt64) -> LaunchArguments { add(value) }
  @discardableResult
  func float(_ value: Float) -> LaunchArguments { add(UInt64(value.bitPattern)) }

  /// A structure of 8-byte words.
  @discardableResult
  func words(_ values: UInt64...) -> LaunchArguments {
    for (index, value) in values.enumerated() {
      if index == 0 { add(value) } else { append(value) }
    }
    return self
  }

  // Little-endian, as every host of CUDA is: a narrower argument is the front of its word.
  @discardableResult
  private func add(_ value: UInt64) -> LaunchArguments {
    pointers[count] = UnsafeMutableRawPointer(words + used)
    count += 1
    append(value)
    return self
  }

  private func append(_ value: UInt64) {
    precondition(used < Self.capacity, "a kernel takes fewer arguments")
    words[used] = value
    used += 1
  }
}
