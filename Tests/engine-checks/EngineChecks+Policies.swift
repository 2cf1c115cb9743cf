import Scheduling

extension EngineChecks {
  /// Policies that every check of answers runs under; none of them cuts a prompt.
  static let policies: [Policy] = [.rightPad, .leftPad, .packed]
}
