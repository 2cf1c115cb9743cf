import Kernels
import Locality
import MPI
import Models
import Scheduling
import Tensors
import Transformers

extension LogitBlocks {
  /// The block of the first logit that is no number; nil when all are numbers. One pass over memory
  /// that the choice of tokens has just read.
  func firstNaN(_ backend: any Backend) -> Int? {
    guard backend is any HostBackend else {
      return blocks.firstIndex { block in
        let parts = backend.softmaxParts(block, targets: Array(repeating: -1, count: block.rows))
        return parts.sums.contains { $0.isNaN }
      }
    }
    return blocks.firstIndex { $0.hasNaN }
  }
}

extension Matrix {
  /// Whether an element is no number; the matrix is the host's.
  var hasNaN: Bool {
    for row in 0..<rows {
      // As integers, magnitudes of all numbers are below that of infinity, or equal: a maximum that
      // the compiler can take by vectors.
      let bits = UnsafeRawPointer(self.row(row)).assumingMemoryBound(to: UInt32.self)
      var largest: UInt32 = 0
      for column in 0..<columns { largest = max(largest, bits[column] & 0x7fff_ffff) }
      if largest > Float.infinity.bitPattern { return true }
    }
    return false
  }
}

extension ServingExecutor {
  /// Runs an iteration again and says where the first number went wrong. Collective; all ranks get
  /// the same error.
  func diagnose(_ plan: IterationPlan) throws -> InferenceError {
    var first: LayerPart?
    shard.inspect = { [backend = shard.backend] part, matrix in
      let isWrong =
        (backend is any HostBackend)
        ? matrix.hasNaN : backend.download(matrix).contains(where: \.isNaN)
      if first == nil, isWrong { first = part }
    }
    defer { shard.inspect = nil }
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    _ = try run(plan)
    if context.isCoordinator, !context.isLastStage { _ = try receiveTokens(of: plan) }
    try finish()
    // Twice the layer, and one for the second half; beyond all of them the head.
    let head = 2 * shard.plan.model.layerCount
    let own = first.map { 2 * $0.layer + ($0.isAttention ? 0 : 1) } ?? head
    let ranks = context.layout.worldSize
    // The first rank of the earliest place; without any, the last stage's root stands for the head.
    let isHead = context.isLastStage && context.coordinates.tensor == 0
    var code = [Int64(own < head || isHead ? own * ranks + context.rank : Int.max)]
    try context.control.allReduce(inPlace: &code, .min)
    let (place, rank) = (Int(code[0]) / ranks, Int(code[0]) % ranks)
    let host = try context.control.broadcastArray(Array(Host.name.utf8), root: rank)
    let part =
      place == head
      ? "the LM head" : "layer \(place / 2) (\(place % 2 == 0 ? "attention" : "feed-forward"))"
    let requests = plan.items.filter(\.samples).map { "\($0.request)" }
    return InferenceError(
      .failed,
      "a logit is not a number in iteration \(plan.id) (requests "
        + "\(requests.prefix(8).joined(separator: ", "))\(requests.count > 8 ? ", …" : "")): it comes "
        + "from rank \(rank) on \(String(decoding: host, as: UTF8.self)), \(part)")
  }
}
