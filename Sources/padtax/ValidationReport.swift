import Simulation
import Units

/// What a check found.
struct ValidationReport: Encodable {
  struct Line: Encodable {
    let passed: Bool
    let text: String
    /// Signed, a share of the figure; nil where the figure has none.
    let error: Double?
    /// Of the rows that the line sums up; nil where it is a row.
    let summary: ErrorSummary?
    /// Of a row with several figures, by their names.
    let errors: [String: Double]?
    /// Whether a fit did not see the row; nil where nothing was fitted.
    let isHeldOut: Bool?

    init(
      passed: Bool, text: String, error: Double? = nil, summary: ErrorSummary? = nil,
      errors: [String: Double]? = nil, isHeldOut: Bool? = nil
    ) {
      self.passed = passed
      self.text = text
      self.error = error
      self.summary = summary
      self.errors = errors
      self.isHeldOut = isHeldOut
    }

    private enum CodingKeys: String, CodingKey {
      case passed, text, error, summary, errors
      case isHeldOut = "held_out"
    }
  }

  let schema = "padtax/validation"
  let version = 1
  /// What was checked, and where its figures come from.
  let name: String
  let source: String
  let passed: Bool
  let lines: [Line]
  /// Rows that could not be judged.
  let problems: [String]
  /// Of the lines that have an error.
  let errors: ErrorSummary?
  /// What a reader must know to get the same figures.
  let notes: [String]
  private let verdict: String

  /// - Parameter verdict: the last line's words; how many rows passed when nil.
  init(
    name: String, source: String, lines: [Line], problems: [String] = [], notes: [String],
    verdict: String? = nil
  ) {
    self.name = name
    self.source = source
    self.lines = lines
    self.problems = problems
    self.notes = notes
    passed = lines.allSatisfy(\.passed) && problems.isEmpty
    errors = ErrorSummary(lines.compactMap(\.error))
    let good = lines.count { $0.passed }
    let word = errors == nil ? "equal" : "within their tolerance"
    let rest = problems.isEmpty ? "" : ", \(problems.count) could not be judged"
    self.verdict = verdict ?? "\(good) of \(lines.count) rows \(word)\(rest)"
  }

  private enum CodingKeys: String, CodingKey {
    case schema, version, name, source, passed, lines, problems, errors, notes, verdict
  }

  var text: [String] {
    ["\(name), figures of \(source)"] + lines.map(\.text)
      + problems.map { "ERROR \($0)" } + notes.map { "note: \($0)" }
      + (errors.map { ["errors: \($0)"] } ?? []) + ["\(passed ? "PASS" : "FAIL"): \(verdict)"]
  }
}
