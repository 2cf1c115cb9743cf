import Glibc
import Testing

@testable import Checkpoints

@Suite struct CheckpointTests {
  /// A tensor [rows, columns] whose element (r, c) is r + c / 1024, exact in Float.
  private func ramp(_ rows: Int, _ columns: Int) -> [Float] {
    (0..<rows * columns).map { Float($0 / columns) + Float($0 % columns) / 1024 }
  }

  private func single(_ folder: TemporaryFolder) throws -> Checkpoint {
    var writer = SafetensorsWriter()
    writer.add("w", shape: [37, 19], values: ramp(37, 19))
    writer.add("v", shape: [11], values: (0..<11).map(Float.init))
    try writer.write(to: folder.file("model.safetensors"))
    return try Checkpoint(directory: folder.path)
  }

  /// Two shards: a and b in the first, c in the second.
  private func writeShards(_ folder: TemporaryFolder, index: String) throws {
    var first = SafetensorsWriter()
    first.add("a", shape: [2], values: [1, 2])
    first.add("b", shape: [1], values: [3])
    try first.write(to: folder.file("one.safetensors"))
    var second = SafetensorsWriter()
    second.add("c", shape: [1], values: [4])
    try second.write(to: folder.file("two.safetensors"))
    _ = try folder.write(index, to: "model.safetensors.index.json")
  }

  private func openError(_ folder: TemporaryFolder) -> CheckpointError? {
    checkpointError { _ = try Checkpoint(directory: folder.path) }
  }

  @Test("any block of rows and columns is the same part of the tensor, with and without stride")
  func blocks() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try single(folder)
    var random = SeededGenerator(seed: 5)
    for _ in 0..<300 {
      let r0 = Int.random(in: 0...37, using: &random)
      let r1 = Int.random(in: r0...37, using: &random)
      let c0 = Int.random(in: 0...19, using: &random)
      let c1 = Int.random(in: c0...19, using: &random)
      let (rows, columns) = (r0..<r1, c0..<c1)
      let expected = rows.flatMap { r in columns.map { Float(r) + Float($0) / 1024 } }
      let tight = try checkpoint.array(expected.count) { buffer throws(CheckpointError) in
        try checkpoint.readBlock(
          "w", shape: [37, 19], rows: rows, columns: columns, into: buffer)
      }
      #expect(tight == expected)
      let stride = columns.count + Int.random(in: 0...3, using: &random)
      let loose = try checkpoint.array(rows.count * stride) { buffer throws(CheckpointError) in
        try checkpoint.readBlock(
          "w", shape: [37, 19], rows: rows, columns: columns, into: buffer, rowStride: stride)
      }
      for (index, value) in loose.enumerated() {
        let (r, c) = (index / stride, index % stride)
        if c < columns.count {
          #expect(value == expected[r * columns.count + c])
        } else {
          #expect(value.isNaN, "between rows nothing is written")
        }
      }
    }
  }

  @Test("rows, columns and vector parts are read")
  func rowsColumnsVector() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try single(folder)
    let rows = try checkpoint.array(2 * 19) { buffer throws(CheckpointError) in
      try checkpoint.readRows("w", shape: [37, 19], rows: 35..<37, into: buffer)
    }
    #expect(rows == Array(ramp(37, 19).suffix(38)))
    let columns = try checkpoint.array(37) { buffer throws(CheckpointError) in
      try checkpoint.readColumns("w", shape: [37, 19], columns: 18..<19, into: buffer)
    }
    #expect(columns == (0..<37).map { Float($0) + 18.0 / 1024 })
    let vector = try checkpoint.array(3) { buffer throws(CheckpointError) in
      try checkpoint.readVector("v", count: 11, range: 4..<7, into: buffer)
    }
    #expect(vector == [4, 5, 6])
    #expect(try checkpoint.floats("w") == ramp(37, 19))
    #expect(checkpoint.tensorNames == ["v", "w"])
    #expect(try checkpoint.shape(of: "w") == [37, 19])
    #expect(checkpoint.tensorBytes == 4 * (37 * 19 + 11))
  }

  @Test("a shape other than the configuration's names tensor, file and both shapes")
  func wrongShape() throws {
    let folder = try TemporaryFolder()
    let checkpoint = try single(folder)
    for shape in [[19, 37], [37, 18], [37 * 19, 1]] {
      let error = checkpointError {
        try checkpoint.readRows("w", shape: shape, rows: 0..<0, into: .init(start: nil, count: 0))
      }
      #expect(error?.kind == .wrongShape)
      #expect(
        error?.description
          == "\(folder.path)/model.safetensors: tensor w: has shape [37, 19], "
          + "the configuration asks for \(shape)")
    }
    let empty = UnsafeMutableBufferPointer<Float>(start: nil, count: 0)
    let vector = checkpointError {
      try checkpoint.readVector("v", count: 12, range: 0..<0, into: empty)
    }
    #expect(vector?.kind == .wrongShape)
    let matrix = checkpointError {
      try checkpoint.readVector("w", count: 703, range: 0..<0, into: empty)
    }
    #expect(matrix?.kind == .wrongShape)
    let missing = checkpointError {
      try checkpoint.readRows("x", shape: [1, 1], rows: 0..<0, into: empty)
    }
    #expect(missing?.kind == .missingTensor)
    #expect(missing?.tensor == "x")
  }

  @Test("a folder without weights, or without itself, is refused")
  func noWeights() throws {
    let folder = try TemporaryFolder()
    #expect(openError(folder)?.kind == .noWeights)
    _ = try folder.write("", to: "pytorch_model.bin")
    #expect(openError(folder)?.message.contains("pytorch_model.bin") == true)
    let error = checkpointError { _ = try Checkpoint(directory: folder.file("nowhere")) }
    #expect(error?.kind == .cannotOpen)
    #expect(
      checkpointError { _ = try Checkpoint(directory: folder.file("pytorch_model.bin")) }?.kind
        == .cannotOpen)
  }

  @Test("shards of an index are read; tensors the index leaves out are listed")
  func shards() throws {
    let folder = try TemporaryFolder()
    let index =
      "{\"metadata\":{\"total_size\":12},\"weight_map\":"
      + "{\"a\":\"one.safetensors\",\"c\":\"two.safetensors\"}}"
    try writeShards(folder, index: index)
    let checkpoint = try Checkpoint(directory: folder.path + "/")
    #expect(checkpoint.tensorNames == ["a", "c"])
    #expect(checkpoint.unlistedTensors == ["b"])
    #expect(!checkpoint.contains("b"))
    #expect(try checkpoint.floats("a") == [1, 2])
    #expect(try checkpoint.floats("c") == [4])
    #expect(checkpoint.files.count == 2)
    var whole = SafetensorsWriter()
    whole.add("z", shape: [], values: [0])
    try whole.write(to: folder.file("model.safetensors"))
    #expect(try Checkpoint(directory: folder.path).tensorNames == ["z"])
  }

  @Test("an index that is wrong is an error of its kind that names the tensor")
  func wrongIndex() throws {
    let folder = try TemporaryFolder()
    func error(_ index: String) throws -> CheckpointError? {
      try writeShards(folder, index: index)
      return openError(folder)
    }
    func map(_ text: String) -> String { "{\"weight_map\":{\(text)}}" }
    #expect(try error("").map(\.kind) == .malformedIndex)
    #expect(try error("{}").map(\.kind) == .malformedIndex)
    #expect(try error("{\"weight_map\":[]}").map(\.kind) == .malformedIndex)
    #expect(try error(map("")).map(\.kind) == .malformedIndex)
    #expect(try error(map("\"a\":1")).map(\.tensor) == "a")
    let twice = try error(map("\"a\":\"one.safetensors\",\"a\":\"two.safetensors\""))
    #expect(twice?.kind == .duplicateName)
    #expect(twice?.tensor == "a")
    let missing = try error(map("\"a\":\"three.safetensors\""))
    #expect(missing?.kind == .missingShard)
    #expect(missing?.file == folder.file("three.safetensors"))
    let absent = try error(map("\"x\":\"one.safetensors\""))
    #expect(absent?.kind == .tensorNotInShard)
    #expect(absent?.tensor == "x")
    let elsewhere = try error(map("\"a\":\"two.safetensors\",\"b\":\"one.safetensors\""))
    #expect(elsewhere?.kind == .tensorNotInShard)
    #expect(elsewhere?.message.contains("one.safetensors has") == true)
  }

  @Test(
    "a shard name that leaves the folder is refused",
    arguments: [
      "../one.safetensors", "/etc/passwd", "/x.safetensors", "sub/one.safetensors", "..", "",
      ".safetensors", "one.bin", "one.safetensors/", "one.safetensors\\u0000",
    ])
  func unsafeName(name: String) throws {
    let folder = try TemporaryFolder()
    try writeShards(folder, index: "{\"weight_map\":{\"a\":\"\(name)\"}}")
    let error = openError(folder)
    #expect(error?.kind == .unsafeFileName)
    #expect(error?.tensor == "a")
  }

  @Test("a tensor in two shards is refused, listed or not")
  func twoFiles() throws {
    let folder = try TemporaryFolder()
    let index = "{\"weight_map\":{\"a\":\"one.safetensors\",\"c\":\"two.safetensors\"}}"
    try writeShards(folder, index: index)
    for name in ["a", "b"] {
      var second = SafetensorsWriter()
      second.add("c", shape: [1], values: [4])
      second.add(name, shape: [1], values: [5])
      try second.write(to: folder.file("two.safetensors"))
      let error = openError(folder)
      #expect(error?.kind == .tensorInTwoFiles)
      #expect(error?.tensor == name)
      #expect(error?.description.contains("one.safetensors") == true)
    }
  }

  @Test("a truncated shard names the shard")
  func truncatedShard() throws {
    let folder = try TemporaryFolder()
    let index = "{\"weight_map\":{\"a\":\"one.safetensors\",\"c\":\"two.safetensors\"}}"
    try writeShards(folder, index: index)
    let path = folder.file("two.safetensors")
    var status = stat()
    try #require(stat(path, &status) == 0 && truncate(path, status.st_size - 1) == 0)
    let error = openError(folder)
    #expect(error?.kind == .outOfRange)
    #expect(error?.file == path)
    #expect(error?.tensor == "c")
  }

  @Test("a range outside the tensor or a destination of the wrong size traps")
  func callerBugs() async {
    await #expect(processExitsWith: .failure) {
      let folder = try TemporaryFolder()
      let checkpoint = try CheckpointTests().single(folder)
      _ = try checkpoint.array(19) { buffer throws(CheckpointError) in
        try checkpoint.readRows("w", shape: [37, 19], rows: 37..<38, into: buffer)
      }
    }
    await #expect(processExitsWith: .failure) {
      let folder = try TemporaryFolder()
      let checkpoint = try CheckpointTests().single(folder)
      _ = try checkpoint.array(18) { buffer throws(CheckpointError) in
        try checkpoint.readRows("w", shape: [37, 19], rows: 0..<1, into: buffer)
      }
    }
  }
}
