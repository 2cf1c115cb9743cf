import Statistics

/// What to do with prompts of a file that are too long or empty, and with long outputs.
public struct LengthLimits: Sendable, Hashable, Codable {
  public enum Overlong: String, Sendable, Hashable, Codable, CaseIterable {
    case reject
    case clip
    case drop
  }
  public enum Empty: String, Sendable, Hashable, Codable, CaseIterable {
    case reject
    case drop
  }

  /// Longest prompt kept as it is; nil for no limit but `Request.longestLength`.
  public var maximumPrompt: Int?
  public var overlong: Overlong
  public var empty: Empty
  /// Longer outputs are clipped to this.
  public var maximumOutput: Int?

  public init(
    maximumPrompt: Int? = nil, overlong: Overlong = .reject, empty: Empty = .reject,
    maximumOutput: Int? = nil
  ) {
    self.maximumPrompt = maximumPrompt
    self.overlong = overlong
    self.empty = empty
    self.maximumOutput = maximumOutput
  }

  func validate() throws(WorkloadError) {
    for (name, limit) in [("prompt", maximumPrompt), ("output", maximumOutput)] {
      if let limit, !(1...Request.longestLength).contains(limit) {
        throw WorkloadError(
          "the maximum \(name) length is \(limit); it must be 1 to \(Request.longestLength)")
      }
    }
  }
}

/// In which order requests fill batches.
public enum DrawOrder: Sendable, Hashable {
  /// As they stand in the source, from `offset` on.
  case consecutive(offset: Int)
  /// Drawn without replacement by seed.
  case random(seed: UInt64)
}

/// Requests from one source, before they are put into batches.
public struct RequestList: Sendable, Hashable {
  /// Where they come from, for provenance.
  public let source: String
  public let requests: [Request]
  /// Prompts cut to the limit.
  public let clipped: Int
  /// Prompts left out, empty or too long.
  public let dropped: Int

  /// Most requests in one list.
  public static let mostRequests = 10_000_000

  public init(source: String, requests: [Request], clipped: Int = 0, dropped: Int = 0) {
    self.source = source
    self.requests = requests
    self.clipped = clipped
    self.dropped = dropped
  }

  /// `count` generated requests with ids from 0.
  public static func generated(
    _ shape: LengthShape, count: Int, seed: UInt64
  ) throws(WorkloadError) -> RequestList {
    var requests: [Request] = []
    for (id, length) in try shape.lengths(count: count, seed: seed).enumerated() {
      requests.append(try Request(id: id, promptLength: length))
    }
    return RequestList(source: "generated: \(shape), seed \(seed)", requests: requests)
  }

  /// `count` batches of `size` requests, each request in at most one; ids from 0.
  ///
  /// Throws when the list has fewer requests than asked for.
  public func batches(
    size: Int, count: Int, order: DrawOrder
  ) throws(WorkloadError) -> [Batch] {
    guard (1...Batch.mostRows).contains(size), (1...Self.mostRequests).contains(count) else {
      throw WorkloadError(
        "\(count) batches of \(size) cannot be made; both must be at least 1, the size at most "
          + "\(Batch.mostRows) and the count at most \(Self.mostRequests)")
    }
    var offset = 0
    if case .consecutive(let start) = order { offset = start }
    guard offset >= 0, offset <= requests.count, size * count <= requests.count - offset else {
      let place = offset == 0 ? "" : " from offset \(offset)"
      throw WorkloadError(
        "\(count) batches of \(size)\(place) need \(size * count) requests; \(source) has "
          + "\(requests.count)")
    }
    var chosen = requests[offset..<(offset + size * count)]
    if case .random(let seed) = order {
      let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: "draw"))
      chosen =
        random.permutation(count: requests.count).prefix(size * count)
        .map { requests[$0] }[...]
    }
    var batches: [Batch] = []
    batches.reserveCapacity(count)
    for id in 0..<count {
      let start = chosen.startIndex + id * size
      batches.append(try Batch(id: id, requests: Array(chosen[start..<(start + size)])))
    }
    return batches
  }
}
