/// A distribution of lengths, of prompts or of outputs, to draw from by seed.
public enum LengthShape: Sendable, Hashable {
  /// Every length the same.
  case fixed(Int)
  /// Each length in the range equally likely.
  case uniform(ClosedRange<Int>)
  /// Right-skewed as chat prompts are: log-normal with this median and this standard deviation of
  /// the logarithm, rounded, at least 1, cut at `maximum` (longer ones become `maximum`).
  case chat(median: Double, sigma: Double, maximum: Int)
  /// Normal, rounded; what falls outside 1...`maximum` is drawn again (truncated, not clamped).
  case normal(mean: Double, deviation: Double, maximum: Int)
  /// The same distribution as `chat`, under its mathematical name.
  case logNormal(median: Double, sigma: Double, maximum: Int)
  /// P(k) proportional to k^(−exponent) for k in 1...`maximum`.
  case zipf(exponent: Double, maximum: Int)
  /// Two lengths, a share of them `long`, evenly mixed: among any n in a row there are ⌊n·share⌋ or
  /// ⌈n·share⌉ long ones, so that 16 and 4096 with share 0.5 make every pair one of each.
  case bimodal(short: Int, long: Int, share: Double)
  /// vLLM's `--random-range-ratio` r: uniform in ⌊length(1 − r)⌋...⌈length(1 + r)⌉, at least 1.
  ///
  /// Source: vLLM, `vllm/benchmarks/datasets.py`, RandomDataset; 0 ≤ r < 1, r = 0 gives `length`.
  case vllmRange(length: Int, ratio: Double)
  /// SGLang's `--random-range-ratio` r: uniform in ⌊length·r⌋...length, at least 1.
  ///
  /// Source: SGLang, `sglang/bench_serving.py`, random dataset; 0 ≤ r ≤ 1, r = 1 gives `length`.
  case sglangRange(length: Int, ratio: Double)
  /// Lengths of a file, drawn with replacement.
  case empirical(LengthTable)

  /// Chat prompts with median 24 tokens, cut at 128; sigma 1.1 puts about 6 % at the cut.
  public static let chat128 = LengthShape.chat(median: 24, sigma: 1.1, maximum: 128)

  /// Throws when a parameter is impossible.
  public func validate() throws(WorkloadError) {
    for length in bounds {
      if let reason = Request.problem(prompt: length) { throw WorkloadError("\(name): \(reason)") }
    }
    func require(_ isValid: Bool, _ sentence: String) throws(WorkloadError) {
      guard isValid else { throw WorkloadError("\(name): \(sentence)") }
    }
    switch self {
    case .fixed, .uniform, .empirical: break
    case .chat(let median, let sigma, let maximum), .logNormal(let median, let sigma, let maximum):
      try require(
        median >= 1 && median <= Double(maximum),
        "the median \(median) must lie in 1...\(maximum), the maximum")
      try require(sigma > 0 && sigma <= 10, "sigma \(sigma) must be above 0 and at most 10")
    case .normal(let mean, let deviation, let maximum):
      try require(
        mean >= 1 && mean <= Double(maximum),
        "the mean \(mean) must lie in 1...\(maximum), the maximum")
      // So that a draw falls inside the range often enough.
      try require(
        deviation > 0 && deviation <= 10 * Double(maximum),
        "the standard deviation \(deviation) must be above 0 and at most 10 times the maximum, "
          + "\(maximum)")
    case .zipf(let exponent, _):
      try require(
        exponent > 0 && exponent <= 10, "the exponent \(exponent) must be above 0 and at most 10")
    case .bimodal(let short, let long, let share):
      try require(short < long, "the short length \(short) must be below the long one, \(long)")
      try require(share >= 0 && share <= 1, "the share \(share) of long ones must lie in 0...1")
    case .vllmRange(let length, let ratio):
      try require(ratio >= 0 && ratio < 1, "the ratio \(ratio) must be at least 0 and below 1")
      try require(
        Self.vllmRange(length, ratio).upperBound <= Request.longestLength,
        "the longest would exceed \(Request.longestLength)")
    case .sglangRange(_, let ratio):
      try require(ratio >= 0 && ratio <= 1, "the ratio \(ratio) must lie in 0...1")
    }
  }

  /// Lengths that must be possible.
  private var bounds: [Int] {
    switch self {
    case .fixed(let length), .vllmRange(let length, _), .sglangRange(let length, _): [length]
    case .uniform(let range): [range.lowerBound, range.upperBound]
    case .chat(_, _, let maximum), .normal(_, _, let maximum), .logNormal(_, _, let maximum),
      .zipf(_, let maximum):
      [maximum]
    case .bimodal(let short, let long, _): [short, long]
    case .empirical: []
    }
  }

  static func vllmRange(_ length: Int, _ ratio: Double) -> ClosedRange<Int> {
    let low = (Double(length) * (1 - ratio)).rounded(.down)
    let high = (Double(length) * (1 + ratio)).rounded(.up)
    return max(1, Int(low))...max(1, Int(high))
  }

  static func sglangRange(_ length: Int, _ ratio: Double) -> ClosedRange<Int> {
    max(1, Int(Double(length) * ratio))...length
  }
}

extension LengthShape: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fixed(let length): "fixed, \(length) tokens"
    case .uniform(let range): "uniform, \(range.lowerBound) to \(range.upperBound) tokens"
    case .chat(let median, let sigma, let maximum):
      "chat (log-normal), median \(median) tokens, sigma \(sigma), cut at \(maximum)"
    case .normal(let mean, let deviation, let maximum):
      "normal, mean \(mean) tokens, standard deviation \(deviation), truncated to 1 to \(maximum)"
    case .logNormal(let median, let sigma, let maximum):
      "log-normal, median \(median) tokens, sigma \(sigma), cut at \(maximum)"
    case .zipf(let exponent, let maximum): "Zipf, exponent \(exponent), 1 to \(maximum) tokens"
    case .bimodal(let short, let long, let share):
      "bimodal, \(short) and \(long) tokens, share of long ones \(share)"
    case .vllmRange(let length, let ratio): "vLLM's range of \(length) tokens, ratio \(ratio)"
    case .sglangRange(let length, let ratio): "SGLang's range of \(length) tokens, ratio \(ratio)"
    case .empirical(let table): "\(table.lengths.count) lengths of \(table.source)"
    }
  }
}
