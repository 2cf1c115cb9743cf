/// Kernels, products and copies with all their arguments, as words: equal lists do the same.
struct OperationList: Equatable {
  private var words: [UInt64] = []
  private(set) var count = 0

  private enum Kind: UInt64 {
    case launch, multiply, copy
  }

  mutating func removeAll() {
    words.removeAll(keepingCapacity: true)
    count = 0
  }

  /// Layout: kind and, 32 bits higher, arguments; function; grid x and y; z and threads; shared bytes and
  /// words of arguments; for each argument its first word; the words.
  mutating func launch(
    _ function: UnsafeMutableRawPointer, grid: (x: Int, y: Int, z: Int), threads: Int,
    sharedBytes: Int, _ arguments: LaunchArguments
  ) {
    add(.launch, arguments.count)
    words.append(UInt64(UInt(bitPattern: function)))
    words.append(UInt64(UInt32(grid.x)) | UInt64(UInt32(grid.y)) << 32)
    words.append(UInt64(UInt32(grid.z)) | UInt64(UInt32(threads)) << 32)
    words.append(UInt64(UInt32(sharedBytes)) | UInt64(UInt32(arguments.values.count)) << 32)
    for argument in 0..<arguments.count { words.append(UInt64(arguments.place(of: argument))) }
    words.append(contentsOf: arguments.values)
  }

  mutating func multiply(_ product: OpaquePointer, x: UInt64, w: UInt64, bias: UInt64, y: UInt64) {
    add(.multiply, 5)
    words.append(UInt64(UInt(bitPattern: product)))
    for address in [x, w, bias, y] { words.append(address) }
  }

  mutating func copy(_ source: UInt64, to address: UInt64, bytes: Int) {
    add(.copy, 3)
    words.append(source)
    words.append(address)
    words.append(UInt64(bytes))
  }

  private mutating func add(_ kind: Kind, _ arguments: Int) {
    words.append(kind.rawValue | UInt64(arguments) << 32)
    count += 1
  }

  /// FNV-1a by words, 64 bits, with the high bits brought down.
  var hash: UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for word in words {
      hash = (hash ^ word) &* 0x100_0000_01b3
      hash ^= hash >> 32
    }
    return hash
  }

  /// Asks for all of it, in order.
  /// - Returns: the first answer that is not 0.
  func start(on context: GPUContext) -> Int32 {
    var at = 0
    var pointers: [UnsafeMutableRawPointer?] = []
    while at < words.count {
      let arguments = Int(words[at] >> 32)
      let code: Int32
      switch Kind(rawValue: words[at] & 0xffff_ffff) {
      case .launch:
        let first = at + 5 + arguments
        let length = Int(words[at + 4] >> 32)
        code = words[first..<first + length].withUnsafeBufferPointer { values in
          let base = UnsafeMutablePointer(mutating: values.baseAddress)
          pointers = (0..<arguments).map { argument in
            base.map { UnsafeMutableRawPointer($0 + Int(words[at + 5 + argument])) }
          }
          return pointers.withUnsafeMutableBufferPointer { list in
            guard let list = list.baseAddress,
              let function = UnsafeMutableRawPointer(bitPattern: UInt(words[at + 1]))
            else { return 0 }
            return context.startLaunch(
              function, x: UInt32(truncatingIfNeeded: words[at + 2]),
              y: UInt32(words[at + 2] >> 32), z: UInt32(truncatingIfNeeded: words[at + 3]),
              threads: UInt32(words[at + 3] >> 32),
              sharedBytes: UInt32(truncatingIfNeeded: words[at + 4]), list)
          }
        }
        at = first + length
      case .multiply:
        guard let product = OpaquePointer(bitPattern: UInt(words[at + 1])) else { return 1 }
        code = context.startMultiply(
          product, x: words[at + 2], w: words[at + 3], bias: words[at + 4], y: words[at + 5])
        at += 6
      case .copy:
        code = context.startCopy(words[at + 1], to: words[at + 2], bytes: Int(words[at + 3]))
        at += 4
      case nil: preconditionFailure("a list has operations of three kinds")
      }
      if code != 0 { return code }
    }
    return 0
  }
}
