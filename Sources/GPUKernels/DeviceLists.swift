import Kernels

/// Arrays of integers that were copied to the device, found again by their content: all layers of a
/// step ask for the same positions and rows. In a step that is kept as a graph each has a place that is
/// the same in every step, by what it is for.
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
  /// Places of steps that are kept as graphs, what lies in them, and those of the step under way; nil
  /// outside of one.
  private var places: [Place: Entry] = [:]
  private var step: [(place: Place, values: [Int32], address: UInt64)]?

  /// What a list is for.
  enum Role {
    case tokens, positions, rows, slots, steps, tiles, blocks, targets
  }

  private struct Place: Hashable {
    let role: Role
    let count: Int
    /// Among lists of one role and length in a step.
    var turn = 0
  }

  init(_ memory: DeviceMemory) { self.memory = memory }

  /// Device address of the values; valid for the operations that are asked for before `most` other
  /// lists are.
  func address(of values: [Int32], _ role: Role) -> UInt64 {
    if step != nil { return fixedAddress(of: values, role) }
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
    upload(values, to: address)
    return address
  }

  private func upload(_ values: [Int32], to address: UInt64) {
    values.withUnsafeBytes {
      // Pageable memory: it has been read when the call returns.
      if let base = $0.baseAddress {
        memory.context.uploadAhead(base, to: address, bytes: $0.count)
      }
    }
  }

  func beginStep() {
    step = []
    // Those of a step may be cut otherwise than others of the same rows.
    batches = []
  }

  func endStep() {
    step = nil
    batches = []
  }

  /// The list goes ahead of what the step has asked for so far: no operation before has its place.
  private func fixedAddress(of values: [Int32], _ role: Role) -> UInt64 {
    var place = Place(role: role, count: values.count)
    for other in step ?? [] where other.place.role == role && other.place.count == place.count {
      if other.values == values { return other.address }
      place.turn += 1
    }
    var entry = places[place] ?? Entry(values: [], buffer: DeviceBuffer(memory))
    let address = entry.buffer.reserve(max(values.count, 1) * MemoryLayout<Int32>.stride)
    if entry.values != values { upload(values, to: address) }
    entry.values = values
    places[place] = entry
    step?.append((place, values, address))
    return address
  }

  /// What kernels need of a batch's rows, made once for all layers.
  func rows(_ rows: [AttentionRow]) -> BatchRows {
    if let found = batches.first(where: { $0.source == rows }) { return found }
    if batches.count >= 4 { batches.removeFirst() }
    let made = BatchRows(rows, isFixed: step != nil)
    batches.append(made)
    return made
  }

  /// Keeps what was added to a batch, tiles for instance.
  func keep(_ batch: BatchRows) {
    guard let index = batches.firstIndex(where: { $0.source == batch.source }) else { return }
    batches[index] = batch
  }
}
