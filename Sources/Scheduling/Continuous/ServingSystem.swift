import Units

/// How a server puts its iterations together, under the name that jobs, records and reports use:
/// a mode and what differs from its defaults, such as `in-flight+prefix-cache`.
public struct ServingSystem: Hashable, Sendable {
  public var mode: BatchingMode
  public var order = AdmissionOrder.fcfs
  /// True when each request reserves the longest sequence: the default of request-level modes.
  public var isContiguous: Bool
  public var prefixCaching = false
  /// False when prompts are fed whole. Request-level modes never cut them.
  public var chunkedPrefill: Bool
  /// True when prompts have iterations of their own, before any decode (`in-flight`).
  public var prefillFirst = false
  public var maxQueueDelayMicroseconds = 0

  public init(_ mode: BatchingMode) {
    self.mode = mode
    isContiguous = mode.isRequestLevel
    chunkedPrefill = !mode.isRequestLevel
  }

  /// The limits of this system.
  /// - Parameters:
  ///   - maxSequenceLength: tokens that contiguous reservation sets aside per request.
  ///   - stages: iterations under way at once.
  /// - Throws: `SchedulingError` where they cannot work.
  public func limits(
    maxNumTokens: Int, maxBatchSize: Int, maxSequenceLength: Int, blockSize: Int, blockCount: Int,
    stages: Int, graphs: GraphSizes? = nil
  ) throws(SchedulingError) -> SchedulerLimits {
    try SchedulerLimits(
      mode: mode, order: order, maxNumTokens: maxNumTokens, maxBatchSize: maxBatchSize,
      blockSize: blockSize, blockCount: blockCount, chunkedPrefill: chunkedPrefill,
      prefillFirst: prefillFirst,
      prefixCaching: prefixCaching,
      reservation: isContiguous ? .contiguous(maxSequenceLength: maxSequenceLength) : .paged,
      maxQueueDelay: Double(maxQueueDelayMicroseconds) * 1e-6, iterationsInFlight: stages,
      graphs: graphs)
  }
}

extension ServingSystem: CustomStringConvertible {
  /// The options that a mode may be followed by.
  public static let options = [
    "paged", "contiguous", "prefix-cache", "whole-prompts", "prefill-first", "shortest-first",
    "priority", "delay:MICROSECONDS",
  ]

  public static var forms: String {
    let modes = BatchingMode.allCases.map(\.rawValue).joined(separator: ", ")
    return "\(modes), each with any of +\(options.joined(separator: ", +"))"
  }

  public var description: String {
    let standard = ServingSystem(mode)
    var text = mode.rawValue
    if isContiguous != standard.isContiguous { text += isContiguous ? "+contiguous" : "+paged" }
    if prefixCaching { text += "+prefix-cache" }
    if chunkedPrefill != standard.chunkedPrefill { text += "+whole-prompts" }
    if prefillFirst { text += "+prefill-first" }
    if order != .fcfs { text += "+\(order.rawValue)" }
    if maxQueueDelayMicroseconds > 0 { text += "+delay:\(maxQueueDelayMicroseconds)" }
    return text
  }

  /// Reads a mode with options, such as `dynamic+delay:5000` or `in-flight+prefix-cache`.
  /// - Throws: `SchedulingError` naming the valid choices, or why options do not go together.
  public init(parsing text: String) throws(SchedulingError) {
    let parts = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    guard let mode = BatchingMode(rawValue: parts[0]) else {
      throw SchedulingError("unknown system '\(text)'; valid choices: \(Self.forms)")
    }
    self.init(mode)
    var seen = Set<String>()
    for option in parts.dropFirst() {
      let name = option.split(separator: ":", maxSplits: 1).first.map(String.init) ?? ""
      guard seen.insert(name).inserted else {
        throw SchedulingError("system '\(text)': '\(name)' is there twice")
      }
      switch option {
      case "paged": isContiguous = false
      case "contiguous": isContiguous = true
      case "prefix-cache": prefixCaching = true
      case "whole-prompts": chunkedPrefill = false
      case "prefill-first": prefillFirst = true
      case "shortest-first": order = .shortestFirst
      case "priority": order = .priority
      default:
        guard name == "delay", let delay = Int(option.dropFirst(6)),
          (1...60_000_000).contains(delay)
        else {
          throw SchedulingError(
            "system '\(text)': unknown option '\(option)'; valid choices: \(Self.forms) "
              + "(1 to 60000000)")
        }
        maxQueueDelayMicroseconds = delay
      }
    }
    guard !(seen.contains("shortest-first") && seen.contains("priority")) else {
      throw SchedulingError("system '\(text)': take one order, shortest-first or priority")
    }
    guard !(seen.contains("whole-prompts") && mode.isRequestLevel) else {
      throw SchedulingError("system '\(text)': mode \(mode.rawValue) feeds prompts whole anyway")
    }
    guard !(prefillFirst && mode.isRequestLevel) else {
      throw SchedulingError("system '\(text)': mode \(mode.rawValue) feeds prompts first anyway")
    }
    // What the limits refuse of the options alone is refused here, where the job says it.
    _ = try limits(
      maxNumTokens: 1, maxBatchSize: 1, maxSequenceLength: 1, blockSize: 1, blockCount: 1,
      stages: 1)
  }
}

extension ServingSystem: TextCodable {}
