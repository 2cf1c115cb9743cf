import Statistics

extension CollectiveSweep {
  /// How far predictions are off on rows that they were made without.
  public struct CrossValidation: Sendable {
    /// |predicted/measured − 1| with its row, largest first.
    public let errors: [(row: Row, error: Double)]
    public let median: Double
    public let percentile95: Double
  }

  /// The errors of interpolation: rows are dealt at random into `folds` hands, each hand is
  /// predicted from the others. As many folds as rows leave out one row at a time.
  public func crossValidation(
    folds: Int, seed: UInt64
  ) throws(StatisticsError) -> CrossValidation {
    try validation(
      dealt(folds: folds, seed: seed).map { known, leftOut in
        let interpolation = SweepInterpolation(known)
        return leftOut.map {
          ($0, interpolation.seconds($0.operation, ranks: $0.ranks, bytes: $0.bytes))
        }
      })
  }

  /// The same for the tables of the link fitted to the others, thinned as they are; all-to-all rows
  /// are used, but not predicted.
  public func linkCrossValidation(folds: Int, seed: UInt64) throws -> CrossValidation {
    try validation(
      dealt(folds: folds, seed: seed).map { known, leftOut in
        let link = try CollectiveSweep(known).link(
          name: "fold", description: "", source: "", date: "")
        let network = Network(intraNode: link)
        return leftOut.compactMap { row in
          row.operation.kind.map { kind in
            let nodes = [Int](repeating: 0, count: row.ranks)
            return (row, network.collectiveSeconds(kind, bytes: row.bytes, nodes: nodes))
          }
        }
      })
  }

  /// Each hand as left out, beside all others.
  private func dealt(folds: Int, seed: UInt64) -> [(known: [Row], leftOut: [Row])] {
    precondition((2...rows.count).contains(folds), "folds are 2 to the number of rows")
    var random = SequentialRandom(seed: seed)
    var shuffled = rows
    for i in shuffled.indices.reversed() {
      shuffled.swapAt(i, random.integer(below: i + 1))
    }
    return (0..<folds).map { fold in
      let places = shuffled.indices
      return (
        places.filter { $0 % folds != fold }.map { shuffled[$0] },
        places.filter { $0 % folds == fold }.map { shuffled[$0] }
      )
    }
  }

  private func validation(
    _ hands: [[(row: Row, predicted: Double)]]
  ) throws(StatisticsError) -> CrossValidation {
    let errors = hands.joined()
      .map { (row: $0.row, error: abs($0.predicted / $0.row.seconds - 1)) }
      .sorted { $0.error > $1.error }
    let sample = try Sample(errors.map(\.error))
    return CrossValidation(
      errors: errors, median: sample.median, percentile95: sample.quantile(0.95))
  }
}
