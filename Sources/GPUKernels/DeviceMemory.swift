import Tensors

/// A backend's device memory and its page-locked host buffers.
///
/// Small blocks that are given back are kept for the next who asks; large ones go to the driver at
/// once, since other ranks may share the card.
final class DeviceMemory: @unchecked Sendable {
  // Soundness: backends, and the storages that they make, belong to one thread at a time.
  let context: GPUContext
  private var spare: [Int: [UInt64]] = [:]
  private var hostSpare: [Int: [UnsafeMutableRawPointer]] = [:]
  /// Bytes in use, and the most that ever were.
  private(set) var used = 0
  private(set) var highWater = 0

  /// Blocks up to this size are kept.
  static let kept = 1 << 20
  /// Host buffers up to this size are page-locked.
  static let pinned = 256 << 20

  init(_ context: GPUContext) { self.context = context }

  deinit {
    for addresses in spare.values { for address in addresses { context.free(address) } }
    for addresses in hostSpare.values { for address in addresses { context.freeHost(address) } }
  }

  /// Powers of two from 256 bytes for small blocks, multiples of 2 MiB for others: the driver's own
  /// granularity.
  static func size(_ bytes: Int) -> Int {
    guard bytes <= kept else { return ((bytes + (2 << 20) - 1) >> 21) << 21 }
    var size = 256
    while size < bytes { size *= 2 }
    return size
  }

  func allocate(bytes: Int) throws(GPUError) -> UInt64 {
    // Whoever gets a block may use it ahead of what waits to be started.
    context.startPending()
    let size = Self.size(bytes)
    let address: UInt64
    if let found = spare[size]?.popLast() {
      address = found
    } else {
      address = try context.allocate(bytes: size)
    }
    used += size
    highWater = max(highWater, used)
    return address
  }

  /// Counts what the driver took for itself, or gave back.
  func charge(_ bytes: Int) {
    used += bytes
    highWater = max(highWater, used)
  }

  func release(_ address: UInt64, bytes: Int) {
    let size = Self.size(bytes)
    used -= size
    if size <= Self.kept { spare[size, default: []].append(address) } else { context.free(address) }
  }

  /// A page-locked buffer, or nil where it is too large or cannot be had.
  func host(bytes: Int) -> UnsafeMutableRawPointer? {
    guard bytes <= Self.pinned else { return nil }
    let size = Self.size(bytes)
    return hostSpare[size]?.popLast() ?? context.allocateHost(bytes: size)
  }

  func releaseHost(_ address: UnsafeMutableRawPointer, bytes: Int) {
    hostSpare[Self.size(bytes), default: []].append(address)
  }
}

/// Device memory that grows on demand and whose content is undefined.
final class DeviceBuffer {
  private let memory: DeviceMemory
  private(set) var address: UInt64 = 0
  private(set) var bytes = 0

  init(_ memory: DeviceMemory) { self.memory = memory }

  deinit { if bytes > 0 { memory.release(address, bytes: bytes) } }

  /// Room for `needed` bytes. Work that still uses the old block comes first in the stream, and a
  /// block that goes to the driver waits for it.
  func reserve(_ needed: Int) -> UInt64 {
    guard needed > bytes else { return address }
    if bytes > 0 { memory.release(address, bytes: bytes) }
    bytes = 0
    do {
      address = try memory.allocate(bytes: needed)
    } catch {
      memory.context.stop(
        "\(error.reason); smaller batches, or fewer ranks on a card, need less")
    }
    bytes = needed
    return address
  }
}
