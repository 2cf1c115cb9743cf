import Scheduling
import Workloads

/// The clients of a serving run: hands out requests when they are sent, with their intended
/// arrivals. Time is a value that the caller brings.
///
/// An arrival is intended whether or not the server keeps up: in an open loop it is the schedule's
/// time even when the limit on concurrency holds the request back, so that latencies contain the
/// wait (no coordinated omission). In a closed loop it is the moment when the user's last request
/// was answered.
public struct RequestFeed: Sendable {
  private let requests: [ServingRequest]
  private var next = 0
  /// Per request; nil in a closed loop.
  private let times: [Double]?
  /// When users of a closed loop became idle, earliest first; those before `firstIdle` were used.
  private var idle: [Double]
  private var firstIdle = 0
  private let limit: Int
  private var active = 0

  /// - Parameters:
  ///   - requests: in the order they are sent; their own arrivals are not used.
  ///   - recorded: arrivals of the source, for `trace`.
  ///   - maxConcurrency: most requests under way of an open loop; nil for no limit.
  /// - Throws: `WorkloadError` where recorded arrivals are missing.
  public init(
    _ requests: [ServingRequest], arrivals: ArrivalProcess, seed: UInt64, recorded: [Double?] = [],
    maxConcurrency: Int? = nil
  ) throws(WorkloadError) {
    self.requests = requests
    times = try arrivals.times(count: requests.count, seed: seed, recorded: recorded)
    if case .closed(let users) = arrivals {
      idle = Array(repeating: 0, count: min(users, requests.count))
      limit = .max
    } else {
      idle = []
      limit = maxConcurrency ?? .max
    }
  }

  /// True when every request was handed out.
  public var isExhausted: Bool { next == requests.count }

  /// When the next request is sent if nothing completes before; nil when that takes a completion, or
  /// none is left.
  public var nextArrival: Double? {
    guard !isExhausted else { return nil }
    if let times { return active < limit ? times[next] : nil }
    return firstIdle < idle.count ? idle[firstIdle] : nil
  }

  /// Requests that are sent by `now`, in order; O(1) each.
  public mutating func due(now: Double) throws(SchedulingError) -> [ServingRequest] {
    var out: [ServingRequest] = []
    while let arrival = nextArrival, arrival <= now {
      out.append(try requests[next].arriving(at: arrival))
      next += 1
      active += 1
      if times == nil { firstIdle += 1 }
    }
    return out
  }

  /// Takes note of requests that were answered at `now`, or refused.
  public mutating func completed(_ count: Int, now: Double) {
    precondition(count <= active, "no more requests complete than were sent")
    active -= count
    if times == nil { idle += Array(repeating: now, count: count) }
  }
}
