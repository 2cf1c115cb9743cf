/// A sequence that holds a slot.
struct RunningSequence: Sendable {
  var record: FinishedRequest
  var key: AdmissionKey
  /// Tokens whose keys and values are stored, or will be when what is in flight is through.
  var stored = 0
  /// Tokens that are fed as prefill: the prompt, and after a preemption what was generated too.
  var target: Int
  var isInFlight = false
  var table: [Int32] = []
  /// Leading blocks of the table that plans have told.
  var knownBlocks = 0

  /// - Parameter order: what the key goes by.
  init(_ record: FinishedRequest, key: AdmissionKey) {
    self.record = record
    self.key = key
    target = record.knownTokens
  }

  /// Tokens not fed yet that are known.
  var remaining: Int { record.knownTokens - stored }
  var isPrefilling: Bool { stored < target }

  /// Appends the token ids `range` of prompt and output; none for prompts that are segments.
  func append(_ range: Range<Int>, to tokens: inout [Int32]) {
    guard case .tokens(let prompt) = record.request.prompt else { return }
    for index in range {
      tokens.append(
        index < prompt.count ? prompt[index] : record.tokens[index - prompt.count])
    }
  }
}

extension FinishedRequest {
  /// Prompt tokens and those generated so far.
  var knownTokens: Int { request.prompt.count + tokenTimes.count }
  var isComplete: Bool { tokenTimes.count == request.outputTokens }
}
