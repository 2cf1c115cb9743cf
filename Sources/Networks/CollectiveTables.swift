import Glibc

/// Measured tables of one collective, by rank count.
public struct CollectiveTables: Hashable, Sendable {
  /// Rank counts with a table, growing.
  public let rankCounts: [Int]
  public let tables: [Int: TimeTable]

  /// Keeps the tables; there must be one, for two ranks or more.
  public init(_ tables: [Int: TimeTable]) throws(NetworkError) {
    rankCounts = tables.keys.sorted()
    guard let smallest = rankCounts.first, smallest >= 2 else {
      throw NetworkError(
        .value,
        "a collective needs a table for at least one rank count of 2 or more; found "
          + (rankCounts.isEmpty ? "none" : "\(rankCounts[0])"))
    }
    self.tables = tables
  }
}

extension CollectiveTables {
  /// Seconds on `ranks` ranks.
  ///
  /// Between two measured rank counts log time is linear in log ranks. Below the smallest its
  /// time stands (an upper bound); above the largest, `model` (seconds by rank count) says what the
  /// further ranks add.
  func seconds(bytes: Double, ranks: Int, model: (Int) -> Double) -> Double {
    if let table = tables[ranks] { return table.seconds(bytes: bytes) }
    let upper = rankCounts.firstIndex { $0 > ranks } ?? rankCounts.count
    guard upper > 0 else { return time(rankCounts[0], bytes) }
    guard upper < rankCounts.count else {
      let largest = rankCounts[upper - 1]
      return time(largest, bytes) + max(0, model(ranks) - model(largest))
    }
    let (a, b) = (rankCounts[upper - 1], rankCounts[upper])
    let share = log(Double(ranks) / Double(a)) / log(Double(b) / Double(a))
    return exp(log(time(a, bytes)) * (1 - share) + log(time(b, bytes)) * share)
  }

  private func time(_ ranks: Int, _ bytes: Double) -> Double {
    tables[ranks]?.seconds(bytes: bytes) ?? 0
  }
}
