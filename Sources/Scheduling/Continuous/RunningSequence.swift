/// A sequence that holds a slot.
struct RunningSequence: Sendable {
  var record: FinishedRequest
  let key: AdmissionKey
  let slot: Int
  /// Tokens whose keys and values are stored, or will be when what is in flight is through.
  var stored = 0
  /// Tokens that are fed as prefill: the prompt, and after a preemption what was generated too.
  var target: Int
  var isInFlight = false
  var table: [Int32] = []
  /// Leading blocks of the table that plans have told.
  var knownBlocks = 0
  /// Leading blocks of the table whose content the prefix cache was told, and its number of the
  /// last.
  var keptBlocks = 0
  var lastKept: UInt64 = 0

  init(_ record: FinishedRequest, key: AdmissionKey, slot: Int) {
    self.record = record
    self.key = key
    self.slot = slot
    target = record.knownTokens
  }

  /// Tokens not fed yet that are known.
  var remaining: Int { record.knownTokens - stored }
  var isPrefilling: Bool { stored < target }
}

extension FinishedRequest {
  /// Prompt tokens and those generated so far.
  var knownTokens: Int { request.prompt.count + tokenTimes.count }
  var isComplete: Bool { tokenTimes.count == request.outputTokens }

  /// Appends the token ids `range` of prompt and output; none for prompts that are segments.
  func append(_ range: Range<Int>, to out: inout [Int32]) {
    guard case .tokens(let prompt) = request.prompt else { return }
    for index in range {
      out.append(index < prompt.count ? prompt[index] : tokens[index - prompt.count])
    }
  }

  /// What tokens `range` of prompt and output are, as words that are equal where tokens are:
  /// token ids, or of segments a 63-bit mix of content and place, and of their outputs one of
  /// request and place.
  func content(_ range: Range<Int>) -> [UInt64] {
    var out: [UInt64] = []
    out.reserveCapacity(range.count)
    switch request.prompt {
    case .tokens(let prompt):
      for index in range {
        let token = index < prompt.count ? prompt[index] : tokens[index - prompt.count]
        out.append(UInt64(UInt32(bitPattern: token)))
      }
    case .segments(let segments):
      let output = PromptSegment(
        content: PrefixCache.mixed(UInt64(request.id) | 1 << 63), tokens: request.outputTokens)
      var first = 0
      for segment in segments + [output] where first < range.upperBound {
        for index in range.clamped(to: first..<first + segment.tokens) {
          let word = PrefixCache.mixed(segment.content) &+ UInt64(index - first)
          out.append(PrefixCache.mixed(word) | 1 << 63)
        }
        first += segment.tokens
      }
    }
    return out
  }
}
