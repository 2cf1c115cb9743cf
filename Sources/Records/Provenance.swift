/// What a cell ran on and with: written once per cell by the coordinator.
public struct Provenance: Record, Hashable {
  public static let schemaName = "padtax/provenance"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var cell: String
  public var arguments: [String]
  public var padtaxVersion: String
  /// Commit of the source tree, and whether it had uncommitted changes; nil outside a checkout.
  public var commit: String?
  public var dirty: Bool?
  public var seed: UInt64
  /// `wall` or `virtual`; of the latter, what it pretended.
  public var clock: String
  public var virtualTime: VirtualTimeFacts?
  public var startUTC: String
  public var model: ModelFacts
  public var layout: String
  public var mpiLibrary: String
  public var mpiStandard: String
  /// What numbers were in; nil in files from before there was a choice: fp32.
  public var numbers: NumberFormats?
  /// True when more ranks ran on a host than it has usable cores.
  public var oversubscribed: Bool
  public var ranks: [RankFacts]
  /// Environment variables that change how ranks, MPI and BLAS behave. Secrets are redacted.
  public var environment: [String: String]
  /// What a reader of the numbers must know, such as a slow BLAS kernel.
  public var warnings: [String]

  public init(
    cell: String, arguments: [String], padtaxVersion: String, commit: String?, dirty: Bool?,
    seed: UInt64, clock: String, virtualTime: VirtualTimeFacts? = nil, startUTC: String,
    model: ModelFacts, layout: String,
    mpiLibrary: String, mpiStandard: String, numbers: NumberFormats? = nil, oversubscribed: Bool,
    ranks: [RankFacts],
    environment: [String: String], warnings: [String]
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.arguments = arguments
    self.padtaxVersion = padtaxVersion
    self.commit = commit
    self.dirty = dirty
    self.seed = seed
    self.clock = clock
    self.virtualTime = virtualTime
    self.startUTC = startUTC
    self.model = model
    self.layout = layout
    self.mpiLibrary = mpiLibrary
    self.mpiStandard = mpiStandard
    self.numbers = numbers
    self.oversubscribed = oversubscribed
    self.ranks = ranks
    self.environment = environment
    self.warnings = warnings
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, arguments
    case padtaxVersion = "padtax_version"
    case commit, dirty, seed, clock
    case virtualTime = "virtual_time"
    case startUTC = "start_utc"
    case model, layout
    case mpiLibrary = "mpi_library"
    case mpiStandard = "mpi_standard"
    case numbers, oversubscribed, ranks, environment, warnings
  }

  /// Sum over ranks of the measured multiply-add peak, in FLOP/s; of the pretended processors under
  /// the virtual clock.
  public var peakFLOPS: Double {
    ranks.reduce(0) { $0 + $1.peakGFLOPS * 1e9 } * (virtualTime?.computeScale ?? 1)
  }
}

/// The model that ran, in numbers.
public struct ModelFacts: Codable, Hashable, Sendable {
  public var name: String
  public var parameters: Int
  public var layers: Int
  public var hidden: Int
  public var queryHeads: Int
  public var kvHeads: Int
  public var headDimension: Int
  public var feedForward: Int
  public var vocabulary: Int
  /// `random` with the seed, or the checkpoint's folder name.
  public var weights: String

  public init(
    name: String, parameters: Int, layers: Int, hidden: Int, queryHeads: Int, kvHeads: Int,
    headDimension: Int, feedForward: Int, vocabulary: Int, weights: String
  ) {
    self.name = name
    self.parameters = parameters
    self.layers = layers
    self.hidden = hidden
    self.queryHeads = queryHeads
    self.kvHeads = kvHeads
    self.headDimension = headDimension
    self.feedForward = feedForward
    self.vocabulary = vocabulary
    self.weights = weights
  }

  enum CodingKeys: String, CodingKey {
    case name, parameters, layers, hidden
    case queryHeads = "query_heads"
    case kvHeads = "kv_heads"
    case headDimension = "head_dimension"
    case feedForward = "feed_forward"
    case vocabulary, weights
  }
}

/// One rank: where it ran, with what, and how fast its core and BLAS are.
public struct RankFacts: Codable, Hashable, Sendable {
  public var rank: Int
  public var host: String
  public var process: Int
  public var cpuModel: String
  public var usableCores: Int
  /// Logical CPUs that the process is bound to, in Linux's list format.
  public var binding: String
  public var numaNode: String
  public var backend: String
  public var library: String
  /// Kernel set that the BLAS chose, such as `SkylakeX`.
  public var blasCore: String
  public var instructionSet: String
  public var threads: Int
  /// Which code computes what, in reading order; nil in older files.
  public var notes: [String]?
  /// Multiply-add peak of the rank's threads, measured at start, of the instruction that computes
  /// the products.
  public var peakGFLOPS: Double
  /// Bare GEMM rate at a shape of the model, measured at start.
  public var gemmGFLOPS: Double
  public var weightBytes: Int
  public var loadAverage: Double
  /// The card that the rank computes on; nil where it is the CPU.
  public var gpu: GPUFacts?

  public init(
    rank: Int, host: String, process: Int, cpuModel: String, usableCores: Int, binding: String,
    numaNode: String, backend: String, library: String, blasCore: String, instructionSet: String,
    threads: Int, notes: [String]? = nil, peakGFLOPS: Double, gemmGFLOPS: Double, weightBytes: Int,
    loadAverage: Double, gpu: GPUFacts? = nil
  ) {
    self.rank = rank
    self.host = host
    self.process = process
    self.cpuModel = cpuModel
    self.usableCores = usableCores
    self.binding = binding
    self.numaNode = numaNode
    self.backend = backend
    self.library = library
    self.blasCore = blasCore
    self.instructionSet = instructionSet
    self.threads = threads
    self.notes = notes
    self.peakGFLOPS = peakGFLOPS
    self.gemmGFLOPS = gemmGFLOPS
    self.weightBytes = weightBytes
    self.loadAverage = loadAverage
    self.gpu = gpu
  }

  enum CodingKeys: String, CodingKey {
    case rank, host, process, gpu
    case cpuModel = "cpu_model"
    case usableCores = "usable_cores"
    case binding
    case numaNode = "numa_node"
    case backend, library
    case blasCore = "blas_core"
    case instructionSet = "instruction_set"
    case threads, notes
    case peakGFLOPS = "peak_gflops"
    case gemmGFLOPS = "gemm_gflops"
    case weightBytes = "weight_bytes"
    case loadAverage = "load_average"
  }
}
