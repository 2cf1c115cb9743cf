/// Requests that are served together; never empty.
public struct Batch: Sendable, Hashable, Codable {
  public let id: Int
  public let requests: [Request]
  /// The padding that the batch was made to have; nil where none was asked for.
  public var target: PaddingPair?

  /// Rows accepted in one batch.
  public static let mostRows = 1 << 20

  /// Throws when there are no requests, too many, or two with one id.
  public init(id: Int, requests: [Request]) throws(WorkloadError) {
    self.id = id
    self.requests = requests
    guard id >= 0 else { throw WorkloadError("batch id \(id) is negative") }
    guard !requests.isEmpty else {
      throw WorkloadError("batch \(id) is empty; a batch has at least one request")
    }
    guard requests.count <= Self.mostRows else {
      throw WorkloadError("batch \(id) has \(requests.count) rows; the most is \(Self.mostRows)")
    }
    var seen = Set<Int>()
    for request in requests where !seen.insert(request.id).inserted {
      throw WorkloadError("batch \(id) has request \(request.id) twice")
    }
  }

  /// A batch of prompts known by length only; row r of batch i gets request id i·2²⁰ + r.
  public init(id: Int, lengths: [Int]) throws(WorkloadError) {
    guard (0..<(1 << 40)).contains(id) else {
      throw WorkloadError("batch id \(id) lies outside 0 to 2^40")
    }
    var requests: [Request] = []
    requests.reserveCapacity(lengths.count)
    for (row, length) in lengths.enumerated() {
      if let reason = Request.problem(prompt: length) {
        throw WorkloadError("batch \(id), row \(row): \(reason)")
      }
      requests.append(try Request(id: Self.requestID(batch: id, row: row), promptLength: length))
    }
    try self.init(id: id, requests: requests)
  }

  /// The batch with other requests: what it was made to have stays its target.
  public func replacing(_ requests: [Request]) throws(WorkloadError) -> Batch {
    var batch = try Batch(id: id, requests: requests)
    batch.target = target
    return batch
  }

  static func requestID(batch: Int, row: Int) -> Int { batch << 20 + row }

  private enum CodingKeys: String, CodingKey {
    case id, requests, target
  }

  public init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(
        id: keyed.decode(Int.self, forKey: .id),
        requests: keyed.decode([Request].self, forKey: .requests))
      target = try keyed.decodeIfPresent(PaddingPair.self, forKey: .target)
    } catch let error as WorkloadError {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message))
    }
  }

  /// Throws when a prompt, or prompt and output, exceed the model's context or a token its
  /// vocabulary. `outputs` is what is generated for requests that do not say themselves.
  public func validate(
    contextLimit: Int, outputs: Int = 0, vocabularySize: Int? = nil
  ) throws(WorkloadError) {
    for (row, request) in requests.enumerated() {
      let output = request.outputLength ?? outputs
      if request.promptLength + output > contextLimit {
        throw WorkloadError(
          "batch \(id), row \(row): a prompt of \(request.promptLength) tokens and \(output) output "
            + "tokens exceed the model's context of \(contextLimit)")
      }
      if let vocabularySize, let token = request.tokens?.first(where: { $0 >= vocabularySize }) {
        throw WorkloadError(
          "batch \(id), row \(row): token id \(token) is outside the vocabulary of "
            + "\(vocabularySize)")
      }
    }
  }
}
