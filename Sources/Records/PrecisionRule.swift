import Units

/// When a cell may stop repeating: the job keys `until-ci` and `most-repeats`.
public struct PrecisionRule: Hashable, Sendable, Codable {
  /// Half the width of each ratio's 95 % interval, as a share of the ratio, that is narrow enough.
  public var halfWidth: Percentage
  /// Repeats after which a cell stops however wide the intervals are.
  public var mostRepeats: Int

  /// A 95 % interval of a median needs six values: that of five covers 93.75 % at best.
  public static let fewestRepeats = 6

  public init(halfWidth: Percentage, mostRepeats: Int) {
    self.halfWidth = halfWidth
    self.mostRepeats = mostRepeats
  }

  enum CodingKeys: String, CodingKey {
    case halfWidth = "half_width"
    case mostRepeats = "most_repeats"
  }

  /// The rule that a job's keys say; nil without `until-ci`.
  static func read(_ job: inout JobNode, repeats: Int, policies: Int) throws(RecordError)
    -> PrecisionRule?
  {
    let width = try job.text("until-ci")
    let most = try job.integer("most-repeats", in: 1...100_000)
    guard let width else {
      if most != nil { throw job.error("most-repeats", "is the cap of until-ci, which is missing") }
      return nil
    }
    guard let width = Percentage(parsing: width) else {
      throw job.error("until-ci", "'\(width)' is not a share above 0; write it as 2%")
    }
    guard let most else {
      throw job.error("until-ci", "needs a cap: most-repeats, such as 50")
    }
    guard most >= max(repeats, fewestRepeats) else {
      throw job.error(
        "most-repeats",
        "\(most) is below \(max(repeats, fewestRepeats)); an interval needs \(fewestRepeats) "
          + "repeats, and the job plans \(repeats)")
    }
    guard policies > 1 else {
      throw job.error("until-ci", "is about ratios of policies; the job has only one")
    }
    return PrecisionRule(halfWidth: width, mostRepeats: most)
  }

  var jobLines: [String] {
    ["until-ci: \(halfWidth.exactText)", "most-repeats: \(mostRepeats)"]
  }
}
