/// A rank's GPU: which card, in what state.
public struct GPUFacts: Codable, Hashable, Sendable {
  public var name: String
  public var uuid: String
  /// Version of the driver, and of the newest CUDA that it knows; empty where NVML is not there.
  public var driver: String
  public var cuda: String
  public var memoryBytes: Int
  /// At start; 0 where NVML is not there.
  public var clockMHz: Int
  public var memoryClockMHz: Int
  /// Bits of NVML's clock throttle reasons.
  public var throttleReasons: UInt64
  /// How messages come out of the device's memory: `staged` through page-locked host memory, `direct`
  /// by an MPI that follows the device's addresses, `nccl`; `none` of a rank alone.
  public var messages: String
  /// Whether MPI says that it could take them there itself; nil where it does not say.
  public var isMPIAware: Bool?
  /// NCCL's version, where it carries messages.
  public var nccl: String?
  /// Another rank of the run computes on the same card.
  public var isShared: Bool
  /// What became of the decode steps' graphs; nil where none were asked for.
  public var graphs: GraphFacts?

  public init(
    name: String, uuid: String, driver: String, cuda: String, memoryBytes: Int,
    clockMHz: Int, memoryClockMHz: Int, throttleReasons: UInt64, messages: String,
    isMPIAware: Bool? = nil, nccl: String? = nil, isShared: Bool = false
  ) {
    self.name = name
    self.uuid = uuid
    self.driver = driver
    self.cuda = cuda
    self.memoryBytes = memoryBytes
    self.clockMHz = clockMHz
    self.memoryClockMHz = memoryClockMHz
    self.throttleReasons = throttleReasons
    self.messages = messages
    self.isMPIAware = isMPIAware
    self.nccl = nccl
    self.isShared = isShared
  }

  /// The ranks with `isShared` set where a card occurs more than once.
  public static func markingShared(_ ranks: [RankFacts]) -> [RankFacts] {
    let uses = Dictionary(grouping: ranks.compactMap(\.gpu?.uuid)) { $0 }.mapValues(\.count)
    return ranks.map { rank in
      var rank = rank
      guard let gpu = rank.gpu else { return rank }
      rank.gpu?.isShared = uses[gpu.uuid, default: 0] > 1
      return rank
    }
  }

  enum CodingKeys: String, CodingKey {
    case name, uuid, driver, cuda, messages, nccl, graphs
    case memoryBytes = "memory_bytes"
    case clockMHz = "clock_mhz"
    case memoryClockMHz = "memory_clock_mhz"
    case throttleReasons = "throttle_reasons"
    case isMPIAware = "mpi_cuda_aware"
    case isShared = "shared_device"
  }
}

/// CUDA graphs of a rank's decode steps, over all of a cell.
public struct GraphFacts: Codable, Hashable, Sendable {
  /// Rows of the steps that they are kept for.
  public var sizes: [Int]
  /// Graphs that were captured, and how often one was launched; 0 before the cell has run.
  public var captured: Int
  public var launches: Int
  /// Device memory that the driver took for them.
  public var memoryBytes: Int
  /// What the driver answered to a capture, after which steps ran without; nil where none failed.
  public var refusal: String?

  public init(
    sizes: [Int], captured: Int = 0, launches: Int = 0, memoryBytes: Int = 0, refusal: String? = nil
  ) {
    self.sizes = sizes
    self.captured = captured
    self.launches = launches
    self.memoryBytes = memoryBytes
    self.refusal = refusal
  }

  enum CodingKeys: String, CodingKey {
    case sizes, captured, launches, refusal
    case memoryBytes = "memory_bytes"
  }
}
