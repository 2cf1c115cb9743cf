import Statistics

/// How many tokens each request generates.
public enum OutputLengths: Sendable, Hashable {
  /// What the source says, request by request.
  case source
  /// Drawn, independently of the prompts.
  case drawn(LengthShape)

  /// Reads `trace`, a whole number, or a text form of `LengthShape`.
  public init(parsing text: String) throws(WorkloadError) {
    if text == "trace" {
      self = .source
    } else if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let n = Int(text) {
      self = .drawn(.fixed(n))
      try LengthShape.fixed(n).validate()
    } else {
      do {
        self = .drawn(try LengthShape(parsing: text))
      } catch {
        throw WorkloadError(
          file: error.file, line: error.line,
          "output lengths: \(error.message) (or 'trace', or a whole number)")
      }
    }
  }

  /// The text form that `init(parsing:)` reads back.
  public var text: String {
    switch self {
    case .source: "trace"
    case .drawn(let shape): shape.text
    }
  }
}

extension RequestList {
  /// The same requests with these output lengths; the i-th draw belongs to the i-th request.
  ///
  /// - Throws: for `.source` when a request's source says none, with the request's id.
  public func withOutputs(
    _ outputs: OutputLengths, seed: UInt64
  ) throws(WorkloadError) -> RequestList {
    switch outputs {
    case .source:
      if let request = requests.first(where: { $0.outputLength == nil }) {
        throw WorkloadError(
          "\(source) says no output length for request \(request.id); give a number or a "
            + "distribution instead of 'trace'")
      }
      return self
    case .drawn(let shape):
      guard !requests.isEmpty else { return self }
      let lengths = try shape.lengths(count: requests.count, seed: seed, stream: "outputs")
      var changed: [Request] = []
      changed.reserveCapacity(requests.count)
      for (request, length) in zip(requests, lengths) {
        changed.append(
          try Request(
            id: request.id, promptLength: request.promptLength, outputLength: length,
            tokens: request.tokens, arrival: request.arrival))
      }
      return RequestList(
        source: "\(source); outputs \(shape)", requests: changed, clipped: clipped, dropped: dropped
      )
    }
  }
}
