import Kernels
import MPI
import Models
import Tensors

/// One rank's part of a model, as the engine drives it: embed, run the layers, give the rows that
/// answers are read from.
public protocol ModelShard: AnyObject {
  var plan: ShardPlan { get }
  var backend: any Backend { get }
  /// Called after each layer but the last; nil for nothing.
  var betweenLayers: (() throws(MPIError) -> Void)? { get set }

  /// Makes room for micro-batches of up to `slots` slots, `samples` sampled and `scored` scored at
  /// a time; only a `TransformerShard` scores.
  func reserve(slots: Int, samples: Int, scored: Int) throws
  /// - Parameter isTransient: nothing is read after its layer has run, so layers may share memory.
  func makeCache(slots: Int, isTransient: Bool) throws -> KVCache

  /// Writes the embeddings of one token id per slot into `hidden` [slots, hidden], or this rank's
  /// block of them.
  func embed(
    _ tokens: [Int32], input: MicroBatchInput, into hidden: Matrix) throws(MPIError)
  /// Runs the shard's layers on a stream, in place. A stream with a pending matrix comes out of all
  /// stages but the last with its last product there, not yet added.
  func runLayers(
    _ stream: ResidualStream, input: MicroBatchInput, cache: KVCache) throws(MPIError)
  /// What the head makes of the sampled slots, whole on the group's root: a decoder's logits, an
  /// encoder's `EncoderOutput`. Other ranks get nil.
  func logits(_ hidden: Matrix, input: MicroBatchInput) throws(MPIError) -> LogitBlocks?
  /// Gives the tokens that the root chose to all ranks of the stage.
  func share(_ tokens: inout [Int32]) throws(MPIError)
}

extension ModelShard {
  public var weightBytes: Int {
    plan.weightBytes(
      matrixBytes: backend.weightFormat.byteCount,
      vectorBytes: backend.activationFormat.byteCount)
  }
}

/// The shard that a plan's model needs, with its weights loaded.
/// - Parameter positions: position ids that will occur are below this.
public func makeShard(
  plan: ShardPlan, source: any WeightSource, backend: any Backend, group: TensorGroup,
  positions: Int
) throws -> any ModelShard {
  guard plan.model.isEncoder else {
    return try TransformerShard(
      plan: plan, source: source, backend: backend, group: group, positions: positions)
  }
  precondition(!group.isScattered, "jobs that would scatter an encoder's sums are refused")
  guard let backend = backend as? any EncoderBackend else {
    throw TransformerError(
      "the backend \(backend.provenance.name) does not run encoders (\(plan.model.name)); "
        + "use cpu, cuda or reference")
  }
  return try EncoderShard(plan: plan, source: source, backend: backend, group: group)
}
