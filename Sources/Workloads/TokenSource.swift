import Statistics

/// Token ids for prompts known by length only: the same for (seed, request, position) everywhere.
///
/// Ids are uniform in 3..<vocabularySize; 0 to 2 are left out, as padding and special tokens of many
/// vocabularies.
public struct TokenSource: Sendable, Hashable {
  public let vocabularySize: Int
  private let seed: UInt64

  /// The smallest id given out.
  public static let firstToken = 3

  /// Throws when the vocabulary has no id from 3 on or more than `Int32` holds.
  public init(seed: UInt64, vocabularySize: Int) throws(WorkloadError) {
    guard vocabularySize > Self.firstToken, vocabularySize <= Int(Int32.max) else {
      throw WorkloadError(
        "a vocabulary of \(vocabularySize) has no room for token ids from \(Self.firstToken); "
          + "it must have \(Self.firstToken + 1) to \(Int32.max)")
    }
    self.seed = seed
    self.vocabularySize = vocabularySize
  }

  /// The id at a position (from 0) of a request's prompt.
  public func token(request: Int, position: Int) -> Int32 {
    token(stream(of: request), position)
  }

  /// A request's own ids where it carries them, else `promptLength` ids from this source.
  public func tokens(for request: Request) -> [Int32] {
    if let tokens = request.tokens { return tokens }
    let random = stream(of: request.id)
    return (0..<request.promptLength).map { token(random, $0) }
  }

  private func stream(of request: Int) -> CounterRandom {
    // Request ids are non-negative; the high bit keeps these streams apart from named ones.
    CounterRandom(seed: seed, stream: UInt64(bitPattern: Int64(request)) | 1 << 63)
  }

  private func token(_ random: CounterRandom, _ position: Int) -> Int32 {
    precondition(position >= 0, "a token position is 0 or more")
    let range = UInt64(vocabularySize - Self.firstToken)
    return Int32(random.integer(below: range, at: UInt64(position))) + Int32(Self.firstToken)
  }
}
