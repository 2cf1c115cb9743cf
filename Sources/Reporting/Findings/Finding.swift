/// A claim about padding or parallelism, held against a run.
public struct Finding: Codable, Sendable, Hashable {
  public enum Verdict: String, Codable, Sendable, Hashable, CaseIterable {
    case supported
    case refuted
    /// Supported under some conditions, refuted under others.
    case flips = "depends"
    /// What was measured decides nothing: intervals hold both answers.
    case undecided
    /// The run has not what the test needs.
    case notTestable = "not testable here"
  }

  /// One condition under which the claim was tested, such as a layout.
  public struct Case: Codable, Sendable, Hashable {
    public var condition: String
    public var effect: String
    /// The number behind the effect, with its 95 % interval where it was measured.
    public var value: Double
    public var lower: Double?
    public var upper: Double?
    public var pairs: Int
    public var verdict: Verdict

    public init(
      condition: String, effect: String, value: Double, lower: Double? = nil, upper: Double? = nil,
      pairs: Int = 0, verdict: Verdict
    ) {
      self.condition = condition
      self.effect = effect
      self.value = value
      self.lower = lower
      self.upper = upper
      self.pairs = pairs
      self.verdict = verdict
    }
  }

  /// A short name, such as `left-beats-right`.
  public var id: String
  public var hypothesis: String
  /// What was computed, and what counts as support.
  public var test: String
  /// `measured`, or `modelled` for what follows from formulas.
  public var origin: String
  public var cases: [Case]
  /// What is missing, where the claim could not be tested.
  public var missing: String

  public init(
    id: String, hypothesis: String, test: String, origin: String = "measured", cases: [Case],
    missing: String
  ) {
    self.id = id
    self.hypothesis = hypothesis
    self.test = test
    self.origin = origin
    self.cases = cases
    self.missing = cases.isEmpty ? missing : ""
  }

  /// Over all cases that decided something.
  public var verdict: Verdict {
    let decided = Set(cases.map(\.verdict).filter { $0 != .undecided && $0 != .notTestable })
    if decided.isEmpty { return cases.isEmpty ? .notTestable : .undecided }
    return decided.count == 1 ? decided.first ?? .undecided : .flips
  }

  /// The finding as a person reads it.
  public var text: String {
    let decided = cases.count { $0.verdict != .undecided }
    var out = "\(verdict.rawValue.uppercased()): \(hypothesis) (\(id), \(origin)"
    out += cases.isEmpty ? ")\n" : "; \(decided) of \(cases.count) conditions decide)\n"
    out += "  test: \(test)\n"
    for item in cases {
      out += "  \(item.condition): \(item.effect)"
      if item.pairs > 0 { out += ", n = \(item.pairs)" }
      out += " -> \(item.verdict.rawValue)\n"
    }
    if !missing.isEmpty { out += "  \(missing)\n" }
    return out
  }
}
