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
  /// Seconds of `kind`, whose tables these are, on `ranks` ranks.
  ///
  /// Between two measured rank counts log time is linear in log ranks. Below the smallest its
  /// time stands (an upper bound). Above the largest, m, time grows as the traffic of each port
  /// does, plus a latency for each further rank: what the smallest size gained per rank from the
  /// count before m, or an m-th of its time where m is the only count.
  func seconds(_ kind: CollectiveKind, bytes: Double, ranks: Int) -> Double {
    if let table = tables[ranks] { return table.seconds(bytes: bytes) }
    let upper = rankCounts.firstIndex { $0 > ranks } ?? rankCounts.count
    guard upper > 0 else { return time(rankCounts[0], bytes) }
    let below = rankCounts[upper - 1]
    guard upper < rankCounts.count else {
      let (before, start) =
        upper > 1 ? (rankCounts[upper - 2], time(rankCounts[upper - 2], 0)) : (0, 0)
      let latency = max(0, time(below, 0) - start) / Double(below - before)
      let traffic = kind.busBandwidthFactor(ranks: ranks) / kind.busBandwidthFactor(ranks: below)
      return time(below, bytes) * traffic + Double(ranks - below) * latency
    }
    let above = rankCounts[upper]
    let share = log(Double(ranks) / Double(below)) / log(Double(above) / Double(below))
    return exp(log(time(below, bytes)) * (1 - share) + log(time(above, bytes)) * share)
  }

  private func time(_ ranks: Int, _ bytes: Double) -> Double {
    tables[ranks]?.seconds(bytes: bytes) ?? 0
  }
}
