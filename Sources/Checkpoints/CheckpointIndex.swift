/// `model.safetensors.index.json`: which file each tensor is in.
struct CheckpointIndex {
  let path: String
  /// Tensor name to file name; every file name is a plain name inside the folder.
  let shards: [String: String]

  /// Largest index that is read, in bytes; the index of a 405B model has about 0.1 MB.
  static let largest = 64 << 20

  init(path: String) throws(CheckpointError) {
    self.path = path
    let content = try MappedFile.contents(of: path, limit: Self.largest)
    let parsed = content.withUnsafeBytes { bytes in
      Result { () throws(StrictJSON.Failure) in try StrictJSON.parse(bytes) }
    }
    let root: StrictJSON
    do throws(StrictJSON.Failure) {
      root = try parsed.get()
    } catch {
      throw CheckpointError(
        error.duplicate == nil ? .malformedIndex : .duplicateName, file: path,
        tensor: error.duplicate, "byte \(error.offset): \(error.message)")
    }
    guard case .object(let members) = root,
      case .object(let entries)? = members.first(where: { $0.name == "weight_map" })?.value
    else {
      throw CheckpointError(
        .malformedIndex, file: path, "\"weight_map\", an object of tensor to file, is missing")
    }
    var shards: [String: String] = [:]
    for entry in entries {
      guard case .string(let file) = entry.value else {
        throw CheckpointError(
          .malformedIndex, file: path, tensor: entry.name,
          "is in \(entry.value.summary), which is not a file name")
      }
      guard Self.isPlain(file) else {
        throw CheckpointError(
          .unsafeFileName, file: path, tensor: entry.name,
          "is in \"\(file)\"; a shard is a .safetensors file in the same folder")
      }
      shards[entry.name] = file
    }
    guard !shards.isEmpty else {
      throw CheckpointError(.malformedIndex, file: path, "\"weight_map\" is empty")
    }
    self.shards = shards
  }

  /// Whether the name stays inside the folder and can be a safetensors file.
  private static func isPlain(_ name: String) -> Bool {
    name.hasSuffix(".safetensors") && !name.hasPrefix(".")
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
  }
}
