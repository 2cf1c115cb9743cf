import Scheduling
import Statistics

/// Random limits and requests.
enum ServingCase {
  static func limits(
    _ random: inout SequentialRandom, mode: BatchingMode? = nil, order: AdmissionOrder? = nil,
    prefixCaching: Bool? = nil
  ) throws -> SchedulerLimits {
    let batch = 1 + random.integer(below: 8)
    let drawn = BatchingMode.allCases[random.integer(below: 3)]
    let mode = mode ?? drawn
    let blockSize = 1 + random.integer(below: 8)
    let blocks = batch + 4 + random.integer(below: 24)
    let longest = blockSize * (blocks - random.integer(below: blocks / 2))
    let isContiguous = random.integer(below: 3) == 0 && prefixCaching != true
    let isCaching = mode == .inFlight && !isContiguous && random.integer(below: 2) == 0
    let anyOrder = AdmissionOrder.allCases[random.integer(below: 3)]
    var limits = try SchedulerLimits(
      mode: mode, order: order ?? anyOrder, maxNumTokens: batch + random.integer(below: 40),
      maxBatchSize: batch, blockSize: blockSize, blockCount: blocks,
      chunkedPrefill: random.integer(below: 3) > 0, prefixCaching: prefixCaching ?? isCaching,
      reservation: isContiguous ? .contiguous(maxSequenceLength: longest) : .paged,
      maxQueueDelay: mode == .static ? 0 : Double(random.integer(below: 3)),
      iterationsInFlight: 1 + random.integer(below: 3))
    limits.prefillFirst = mode == .inFlight && random.integer(below: 3) == 0
    return limits
  }

  /// Prompts of a few families that start alike, some of them of another tenant.
  static func requests(
    _ random: inout SequentialRandom, count: Int, limits: SchedulerLimits
  ) throws -> [ServingRequest] {
    var most = limits.blockCount * limits.blockSize
    if case .contiguous(let length) = limits.reservation { most = length }
    let isCut = limits.chunkedPrefill && !limits.mode.isRequestLevel
    let longest = min(60, most, isCut ? .max : limits.maxNumTokens)
    let families = (0..<4).map { _ in (0..<60).map { _ in Int32(random.integer(below: 50)) } }
    var arrival = 0.0
    return try (0..<count).map { id in
      arrival += Double(random.integer(below: 4)) * 0.5
      let prompt = 1 + random.integer(below: longest)
      let output = 1 + random.integer(below: min(20, most - prompt + 1))
      let shared = families[random.integer(below: 4)].prefix(random.integer(below: prompt + 1))
      let own = (shared.count..<prompt).map { _ in Int32(random.integer(below: 50)) }
      return try ServingRequest(
        id: id, prompt: .tokens(shared + own), outputTokens: output, arrival: arrival,
        priority: random.integer(below: 3), salt: random.integer(below: 3) == 0 ? "tenant" : "")
    }
  }
}
