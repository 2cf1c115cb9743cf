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
  /// Another rank of the run computes on the same card.
  public var isShared: Bool

  public init(
    name: String, uuid: String, driver: String, cuda: String, memoryBytes: Int,
    clockMHz: Int, memoryClockMHz: Int, throttleReasons: UInt64, isShared: Bool = false
  ) {
    self.name = name
    self.uuid = uuid
    self.driver = driver
    self.cuda = cuda
    self.memoryBytes = memoryBytes
    self.clockMHz = clockMHz
    self.memoryClockMHz = memoryClockMHz
    self.throttleReasons = throttleReasons
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
    case name, uuid, driver, cuda
    case memoryBytes = "memory_bytes"
    case clockMHz = "clock_mhz"
    case memoryClockMHz = "memory_clock_mhz"
    case throttleReasons = "throttle_reasons"
    case isShared = "shared_device"
  }
}
