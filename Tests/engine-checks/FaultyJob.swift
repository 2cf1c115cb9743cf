import Glibc
import Inference
import Kernels
import MPI
import Models
import Records
import Tensors
import Transformers

/// Runs a job as `padtax-rank` does, with a fault of its engine that only padded policies show
/// (`no-mask`), with wrong weights on every rank but the coordinator (`wrong-weights`), with traffic
/// predicted for a model with a layer more (`wrong-traffic`), with a last rank that computes for ever
/// once a batch is recorded (`hang`), or with a coordinator that reads weights slowly (`slow-load`).
/// Returns the exit code.
func runFaultyJob(
  _ mode: String, job: String, layout: String, output: String,
  _ world: borrowing Communicator
) throws -> Int32 {
  let layout = try ParallelLayout(parsing: layout)
  let resolved = try ResolvedJob(try JobFile.read(path: job), file: job, layouts: [layout])
  let context = try RankContext(
    layout: layout, world: world, dialect: resolved.job.dialect,
    reduction: resolved.job.tensorReduction)
  let sound = try CPUBackend(threads: 1)
  let isFaulty = mode == "wrong-weights" && !context.isCoordinator
  let seed = resolved.job.seed
  let hangs = mode == "hang" && context.rank == layout.worldSize - 1
  let isCoordinator = context.isCoordinator
  let batches = RunDirectory(path: output).cell("\(layout)").batches
  func hangOnceMeasuring() {
    var facts = stat()
    while stat(batches, &facts) == 0 && facts.st_size > 0 { usleep(1000) }
  }
  var resources = CellResources(
    backend: mode == "no-mask" || hangs
      ? PatchedBackend(sound) { rows in
        if hangs { hangOnceMeasuring() }
        return rows.map { row in
          var row = row
          if !hangs { row.masked = 0..<0 }
          return row
        }
      } : sound,
    weights: { model in
      if mode == "slow-load" && isCoordinator { usleep(1_500_000) }
      return
        FaultyWeights(
          RandomWeights(seed: seed, layers: model.layerCount),
          fault: Fault(tensor: "layers.1.mlp.down_proj.weight", factor: 1.05), isFaulty: isFaulty)
    })
  if mode == "wrong-traffic" {
    var more = ModelOverrides()
    more.layerCount = resolved.model.layerCount + 1
    let predicted = try resolved.model.overriding(more)
    resources.predicted = { _ in predicted }
  }
  return RankLaunch.guarding(rank: world.rank) { [resources] in
    try RankLaunch.runCell(
      resolved, resources, context: context, output: output, progress: .none,
      arguments: CommandLine.arguments)
  }
}

/// A backend whose attention sees other rows than it is asked for.
private final class PatchedBackend: Backend {
  let sound: any Backend
  private let patch: ([AttentionRow]) -> [AttentionRow]

  init(_ sound: any Backend, _ patch: @escaping ([AttentionRow]) -> [AttentionRow]) {
    self.sound = sound
    self.patch = patch
  }

  var provenance: BackendProvenance { sound.provenance }
  func allocate(_ count: Int) throws -> Storage { try sound.allocate(count) }
  func upload(_ values: UnsafeBufferPointer<Float>, to matrix: Matrix) {
    sound.upload(values, to: matrix)
  }
  func download(_ matrix: Matrix) -> [Float] { sound.download(matrix) }
  func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight {
    try sound.makeLinear(weight, bias: bias)
  }
  func linear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix) {
    sound.linear(x, weight, into: y)
  }
  func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix) {
    sound.rmsNorm(x, weight: weight, epsilon: epsilon, into: y)
  }
  func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    sound.addRMSNorm(x, residual: residual, weight: weight, epsilon: epsilon, into: y)
  }
  func add(_ x: Matrix, into y: Matrix) { sound.add(x, into: y) }
  func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float) {
    sound.headNorm(x, heads: heads, weight: weight, epsilon: epsilon)
  }
  func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    sound.rotate(x, heads: heads, positions: positions, table: table)
  }
  func siluMultiply(_ gateUp: Matrix, into y: Matrix) { sound.siluMultiply(gateUp, into: y) }
  func embed(_ tokens: [Int32], table: Matrix, firstToken: Int, into y: Matrix) {
    sound.embed(tokens, table: table, firstToken: firstToken, into: y)
  }
  func embed(
    _ tokens: [Int32], rowsOf weight: any LinearWeight, firstToken: Int, into y: Matrix
  ) {
    sound.embed(tokens, rowsOf: weight, firstToken: firstToken, into: y)
  }
  func store(keys: Matrix, values: Matrix, rows: [AttentionRow], into cache: KVCacheView) {
    sound.store(keys: keys, values: values, rows: rows, into: cache)
  }
  func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    sound.attend(
      queries: queries, rows: patch(rows), cache: cache, queryHeads: queryHeads, scale: scale,
      into: out)
  }
  func gatherRows(_ x: Matrix, rows: [Int], into y: Matrix) {
    sound.gatherRows(x, rows: rows, into: y)
  }
  func argmax(_ logits: Matrix) -> [(index: Int, value: Float)] { sound.argmax(logits) }
  func softmaxParts(_ logits: Matrix, targets: [Int]) -> SoftmaxParts {
    sound.softmaxParts(logits, targets: targets)
  }
  func synchronize() { sound.synchronize() }
}
