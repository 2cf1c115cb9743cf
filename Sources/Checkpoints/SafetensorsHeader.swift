/// The header of a safetensors file, checked against the file's size.
///
/// Layout: 8 bytes little-endian header length N, N bytes of JSON
/// `{"name": {"dtype", "shape", "data_offsets": [begin, end]}, ..., "__metadata__": {...}}`, then the
/// data section that the offsets count from. Source: the format description of the safetensors
/// project. Unknown members of a tensor's object are refused: they would say something that this
/// reader does not understand.
struct SafetensorsHeader {
  /// In the order of their bytes; empty tensors before others that begin at the same byte.
  let tensors: [TensorDescription]
  let metadata: [String: String]
  /// Where the data section begins in the file.
  let dataStart: Int

  init(file: UnsafeRawBufferPointer, path: String) throws(CheckpointError) {
    let length = try Self.headerLength(file: file, path: path)
    dataStart = 8 + length
    let text = UnsafeRawBufferPointer(rebasing: file[8..<dataStart])
    guard text.first == UInt8(ascii: "{") else {
      throw CheckpointError(.malformedHeader, file: path, "the header does not begin with '{'")
    }
    let root: StrictJSON
    do throws(StrictJSON.Failure) {
      root = try StrictJSON.parse(text)
    } catch {
      throw CheckpointError(
        error.duplicate == nil ? .malformedHeader : .duplicateName, file: path,
        tensor: error.member == "__metadata__" ? nil : error.member,
        "header byte \(error.offset): \(error.message)")
    }
    guard case .object(let members) = root else {
      throw CheckpointError(.malformedHeader, file: path, "the header is \(root.summary)")
    }
    var tensors: [TensorDescription] = []
    var metadata: [String: String] = [:]
    for member in members {
      if member.name == "__metadata__" {
        metadata = try Self.metadata(member.value, path: path)
      } else {
        let field = Fields(tensor: member.name, path: path, dataStart: dataStart)
        tensors.append(try field.description(of: member.value, fileBytes: file.count))
      }
    }
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    try Self.checkCoverage(tensors, dataStart: dataStart, fileBytes: file.count, path: path)
    self.tensors = tensors
    self.metadata = metadata
  }

  private static func headerLength(
    file: UnsafeRawBufferPointer, path: String
  ) throws(CheckpointError) -> Int {
    guard file.count >= 8 else {
      throw CheckpointError(
        .tooShort, file: path, "\(file.count) bytes; a safetensors file has at least 8")
    }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(SafetensorsFile.largestHeader) else {
      throw CheckpointError(
        .headerTooLarge, file: path,
        "the header length is \(length); the format allows \(SafetensorsFile.largestHeader)")
    }
    guard Int(length) <= file.count - 8 else {
      throw CheckpointError(
        .headerBeyondFile, file: path,
        "the header length is \(length), but only \(file.count - 8) bytes follow it")
    }
    return Int(length)
  }

  private static func metadata(
    _ value: StrictJSON, path: String
  ) throws(CheckpointError) -> [String: String] {
    guard case .object(let members) = value else {
      throw CheckpointError(
        .malformedHeader, file: path, "__metadata__ is \(value.summary), not an object")
    }
    var result: [String: String] = [:]
    for member in members {
      guard case .string(let text) = member.value else {
        throw CheckpointError(
          .malformedHeader, file: path,
          "__metadata__ member \(member.name) is \(member.value.summary), not a string")
      }
      result[member.name] = text
    }
    return result
  }

  /// The specification: the data section must be entirely indexed and must not contain holes.
  private static func checkCoverage(
    _ tensors: [TensorDescription], dataStart: Int, fileBytes: Int, path: String
  ) throws(CheckpointError) {
    var end = dataStart
    var previous = "the header"
    for tensor in tensors {
      let start = tensor.byteRange.lowerBound
      guard start >= end else {
        throw CheckpointError(
          .overlap, file: path, tensor: tensor.name,
          "begins at data byte \(start - dataStart), inside tensor \(previous), "
            + "which ends at \(end - dataStart)")
      }
      guard start == end else {
        throw CheckpointError(
          .hole, file: path, tensor: tensor.name,
          "begins at data byte \(start - dataStart), but \(previous) ends at \(end - dataStart): "
            + "the bytes between belong to no tensor")
      }
      end = tensor.byteRange.upperBound
      previous = tensor.name
    }
    guard end == fileBytes else {
      throw CheckpointError(
        .hole, file: path,
        "\(fileBytes - end) bytes after the last tensor (\(previous)) belong to no tensor")
    }
  }
}

/// Reads one tensor's object.
private struct Fields {
  let tensor: String
  let path: String
  let dataStart: Int

  func failure(_ kind: CheckpointError.Kind, _ message: String) -> CheckpointError {
    CheckpointError(kind, file: path, tensor: tensor, message)
  }

  func description(
    of value: StrictJSON, fileBytes: Int
  ) throws(CheckpointError) -> TensorDescription {
    guard case .object(let members) = value else {
      throw failure(.malformedHeader, "described by \(value.summary), not by an object")
    }
    var type: ElementType?
    var shape: [Int]?
    var offsets: Range<Int>?
    for member in members {
      switch member.name {
      case "dtype": type = try elementType(member.value)
      case "shape": shape = try self.shape(member.value)
      case "data_offsets": offsets = try self.offsets(member.value)
      default:
        throw failure(
          .malformedHeader,
          "has an unknown member \"\(member.name)\"; known: dtype, shape, data_offsets")
      }
    }
    guard let type, let shape, let offsets else {
      let missing = type == nil ? "dtype" : shape == nil ? "shape" : "data_offsets"
      throw failure(.malformedHeader, "has no \(missing)")
    }
    let needed = try byteCount(type, shape)
    guard offsets.count == needed else {
      throw failure(
        .wrongByteCount,
        "\(type.rawValue) of shape \(shape) takes \(needed) bytes; "
          + "data_offsets [\(offsets.lowerBound), \(offsets.upperBound)] are \(offsets.count)")
    }
    guard offsets.upperBound <= fileBytes - dataStart else {
      throw failure(
        .outOfRange,
        "ends at data byte \(offsets.upperBound), but the file's data section has "
          + "\(fileBytes - dataStart) bytes (truncated?)")
    }
    return TensorDescription(
      name: tensor, elementType: type, shape: shape,
      byteRange: dataStart + offsets.lowerBound..<dataStart + offsets.upperBound, file: path)
  }

  private func elementType(_ value: StrictJSON) throws(CheckpointError) -> ElementType {
    guard case .string(let name) = value, let type = ElementType(rawValue: name) else {
      let known = ElementType.allCases.map(\.rawValue).joined(separator: " ")
      throw failure(.unknownElementType, "dtype is \(value.summary); known: \(known)")
    }
    return type
  }

  private func shape(_ value: StrictJSON) throws(CheckpointError) -> [Int] {
    guard case .array(let values) = value else {
      throw failure(.invalidShape, "shape is \(value.summary), not a list")
    }
    var shape: [Int] = []
    for dimension in values {
      guard let count = dimension.wholeNumber else {
        throw failure(
          .invalidShape, "shape has \(dimension.summary); dimensions are whole numbers from 0")
      }
      shape.append(count)
    }
    return shape
  }

  private func offsets(_ value: StrictJSON) throws(CheckpointError) -> Range<Int> {
    guard case .array(let values) = value, values.count == 2,
      let begin = values[0].wholeNumber, let end = values[1].wholeNumber, begin <= end
    else {
      var found = value.summary
      if case .array(let values) = value, values.count == 2 {
        found = "[\(values[0].summary), \(values[1].summary)]"
      }
      throw failure(
        .invalidOffsets, "data_offsets are \(found), not two ordered whole numbers from 0")
    }
    return begin..<end
  }

  private func byteCount(_ type: ElementType, _ shape: [Int]) throws(CheckpointError) -> Int {
    var bytes = type.bytes
    var overflows = false
    // A zero anywhere makes the tensor empty, whatever the other dimensions would multiply to.
    for dimension in shape where !shape.contains(0) {
      let product = bytes.multipliedReportingOverflow(by: dimension)
      overflows = overflows || product.overflow
      bytes = product.partialValue
    }
    guard !overflows else {
      throw failure(.invalidShape, "shape \(shape) has more bytes than can be counted")
    }
    return shape.contains(0) ? 0 : bytes
  }
}
