import Checkpoints
import FoundationEssentials
import Glibc
import Kernels
import Models
import TestSupport
import Testing

@testable import Transformers

@Suite struct CheckpointWeightsTests {
  /// Writes a checkpoint of the model with random weights; `change` may drop a tensor or reshape it.
  private func checkpoint(
    _ model: ModelConfiguration, in folder: TemporaryDirectory,
    change: (String, [Int]) -> [Int]? = { $1 }
  ) throws -> Checkpoint {
    var writer = SafetensorsWriter()
    for (name, shape) in CheckpointWeights.tensors(of: model) {
      guard let shape = change(name, shape) else { continue }
      writer.add(
        name, shape: shape, values: Array(repeating: 0.5, count: shape.reduce(1, *)))
    }
    try writer.write(to: folder.file("model.safetensors"))
    return try Checkpoint(directory: folder.path)
  }

  @Test("A complete checkpoint passes the check, in every family", arguments: [false, true])
  func complete(tied: Bool) throws {
    for family in ModelConfiguration.Family.allCases {
      let folder = try TemporaryDirectory()
      let model = try TinyModel.make(family, tied: tied)
      try CheckpointWeights(try checkpoint(model, in: folder)).check(model)
    }
  }

  @Test func anyMissingTensorIsNamed() throws {
    let model = try TinyModel.make(.qwen3, layers: 2)
    for missing in CheckpointWeights.tensors(of: model).map(\.name) {
      let folder = try TemporaryDirectory()
      let weights = CheckpointWeights(
        try checkpoint(model, in: folder) { $0 == missing ? nil : $1 })
      let error = #expect(throws: CheckpointError.self) { try weights.check(model) }
      #expect(error.map { "\($0)" }?.contains(missing) == true)
    }
  }

  @Test func anotherShapeIsNamed() throws {
    let folder = try TemporaryDirectory()
    let model = try TinyModel.make()
    let weights = CheckpointWeights(
      try checkpoint(model, in: folder) {
        $0 == "model.layers.2.mlp.up_proj.weight" ? [$1[1], $1[0]] : $1
      })
    let error = #expect(throws: CheckpointError.self) { try weights.check(model) }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains("model.layers.2.mlp.up_proj.weight"))
    #expect(text.contains("[12, 21]") && text.contains("[21, 12]"), "\(text)")
  }

  @Test("Loading one shard of eight makes no more memory resident than the shard and 24 MiB")
  func boundedByTheShard() async {
    await #expect(processExitsWith: .success) { try CheckpointWeightsTests().measure() }
  }

  /// Runs alone in its process: the peak of resident memory is the process's.
  private func measure() throws {
    let folder = try TemporaryDirectory()
    // 120 M parameters: 240 MB of BF16 in the file, 480 MB as float32.
    let model = try TinyModel.make(
      layers: 8, hidden: 1024, queryHeads: 16, kvHeads: 4, headDimension: 64, feedForward: 3072,
      vocabulary: 16_384)
    try sparseCheckpoint(model, in: folder)
    let plan = try ShardPlan(
      model: model, layout: try ParallelLayout(tensor: 4, pipeline: 2), rank: 5)
    let source = CheckpointWeights(try Checkpoint(directory: folder.path))
    try source.check(model)
    // Writing 5 resets the peak (proc(5)).
    try Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
    let before = try resident("VmRSS")
    let weights = try ShardWeights(plan, source: source, backend: ReferenceBackend())
    let growth = try resident("VmHWM") - before
    let shard = plan.weightBytes(elementBytes: 4)
    #expect(weights.layers.count == plan.layers.count)
    #expect(growth > shard * 9 / 10, "the shard of \(shard) bytes was not loaded: \(growth)")
    #expect(growth < shard + 24 << 20, "\(growth) bytes for a shard of \(shard)")
    // The bound says something only where the whole is much more than it.
    #expect(model.weightBytes(elementBytes: 4) > 4 * (shard + 24 << 20))
  }

  /// A BF16 file of the model's size that takes no room on the disk.
  private func sparseCheckpoint(
    _ model: ModelConfiguration, in folder: TemporaryDirectory
  ) throws {
    var offset = 0
    let members = CheckpointWeights.tensors(of: model).map { name, shape in
      let begin = offset
      offset += 2 * shape.reduce(1, *)
      return
        "\"\(name)\":{\"dtype\":\"BF16\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(offset)]}"
    }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    let path = try folder.write(length + header, to: "model.safetensors")
    try #require(truncate(path, off_t(8 + header.count + offset)) == 0)
  }

  private func resident(_ field: String) throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(field):") })
    let number = line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first
    return try #require(number.flatMap { Int($0) }) * 1024
  }
}
