import Models
import Scheduling

/// Which operations each rank of a layout performs for a plan: the engine's communication as a pure
/// function, operation by operation.
///
/// `docs/COMMUNICATION.md` lists the operations of each dialect.
public struct TrafficModel: Sendable, Hashable {
  public let model: ModelConfiguration
  public let layout: ParallelLayout
  public let dialect: Dialect
  public let reduction: TensorReduction
  /// All-reduces after each row-parallel product of a layer at most (`ReductionChunks`).
  public let reductionChunks: Int
  /// Format of hidden states, and of logits.
  public let activations: ElementFormat
  public let logits: ElementFormat
  /// Of keys and values, which do not travel.
  public let cache: ElementFormat
  public let partition: StagePartition
  /// Columns of the head that are gathered: the vocabulary, of an encoder what its best head gives;
  /// 0 when each rank of the last stage has them all.
  public let headColumns: Int
  /// Slots that are scored at a time.
  public let scoreRows: Int

  /// - Parameters:
  ///   - reductionChunks: means nothing where sums are scattered.
  ///   - activations: padtax's engine has 32-bit floats, or bfloat16 where a job says so.
  ///   - cache: as activations when nil.
  ///   - logits: as activations when nil; padtax's engine has 32-bit floats always.
  ///   - partition: layers per stage; the balanced one, which the engine takes, when nil.
  ///   - vocabularyMultiple: the vocabulary is rounded up to a multiple of this before it is split.
  ///   - scoreRows: slots per block of logits of a score pass.
  /// - Throws: `CommunicationError` when the model cannot be divided so or the options exclude each
  ///   other.
  public init(
    model: ModelConfiguration, layout: ParallelLayout, dialect: Dialect = .megatron,
    reduction: TensorReduction = .allReduce, reductionChunks: Int = 1,
    activations: ElementFormat = .float, logits: ElementFormat? = nil, cache: ElementFormat? = nil,
    partition: StagePartition? = nil, vocabularyMultiple: Int = 1, scoreRows: Int = 256
  ) throws(CommunicationError) {
    precondition(vocabularyMultiple > 0 && scoreRows > 0, "multiples and blocks are positive")
    precondition(reductionChunks > 0, "a product is summed in one chunk at least")
    self.model = model
    self.layout = layout
    self.dialect = dialect
    self.reduction = reduction
    self.reductionChunks = reductionChunks
    self.activations = activations
    self.logits = logits ?? activations
    self.cache = cache ?? activations
    self.scoreRows = scoreRows
    do {
      try layout.validate(for: model)
      self.partition =
        if let partition { partition } else {
          try StagePartition.balanced(model, stages: layout.pipeline)
        }
    } catch {
      throw CommunicationError("\(error)")
    }
    let columns =
      if let encoder = model.encoder {
        encoder.hasMLMHead ? model.vocabularySize : encoder.hasPooler ? model.hiddenSize : 0
      } else {
        model.vocabularySize
      }
    headColumns = (columns + vocabularyMultiple - 1) / vocabularyMultiple * vocabularyMultiple
    precondition(
      self.partition.stages.count == layout.pipeline, "the partition has the layout's stages")
    try check()
  }

  private func check() throws(CommunicationError) {
    guard dialect != .megatron || reduction != .allReduce else { return }
    if model.isEncoder {
      throw CommunicationError(
        "\(model.name) is an encoder: only dialect megatron with tensor-reduction all-reduce is known"
      )
    }
    if dialect == .vllmV0, reduction == .reduceScatter {
      throw CommunicationError(
        "dialect vllm-v0 has no tensor-reduction reduce-scatter; choose megatron or all-reduce")
    }
    if dialect == .vllmV0, layout.pipeline > 1, model.hiddenSize % layout.tensor != 0 {
      throw CommunicationError(
        "dialect vllm-v0 sends 1/\(layout.tensor) of each hidden state: the tensor-parallel degree "
          + "must divide the hidden size of \(model.name), \(model.hiddenSize)")
    }
  }

  /// Every operation of a rank, in its order.
  /// - Parameters:
  ///   - plan: that of the rank's replica.
  ///   - scored: sequences of which the logits of every prompt token are wanted, as in verification.
  public func operations(
    of plan: BatchPlan, rank: Int, scored: Set<Int> = []
  ) -> [PlannedOperation] {
    var out: [PlannedOperation] = []
    walk(plan, rank: rank, scored: scored) { out.append($0) }
    return out
  }

  /// As `operations`, without keeping them.
  public func walk(
    _ plan: BatchPlan, rank: Int, scored: Set<Int> = [], _ body: (PlannedOperation) -> Void
  ) {
    walkMicroBatches(plan, rank: rank, scored: scored) { operation, _ in body(operation) }
  }

  /// As `walk`, with the micro-batch that the rank works on at the time, counted over all steps of
  /// the plan. A receive that is posted ahead has the number of the micro-batch before its own, one
  /// after the last micro-batch the number of all.
  public func walkMicroBatches(
    _ plan: BatchPlan, rank: Int, scored: Set<Int> = [], _ body: (PlannedOperation, Int) -> Void
  ) {
    withoutActuallyEscaping(body) { body in
      var walk = PlanWalk(
        traffic: self, place: layout.coordinates(of: rank), scored: scored, emit: body)
      walk.run(plan)
    }
  }
}
