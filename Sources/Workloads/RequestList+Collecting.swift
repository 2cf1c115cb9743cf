/// Applies `LengthLimits` to requests as a file is read.
struct RequestCollector {
  let limits: LengthLimits
  var requests: [Request] = []
  var clipped = 0
  var dropped = 0

  init(limits: LengthLimits) throws(WorkloadError) {
    try limits.validate()
    self.limits = limits
  }

  /// Keeps, clips or drops one request; returns a sentence when the limits reject it.
  ///
  /// `id` is the request's place in the source, so that dropping others does not rename it. Lengths
  /// that are negative or absurd are refused whatever the limits.
  mutating func add(
    id: Int, prompt: Int, output: Int?, arrival: Double? = nil
  ) throws(WorkloadError) -> String? {
    var length = prompt
    if length == 0, limits.empty == .drop {
      dropped += 1
      return nil
    }
    if let reason = Request.problem(prompt: length) { return reason }
    if let output, let reason = Request.problem(output: output) { return reason }
    if let maximum = limits.maximumPrompt, length > maximum {
      switch limits.overlong {
      case .reject: return "a prompt of \(length) tokens exceeds the limit of \(maximum)"
      case .drop:
        dropped += 1
        return nil
      case .clip:
        clipped += 1
        length = maximum
      }
    }
    let kept = output.map { min($0, limits.maximumOutput ?? $0) }
    requests.append(
      try Request(id: id, promptLength: length, outputLength: kept, arrival: arrival))
    return nil
  }

  func list(source: String, file: String) throws(WorkloadError) -> RequestList {
    guard !requests.isEmpty else {
      throw WorkloadError(
        file: file, "no usable request: \(dropped) dropped as empty or longer than the limit")
    }
    return RequestList(source: source, requests: requests, clipped: clipped, dropped: dropped)
  }
}
