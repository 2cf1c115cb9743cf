/// The weights of a Hugging Face folder: `model.safetensors`, or the shards of an index.
///
/// Opening reads all headers and no weights. As Hugging Face does, `model.safetensors` wins when the
/// index is there as well.
public final class Checkpoint: Sendable {
  /// The folder it was opened from.
  public let directory: String
  /// The files with weights, by path, in the order of their names.
  public let files: [SafetensorsFile]
  /// All tensors, sorted.
  public let tensorNames: [String]
  /// Tensors that a shard has and the index does not list, sorted; they cannot be read.
  public let unlistedTensors: [String]

  let locations: [String: Location]

  struct Location {
    let file: SafetensorsFile
    let tensor: TensorDescription
  }

  /// Opens `directory` and checks the headers and the index against each other.
  public init(directory: String) throws(CheckpointError) {
    guard MappedFile.isDirectory(directory) else {
      throw CheckpointError(
        .cannotOpen, file: directory, "no such folder; a Hugging Face folder is expected")
    }
    let single = Self.join(directory, "model.safetensors")
    let index = Self.join(directory, "model.safetensors.index.json")
    var locations: [String: Location] = [:]
    var unlisted: [String] = []
    if MappedFile.exists(single) {
      let file = try SafetensorsFile(path: single)
      files = [file]
      for tensor in file.tensors { locations[tensor.name] = Location(file: file, tensor: tensor) }
    } else if MappedFile.exists(index) {
      let listed = try CheckpointIndex(path: index)
      files = try Self.openShards(of: listed, in: directory)
      let owners = try Self.owners(of: files)
      for (name, shard) in listed.shards {
        guard let owner = owners[name], owner.path == Self.join(directory, shard) else {
          throw CheckpointError(
            .tensorNotInShard, file: index, tensor: name,
            "listed in \(shard), which does not have it"
              + (owners[name].map { "; \($0.path) has" } ?? ""))
        }
        if let tensor = owner.tensor(named: name) {
          locations[name] = Location(file: owner, tensor: tensor)
        }
      }
      unlisted = owners.keys.filter { listed.shards[$0] == nil }.sorted()
    } else {
      throw CheckpointError(
        .noWeights, file: directory,
        "neither model.safetensors nor model.safetensors.index.json is in the folder"
          + (MappedFile.exists(Self.join(directory, "pytorch_model.bin"))
            ? "; pytorch_model.bin is, which must be converted to safetensors first" : ""))
    }
    self.directory = directory
    self.locations = locations
    tensorNames = locations.keys.sorted()
    unlistedTensors = unlisted
  }

  /// Whether there is a tensor of that name.
  public func contains(_ name: String) -> Bool { locations[name] != nil }

  /// Element type, shape and place of a tensor.
  public func tensor(_ name: String) throws(CheckpointError) -> TensorDescription {
    try location(name).tensor
  }

  /// Shape of a tensor, outermost dimension first.
  public func shape(of name: String) throws(CheckpointError) -> [Int] {
    try location(name).tensor.shape
  }

  /// Bytes of all tensors as stored.
  public var tensorBytes: Int { locations.values.reduce(0) { $0 + $1.tensor.byteRange.count } }

  /// Path of the folder's `config.json`.
  public var configurationPath: String { Self.join(directory, "config.json") }

  /// The bytes of the folder's `config.json`, up to 16 MiB.
  public func configuration() throws(CheckpointError) -> [UInt8] {
    try MappedFile.contents(of: configurationPath, limit: 16 << 20)
  }

  func location(_ name: String) throws(CheckpointError) -> Location {
    guard let location = locations[name] else {
      let others = tensorNames.prefix(3).joined(separator: ", ")
      throw CheckpointError(
        .missingTensor, file: files.count == 1 ? files[0].path : directory, tensor: name,
        "not there; the checkpoint has \(tensorNames.count) tensors (\(others), ...)")
    }
    return location
  }

  static func join(_ directory: String, _ name: String) -> String {
    directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)"
  }
}

extension Checkpoint {
  /// Opens each file that the index names, once.
  private static func openShards(
    of index: CheckpointIndex, in directory: String
  ) throws(CheckpointError) -> [SafetensorsFile] {
    var files: [SafetensorsFile] = []
    for shard in Set(index.shards.values).sorted() {
      let path = join(directory, shard)
      guard MappedFile.exists(path) else {
        throw CheckpointError(.missingShard, file: path, "missing, but \(index.path) names it")
      }
      files.append(try SafetensorsFile(path: path))
    }
    return files
  }

  /// The one file of each tensor.
  private static func owners(
    of files: [SafetensorsFile]
  ) throws(CheckpointError) -> [String: SafetensorsFile] {
    var owners: [String: SafetensorsFile] = [:]
    for file in files {
      for tensor in file.tensors {
        if let other = owners.updateValue(file, forKey: tensor.name) {
          throw CheckpointError(
            .tensorInTwoFiles, file: file.path, tensor: tensor.name, "also in \(other.path)")
        }
      }
    }
    return owners
  }
}
