/// One safetensors file, mapped read-only, with a header that has been checked completely.
///
/// Opening reads the header only. After that every tensor's bytes are known to lie inside the file as
/// it was when opened, and the data section to be covered by tensors without gap or overlap, which is
/// what the format's specification demands. Reads touch the pages of the asked part only and give
/// them back, so resident memory stays bounded by the destination.
///
/// A file cut short after opening is an error of the next read. If it is cut during a read, or its
/// disk fails, the kernel sends SIGBUS: the limit of every mapping.
public final class SafetensorsFile: Sendable {
  /// The largest header that the format allows, in bytes.
  public static let largestHeader = 100_000_000

  /// The path it was opened with.
  public let path: String
  /// Tensors in the order of their bytes.
  public let tensors: [TensorDescription]
  /// The header's `__metadata__`.
  public let metadata: [String: String]

  private let mapping: MappedFile
  private let indexOfName: [String: Int]

  /// Opens, maps and checks `path`, in time linear in the header.
  public init(path: String) throws(CheckpointError) {
    let mapping = try MappedFile(path: path)
    let header = try SafetensorsHeader(file: mapping.bytes, path: path)
    mapping.release(0..<header.dataStart)
    self.path = path
    self.mapping = mapping
    tensors = header.tensors
    metadata = header.metadata
    indexOfName = Dictionary(
      uniqueKeysWithValues: header.tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor of that name, or nil.
  public func tensor(named name: String) -> TensorDescription? {
    indexOfName[name].map { tensors[$0] }
  }

  /// Size of the file in bytes.
  public var byteCount: Int { mapping.count }
}

extension SafetensorsFile {
  /// Bytes copied between two releases of pages; bounds the resident part of the mapping.
  static let chunkBytes = 4 << 20

  /// Copies and widens rows x columns of a tensor seen as [shape[0], product of the rest].
  ///
  /// Destination row r starts at `r * rowStride`. Ranges must be inside; `destination` must have room.
  func read(
    _ tensor: TensorDescription, rows: Range<Int>, columns: Range<Int>, width: Int,
    into destination: UnsafeMutableBufferPointer<Float>, rowStride: Int
  ) throws(CheckpointError) {
    guard tensor.elementType.isReadableAsFloat else {
      throw CheckpointError(
        .notFloat, file: path, tensor: tensor.name,
        "elements are \(tensor.elementType.rawValue); F32, F16 and BF16 can be read as Float")
    }
    guard !rows.isEmpty, !columns.isEmpty, let target = destination.baseAddress else { return }
    // Whole rows lie one after the other on both sides: one run of elements.
    if columns.count == width && rowStride == width {
      let run = rows.lowerBound * width..<rows.upperBound * width
      try readRuns(
        tensor, from: run.lowerBound, count: 1, length: run.count, stride: 0, into: target,
        targetStride: 0)
    } else {
      try readRuns(
        tensor, from: rows.lowerBound * width + columns.lowerBound, count: rows.count,
        length: columns.count, stride: width, into: target, targetStride: rowStride)
    }
  }

  /// Reads `count` runs of `length` elements, `stride` elements apart, the first at element `from`.
  private func readRuns(
    _ tensor: TensorDescription, from first: Int, count: Int, length: Int, stride: Int,
    into target: UnsafeMutablePointer<Float>, targetStride: Int
  ) throws(CheckpointError) {
    let size = tensor.elementType.bytes
    let longest = Self.chunkBytes / size
    // Inside the mapping: the header check bounds byteRange, and the caller the element ranges.
    guard let base = mapping.bytes.baseAddress else { return }
    try mapping.checkLength(tensor: tensor.name)
    // Mapped pages lie between the first byte touched since the last release and the current end.
    var resident = tensor.byteRange.lowerBound + first * size
    var last = resident
    for run in 0..<count {
      var done = 0
      while done < length {
        let part = min(longest, length - done)
        let start = tensor.byteRange.lowerBound + (first + run * stride + done) * size
        let end = start + part * size
        if end - resident > Self.chunkBytes {
          mapping.release(resident..<start)
          resident = start
          try mapping.checkLength(tensor: tensor.name)
        }
        mapping.prefetch(after: last..<end)
        last = start
        FloatWidening.widen(
          tensor.elementType, at: base + start, count: part,
          into: target + run * targetStride + done)
        done += part
        if run == count - 1 && done == length { mapping.release(resident..<end) }
      }
    }
  }
}

extension SafetensorsFile {
  /// All elements of a tensor of any shape, row-major.
  public func floats(_ name: String) throws(CheckpointError) -> [Float] {
    guard let tensor = tensor(named: name) else {
      throw CheckpointError(.missingTensor, file: path, tensor: name, "not in this file")
    }
    let count = tensor.elementType.isReadableAsFloat ? tensor.elementCount : 0
    var values = [Float](repeating: 0, count: count)
    try values.withUnsafeMutableBufferPointer { buffer throws(CheckpointError) in
      try read(
        tensor, rows: 0..<1, columns: 0..<buffer.count, width: buffer.count, into: buffer,
        rowStride: buffer.count)
    }
    return values
  }
}
