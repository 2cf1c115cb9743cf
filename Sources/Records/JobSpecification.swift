import Models
import Scheduling

/// A job: the question it answers as numbers. `docs/JOBS.md` documents each key.
public struct JobSpecification: Hashable, Sendable, Codable {
  public var name: String
  public var question: String
  public var model: ModelSource
  public var layouts: [ParallelLayout]
  public var policies: [Policy]
  public var workload: WorkloadSource
  /// Tokens generated per request; requests that carry an output length of their own use it when
  /// this is nil.
  public var outputTokens: Int?
  public var microBatches: Int
  /// How far `right-pad` and `left-pad` pad the rows of a micro-batch.
  public var microBatchPadding: MicroBatchPadding
  /// Repeats that are stored but left out of statistics, and those that count, per batch.
  public var warmup: Int
  /// The first batches of each padding pair, or of all, that only warm up; nil, not 0, for none, as
  /// with `trace`.
  public var warmupBatches: Int?
  public var repeats: Int
  public var seed: UInt64
  public var backend: BackendChoice
  public var verification: VerificationChoice
  public var mode: JobMode
  public var dialect: Dialect
  public var tensorReduction: TensorReduction
  /// `ReductionChunks` at most; nil, not 1, for sums in one piece, as with `trace`.
  public var reductionChunks: Int?
  public var clock: ClockChoice
  /// Repeats go on until this is reached; nil for exactly `repeats`.
  public var precision: PrecisionRule?
  /// True: the calls of one execution per policy are kept. Nil, not false, for no, so that cells keep
  /// the names they had without the key.
  public var trace: Bool?
  /// Nil for fp32 throughout, for the same reason.
  public var formats: NumberFormats?
  /// Nil only in the digest of a cell's identifier, on which it has no bearing.
  public var stepLimit: StepLimit?
  /// What the job is priced on when it is simulated; nil without the key `hardware`.
  public var simulation: SimulationChoice?
  /// Requests over time instead of batches; `policies` and `workload` then say nothing. Nil for no,
  /// as above.
  public var serving: ServingChoice?

  public init(
    name: String, question: String, model: ModelSource, layouts: [ParallelLayout],
    policies: [Policy], workload: WorkloadSource, outputTokens: Int?, microBatches: Int,
    microBatchPadding: MicroBatchPadding = .global,
    warmup: Int, warmupBatches: Int? = nil, repeats: Int, seed: UInt64, backend: BackendChoice,
    verification: VerificationChoice, mode: JobMode = .generate,
    dialect: Dialect = .megatron, tensorReduction: TensorReduction = .allReduce,
    reductionChunks: Int? = nil, clock: ClockChoice = .wall, precision: PrecisionRule? = nil,
    trace: Bool? = nil,
    formats: NumberFormats? = nil, stepLimit: StepLimit? = .standard,
    simulation: SimulationChoice? = nil, serving: ServingChoice? = nil
  ) {
    self.name = name
    self.question = question
    self.model = model
    self.layouts = layouts
    self.policies = policies
    self.workload = workload
    self.outputTokens = outputTokens
    self.microBatches = microBatches
    self.microBatchPadding = microBatchPadding
    self.warmup = warmup
    self.warmupBatches = warmupBatches
    self.repeats = repeats
    self.seed = seed
    self.backend = backend
    self.verification = verification
    self.mode = mode
    self.dialect = dialect
    self.tensorReduction = tensorReduction
    self.reductionChunks = reductionChunks
    self.clock = clock
    self.precision = precision
    self.trace = trace
    self.formats = formats
    self.stepLimit = stepLimit
    self.simulation = simulation
    self.serving = serving
    self.serving?.graphs = backend.graphs
  }
}

extension JobSpecification {
  /// What numbers are in.
  public var numbers: NumberFormats { formats ?? .single }
}

/// What a job does with its prompts: the key `phase` of a job file.
public enum JobMode: String, Hashable, Sendable, Codable, CaseIterable {
  /// Prefill, then decode.
  case generate
  /// Teacher-forced negative log-likelihood of every prompt token; nothing is generated.
  case score
}

/// Where the model comes from.
public struct ModelSource: Hashable, Sendable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// A published architecture by name, with random weights.
    case preset
    /// A Hugging Face `config.json`, with random weights.
    case config
    /// A folder with `config.json` and safetensors files.
    case checkpoint
  }
  public var kind: Kind
  /// Preset name, or path.
  public var value: String
  /// Factor such as `1/64` that shrinks a preset or configuration.
  public var scale: String?
  public var overrides: ModelOverrides

  public init(kind: Kind, value: String, scale: String? = nil, overrides: ModelOverrides = .init())
  {
    self.kind = kind
    self.value = value
    self.scale = scale
    self.overrides = overrides
  }
}

/// Where the batches come from.
public struct WorkloadSource: Hashable, Sendable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// padtax's own batch file.
    case batches
    /// A cell of the published padding study.
    case study
    /// A file of ShareGPT prompt and answer lengths.
    case sharegpt
    /// A CSV trace with token counts.
    case trace
    /// Lengths made here, by a named shape.
    case generate
    /// Lengths made here, with the padding asked for.
    case padRatio = "pad-ratio"
  }
  public var kind: Kind
  /// Path, the shape's text, or pad ratios.
  public var value: String
  /// Requests per batch and batches taken; nil takes what the file has.
  public var batchSize: Int?
  public var batchCount: Int?
  /// Prompts longer than this are cut to it; nil cuts nothing.
  public var longest: Int?
  /// First batch (or, for sources without batches, first request) taken.
  public var first: Int
  /// Output lengths of the requests: `trace`, a number or a shape; nil takes the source's.
  public var outputs: String?
  /// What `pad-ratio` needs besides.
  public var padding: PaddingRequest?

  public init(
    kind: Kind, value: String, batchSize: Int? = nil, batchCount: Int? = nil,
    longest: Int? = nil, first: Int = 0, outputs: String? = nil,
    padding: PaddingRequest? = nil
  ) {
    self.kind = kind
    self.value = value
    self.batchSize = batchSize
    self.batchCount = batchCount
    self.longest = longest
    self.first = first
    self.outputs = outputs
    self.padding = padding
  }
}

extension WorkloadSource {
  /// What stands for the workload of a job with a section `serving`.
  static let serving = WorkloadSource(kind: .generate, value: "serving")
}

/// What computes.
public struct BackendChoice: Hashable, Sendable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    case cpu
    /// One GPU a rank.
    case cuda
    /// Plain loops, slow and obvious.
    case reference
  }
  public var kind: Kind
  /// `openblas`, or the path or shared-object name of another CBLAS.
  public var blas: String
  /// Threads per rank.
  public var threads: Int
  /// How messages leave a GPU's memory.
  public enum Messages: String, Sendable, Codable, CaseIterable {
    /// The first of nccl, direct and staged that all ranks can take.
    case auto
    /// Through page-locked host memory.
    case staged
    /// MPI follows the device's addresses.
    case direct
    /// NCCL where it has the operation, staged elsewhere.
    case nccl
  }
  /// `auto` without a GPU.
  public var messages: Messages
  /// Sizes that decode steps are filled up to, and that a GPU keeps graphs of; nil for none, so that
  /// cells keep the names they had without the key.
  public var graphs: GraphSizes?

  public init(
    kind: Kind = .cpu, blas: String = "openblas", threads: Int = 1, messages: Messages = .auto,
    graphs: GraphSizes? = nil
  ) {
    self.kind = kind
    self.blas = blas
    self.threads = threads
    self.messages = messages
    self.graphs = graphs
  }
}

/// How much is compared with the unsharded, unpadded reference before anything is timed.
public struct VerificationChoice: Hashable, Sendable, Codable {
  public var sequences: Int
  public var outputTokens: Int

  public init(sequences: Int = 6, outputTokens: Int = 8) {
    self.sequences = sequences
    self.outputTokens = outputTokens
  }
}
