import Kernels

/// Prints one line per ratio on the root and counts what failed, alike on every rank.
struct Report {
  let prints: Bool
  let ranks: Int
  private(set) var failures = 0
  private var verdicts: [String] = []

  init(prints: Bool, ranks: Int) {
    self.prints = prints
    self.ranks = ranks
  }

  func machine(_ engine: Engine, load: Double) {
    let p = engine.backend.provenance
    note("kernels \(p.instructionSet); \(p.library); core \(p.core); \(p.version)")
    for line in p.notes { note(line) }
    for warning in p.warnings { note("warning: \(warning)") }
    note(
      "\(engine.model.shapeSummary); \(engine.ranks.precision.rawValue), tp\(ranks), "
        + "\(p.threads) thread(s) a rank; load average \(fixed(load))")
  }

  func note(_ text: String) {
    if prints { print(text) }
  }

  /// A ceiling or another figure that explains a ratio.
  func ceiling(_ name: String, _ value: Double, _ unit: String) {
    note("    \(name): \(fixed(value)) \(unit)")
  }

  /// A ratio, or a figure that grows with it, that has to reach `required`.
  mutating func ratio(
    _ name: String, _ ratio: PairedRatio, as figure: (Double) -> Double = { $0 },
    atLeast required: Double
  ) {
    let value = figure(ratio.median)
    judge(
      name, fixed(value),
      detail: " (\(ratio.count) pairs; fastest samples \(fixed(figure(ratio.best))))",
      ", at least \(fixed(required))", value >= required)
  }

  /// A figure that must not exceed `allowed`.
  mutating func figure(_ name: String, _ value: Double, atMost allowed: Double) {
    judge(name, fixed(value), ", at most \(fixed(allowed))", value <= allowed)
  }

  /// A share in percent that must not exceed `allowed`.
  mutating func share(_ name: String, _ value: Double, atMost allowed: Double) {
    judge(
      name, "\(fixed(value * 100)) %", ", at most \(fixed(allowed * 100)) %", value <= allowed)
  }

  /// As above, of a share that lies between two values: undecided where the bound does too.
  mutating func share(_ name: String, from low: Double, to high: Double, atMost allowed: Double) {
    judge(
      name, "\(fixed(low * 100)) to \(fixed(high * 100)) %", ", at most \(fixed(allowed * 100)) %",
      high <= allowed ? true : low > allowed ? false : nil)
  }

  /// - Parameters:
  ///   - detail: of the note alone.
  ///   - passes: nil where that is undecided.
  private mutating func judge(
    _ name: String, _ value: String, detail: String = "", _ bound: String, _ passes: Bool?
  ) {
    let verdict = passes.map { $0 ? "PASS" : "FAIL" } ?? "----"
    if passes == false { failures += 1 }
    verdicts.append(
      "\(verdict)  \(name): \(value)\(bound)\(passes == nil ? ": undecided" : "")")
    note("\(name): \(value)\(detail)\(bound): \(passes == nil ? "undecided" : verdict)")
  }

  /// A ratio to another ceiling than the one that is judged, printed below it.
  func beside(_ name: String, _ ratio: PairedRatio) {
    note("    beside \(name): \(fixed(ratio.median)) (fastest samples \(fixed(ratio.best)))")
  }

  /// A ratio that this machine cannot be held to.
  mutating func unjudged(_ name: String, _ ratio: PairedRatio, _ reason: String) {
    verdicts.append("----  \(name): \(fixed(ratio.median)); not measurable here: \(reason)")
    note("\(name): \(fixed(ratio.median)); not measurable here: \(reason)")
  }

  func end(_ ranks: Ranks) {
    note("\nstep-bench, \(self.ranks) rank\(self.ranks == 1 ? "" : "s"):")
    for verdict in verdicts { note("  " + verdict) }
    if ranks.disturbed > 0 {
      note(
        "  \(ranks.disturbed) of \(ranks.samples) samples shared a core with another process: "
          + "do not trust the ratios, run again on a quiet machine")
    }
  }
}

/// Work done per second by one side over the other, from samples taken in turn.
struct PairedRatio {
  /// Seconds per unit of work: the side that sets the measure, and the side that is judged.
  private var samples: [(ceiling: Double, judged: Double)] = []

  mutating func add(ceiling: Double, judged: Double) { samples.append((ceiling, judged)) }

  var count: Int { samples.count }
  var bestCeiling: Double { samples.map(\.ceiling).min() ?? .nan }
  var bestJudged: Double { samples.map(\.judged).min() ?? .nan }
  /// The fastest samples of each side, whenever they were taken.
  var best: Double { bestCeiling / bestJudged }
  private var sorted: [Double] { samples.map { $0.ceiling / $0.judged }.sorted() }
  /// The 95 % interval of the median of the ratios, whatever they are distributed like: order
  /// statistics (binomial, in its normal approximation).
  var medianInterval: (low: Double, high: Double) {
    let sorted = sorted
    let n = Double(sorted.count)
    let low = Int((n / 2 - 0.98 * n.squareRoot()).rounded(.down)) - 1
    guard low >= 0 else { return (-.infinity, .infinity) }
    return (sorted[low], sorted[sorted.count - 1 - low])
  }
  /// The middle of the ratios pair by pair.
  var median: Double {
    let sorted = sorted
    guard !sorted.isEmpty else { return .nan }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// A figure with two decimals.
func fixed(_ value: Double) -> String {
  guard value.isFinite else { return "\(value)" }
  let cents = Int((value.magnitude * 100).rounded())
  let rest = cents % 100
  return (value < 0 && cents > 0 ? "-" : "") + "\(cents / 100).\(rest < 10 ? "0" : "")\(rest)"
}
