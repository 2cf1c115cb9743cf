import Statistics

extension CollectiveSweep {
  /// How far interpolation is off on rows that it did not see.
  public struct CrossValidation: Sendable {
    /// |predicted/measured − 1| with its row, largest first.
    public let errors: [(row: Row, error: Double)]
    public let median: Double
    public let percentile95: Double
  }

  /// Deals the rows at random into `folds` hands, predicts each hand from the others, and
  /// returns the errors of all rows. As many folds as rows leave out one row at a time.
  public func crossValidation(
    folds: Int, seed: UInt64
  ) throws(StatisticsError) -> CrossValidation {
    precondition((2...rows.count).contains(folds), "folds are 2 to the number of rows")
    var random = SequentialRandom(seed: seed)
    var order = Array(rows.indices)
    for i in order.indices.reversed() { order.swapAt(i, random.integer(below: i + 1)) }
    var errors: [(row: Row, error: Double)] = []
    for fold in 0..<folds {
      let known = order.indices.filter { $0 % folds != fold }.map { rows[order[$0]] }
      let interpolation = SweepInterpolation(known)
      for place in order.indices where place % folds == fold {
        let row = rows[order[place]]
        let predicted = interpolation.seconds(row.operation, ranks: row.ranks, bytes: row.bytes)
        errors.append((row, abs(predicted / row.seconds - 1)))
      }
    }
    errors.sort { $0.error > $1.error }
    let sample = try Sample(errors.map(\.error))
    return CrossValidation(
      errors: errors, median: sample.median, percentile95: sample.quantile(0.95))
  }
}
