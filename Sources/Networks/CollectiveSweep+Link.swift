import Glibc

extension CollectiveSweep {
  /// A link whose tables follow the sweep: collectives by rank count, and messages between two
  /// ranks from an all-to-all of two, in which each sends half of the size to the other.
  ///
  /// Times are the interpolation's at every octave from the sweep's smallest to its largest size;
  /// of those only as many points stay as keep a log-log line within `tolerance` of all.
  public func link(
    name: String, description: String, source: String, date: String, tolerance: Double = 0.03
  ) throws(NetworkError) -> Link {
    let interpolation = SweepInterpolation(rows)
    var collectives: [CollectiveKind: CollectiveTables] = [:]
    for operation in Operation.allCases {
      guard let kind = operation.kind else { continue }
      let counts = Set(rows.filter { $0.operation == operation }.map(\.ranks))
      guard !counts.isEmpty else { continue }
      var tables: [Int: TimeTable] = [:]
      for ranks in counts {
        tables[ranks] = try table(tolerance) {
          TimePoint(
            bytes: $0, seconds: interpolation.seconds(operation, ranks: ranks, bytes: $0))
        }
      }
      collectives[kind] = try CollectiveTables(tables)
    }
    guard rows.contains(where: { $0.operation == .allToAll && $0.ranks == 2 }) else {
      throw NetworkError(
        .value, "the sweep has no alltoall of 2 ranks, from which the time of a message comes")
    }
    return try Link(
      name: name, description: description, source: source, date: date,
      pointToPoint: try table(tolerance) {
        TimePoint(
          bytes: max(1, $0 / 2), seconds: interpolation.seconds(.allToAll, ranks: 2, bytes: $0))
      },
      collectives: collectives)
  }

  /// The points at all octaves, made monotone, thinned.
  private func table(
    _ tolerance: Double, _ point: (Int) -> TimePoint
  ) throws(NetworkError) -> TimeTable {
    let sizes = rows.map(\.bytes)
    let (smallest, largest) = (sizes.min() ?? 1, sizes.max() ?? 1)
    var octaves: [Int] = []
    var size = smallest
    while size <= largest {
      octaves.append(size)
      size *= 2
    }
    do throws(TimeTableProblem) {
      let full = try TimeTable(octaves.map(point))
      let monotone = full.points.map {
        TimePoint(bytes: $0.bytes, seconds: full.seconds(bytes: Double($0.bytes)))
      }
      return try TimeTable(Self.thinned(monotone, tolerance: tolerance))
    } catch {
      throw NetworkError(.table, "the sweep makes no table: \(error.message)")
    }
  }

  /// Few of the points, among them the first and the last, whose log-log lines pass all others
  /// within `tolerance`: from each kept point to the farthest one that allows it.
  static func thinned(_ points: [TimePoint], tolerance: Double) -> [TimePoint] {
    func holds(_ from: Int, _ to: Int) -> Bool {
      let (a, b) = (points[from], points[to])
      let slope = log(b.seconds / a.seconds) / log(Double(b.bytes) / Double(a.bytes))
      return points[from...to].allSatisfy { point in
        let onLine = a.seconds * pow(Double(point.bytes) / Double(a.bytes), slope)
        return abs(onLine / point.seconds - 1) <= tolerance
      }
    }
    var kept = [0]
    while let from = kept.last, from < points.count - 1 {
      let to = ((from + 1)..<points.count).last { holds(from, $0) } ?? from + 1
      kept.append(to)
    }
    return kept.map { points[$0] }
  }
}
