import Kernels

/// Arrays of integers that were copied to the device, found again by their content: all layers of a
/// step ask for the same positions and rows.
final class DeviceLists {
  private struct Entry {
    var values: [Int32]
    let buffer: DeviceBuffer
    /// When it was last asked for.
    var used = 0
  }

  private let memory: DeviceMemory
  private var entries: [Entry] = []
  private var clock = 0
  private var batches: [BatchRows] = []
  /// Lists that one operation uses together are fewer.
  private static let most = 16

  init(_ memory: DeviceMemory) { self.memory = memory }

  /// Device address of the values; valid for the operations that are asked for before `most` other
  /// lists are.
  func address(of values: [Int32]) -> UInt64 {
    clock += 1
    // Equal arrays of one origin compare in constant time.
    if let found = entries.firstIndex(where: { $0.values == values }) {
      entries[found].used = clock
      return entries[found].buffer.address
    }
    if entries.count < Self.most {
      entries.append(Entry(values: [], buffer: DeviceBuffer(memory)))
    }
    // The one that was not asked for the longest; a new one was never asked for.
    let oldest = entries.indices.min { entries[$0].used < entries[$1].used } ?? 0
    entries[oldest].values = values
    entries[oldest].used = clock
    let bytes = max(values.count, 1) * MemoryLayout<Int32>.stride
    let address = entries[oldest].buffer.reserve(bytes)
    values.withUnsafeBytes {
      // Pageable memory: it has been read when the call returns.
      if let base = $0.baseAddress { memory.context.upload(base, to: address, bytes: $0.count) }
    }
    return address
  }

  /// What kernels need of a batch's rows, made once for all layers.
  func rows(_ rows: [AttentionRow]) -> BatchRows {
    if let found = batches.first(where: { $0.source == rows }) { return found }
    if batches.count >= 4 { batches.removeFirst() }
    let made = BatchRows(rows)
    batches.append(made)
    return made
  }

  /// Keeps what was added to a batch, tiles for instance.
  func keep(_ batch: BatchRows) {
    guard let index = batches.firstIndex(where: { $0.source == batch.source }) else { return }
    batches[index] = batch
  }
}
