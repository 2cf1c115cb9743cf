import Statistics

/// One kind of request of a mix, such as long retrieval prompts or short chat.
public struct RequestKind: Hashable, Sendable, Codable {
  public var name: String
  /// Share among the kinds; shares need not add up to 1.
  public var share: Double
  /// Text forms of `LengthShape`: prompt tokens, shared ones included, and output tokens.
  public var prompt: String
  public var output: String
  /// Leading tokens that requests of this kind share, as far as their prompts go.
  public var sharedPrefix: Int
  /// Different shared prefixes.
  public var prefixes: Int
  /// Tenants; requests of different ones share nothing.
  public var tenants: Int
  /// Smaller goes first under `priority`.
  public var priority: Int

  public init(
    name: String, share: Double = 1, prompt: String, output: String, sharedPrefix: Int = 0,
    prefixes: Int = 1, tenants: Int = 1, priority: Int = 0
  ) {
    self.name = name
    self.share = share
    self.prompt = prompt
    self.output = output
    self.sharedPrefix = sharedPrefix
    self.prefixes = prefixes
    self.tenants = tenants
    self.priority = priority
  }

  enum CodingKeys: String, CodingKey {
    case name, share, prompt, output
    case sharedPrefix = "shared_prefix"
    case prefixes, tenants, priority
  }
}

/// One request of a serving run before its arrival is known.
public struct ServingEntry: Hashable, Sendable {
  public var id: Int
  public var kind: String
  public var promptLength: Int
  public var outputLength: Int
  /// Leading tokens shared with every request that has this prefix number.
  public var sharedTokens = 0
  public var prefix = 0
  /// Tenant's salt; empty for the only one.
  public var salt = ""
  public var priority = 0
  /// Arrival in the trace, seconds.
  public var recorded: Double?
  /// The prompt's token ids, where the source has them.
  public var tokens: [Int32]?

  public init(id: Int, kind: String, promptLength: Int, outputLength: Int) {
    self.id = id
    self.kind = kind
    self.promptLength = promptLength
    self.outputLength = outputLength
  }

  /// The prompt's token ids: those of the shared prefix, then the request's own.
  public func tokens(from source: TokenSource) -> [Int32] {
    if let tokens { return tokens }
    return (0..<promptLength).map { position in
      // Prefixes have streams that no request has.
      let owner = position < sharedTokens ? Self.prefixOwner + prefix : id
      return source.token(request: owner, position: position)
    }
  }

  /// Prefixes draw their tokens as requests from this id on; ids of requests are below.
  public static let prefixOwner = 1 << 40
}

/// Kinds of requests, to draw from by seed.
public struct ServingMix: Hashable, Sendable, Codable {
  public var kinds: [RequestKind]

  public init(kinds: [RequestKind]) { self.kinds = kinds }

  /// `count` requests with ids from 0; which kind each is of, its lengths, prefix and tenant depend
  /// on the seed alone.
  /// - Throws: `WorkloadError` on an impossible share or shape.
  public func entries(count: Int, seed: UInt64) throws(WorkloadError) -> [ServingEntry] {
    let total = kinds.reduce(0) { $0 + $1.share }
    guard !kinds.isEmpty, total > 0, kinds.allSatisfy({ $0.share >= 0 && $0.share.isFinite }) else {
      throw WorkloadError("the shares of a mix must be 0 or more and not all 0")
    }
    var prompts: [[Int]] = []
    var outputs: [[Int]] = []
    for kind in kinds {
      let prompt = try LengthShape(parsing: kind.prompt)
      let output = try LengthShape(parsing: kind.output)
      prompts.append(
        try prompt.lengths(count: count, seed: seed, stream: "serving prompts \(kind.name)"))
      outputs.append(
        try output.lengths(count: count, seed: seed, stream: "serving outputs \(kind.name)"))
    }
    func random(_ name: String) -> CounterRandom {
      CounterRandom(seed: seed, stream: CounterRandom.stream(named: "serving \(name)"))
    }
    let (which, prefixes, tenants) = (random("kind"), random("prefix"), random("tenant"))
    var firstPrefix: [Int] = [0]
    for kind in kinds { firstPrefix.append(firstPrefix[firstPrefix.count - 1] + kind.prefixes) }
    return (0..<count).map { id in
      var rest = which.uniform(at: UInt64(id)) * total
      var index = 0
      while index < kinds.count - 1, rest >= kinds[index].share {
        rest -= kinds[index].share
        index += 1
      }
      let kind = kinds[index]
      var entry = ServingEntry(
        id: id, kind: kind.name, promptLength: prompts[index][id], outputLength: outputs[index][id])
      entry.sharedTokens = min(kind.sharedPrefix, entry.promptLength)
      entry.prefix =
        firstPrefix[index] + Int(prefixes.integer(below: UInt64(kind.prefixes), at: UInt64(id)))
      if kind.tenants > 1 {
        entry.salt =
          "\(kind.name)-\(tenants.integer(below: UInt64(kind.tenants), at: UInt64(id)))"
      }
      entry.priority = kind.priority
      return entry
    }
  }
}
