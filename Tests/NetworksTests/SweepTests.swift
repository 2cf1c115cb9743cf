import Networks
import Statistics
import TestSupport
import Testing

/// Measured NCCL collectives, interpolated where rows are left out.
@Suite struct SweepTests {
  static let a100 = "a100/nccl_half.csv"
  static let h100 = "h100/nccl_half.csv"

  @Test(
    .enabled(if: SharedData.path(a100) != nil, "\(SharedData.missing(a100))"),
    arguments: [(a100, 1), (a100, 2), (h100, 1)] as [(String, UInt64)])
  func `rows left out are met within 3 % at the median and 15 % at the 95th percentile`(
    file: String, seed: UInt64
  ) throws {
    let sweep = try CollectiveSweep(contentsOf: try #require(SharedData.path(file)))
    let result = try sweep.crossValidation(folds: 10, seed: seed)
    print(
      "\(file), \(sweep.rows.count) rows, 10 folds, seed \(seed): median error "
        + "\(result.median), 95th percentile \(result.percentile95)")
    #expect(result.errors.count == sweep.rows.count)
    #expect(result.median <= 0.03)
    #expect(result.percentile95 <= 0.15)
    guard seed == 1 else { return }
    let tables = try sweep.linkCrossValidation(folds: 10, seed: seed)
    print(
      "  through a link's tables, \(tables.errors.count) rows: median error \(tables.median), "
        + "95th percentile \(tables.percentile95)")
    #expect(tables.median <= 0.03)
    #expect(tables.percentile95 <= 0.15)
  }

  /// A library with two protocols: latency rules below the switch, three times as much above it.
  private static func stepped(
    _ operation: CollectiveSweep.Operation, ranks: Int, exponent: Int
  ) -> CollectiveSweep.Row {
    let latency = exponent < 20 ? 10e-6 : 30e-6
    let factor = (operation.kind ?? .allGather).busBandwidthFactor(ranks: ranks)
    let bytes = 1 << exponent
    return CollectiveSweep.Row(
      operation: operation, ranks: ranks, bytes: bytes,
      seconds: latency + factor * Double(bytes) / 200e9)
  }

  @Test func `a step that a curve lacks is learned from its siblings`() throws {
    let rows = CollectiveSweep.Operation.allCases.flatMap { operation in
      (9..<29).map { Self.stepped(operation, ranks: 4, exponent: $0) }
    }
    let wanted = Self.stepped(.allGather, ranks: 4, exponent: 20)
    let known = rows.filter { $0 != wanted }
    let found = SweepInterpolation(known).seconds(.allGather, ranks: 4, bytes: wanted.bytes)
    #expect(isClose(found, wanted.seconds, within: 0.1), "\(found)")
    // Its own neighbours alone put it between the two levels.
    let alone = known.filter { $0.operation == .allGather }
    let guess = SweepInterpolation(alone).seconds(.allGather, ranks: 4, bytes: wanted.bytes)
    #expect(!isClose(guess, wanted.seconds, within: 0.2), "\(guess)")
  }

  @Test func `what was measured is met within its noise`() {
    let rows = (9..<29).map { Self.stepped(.allReduce, ranks: 2, exponent: $0) }
    let interpolation = SweepInterpolation(rows)
    for row in rows {
      let found = interpolation.seconds(.allReduce, ranks: 2, bytes: row.bytes)
      #expect(isClose(found, row.seconds, within: 0.01))
    }
  }

  @Test func `a link's tables keep few points and lose little`() throws {
    let rows = CollectiveSweep.Operation.allCases.flatMap { operation in
      (9..<29).map { Self.stepped(operation, ranks: 2, exponent: $0) }
    }
    let link = try CollectiveSweep(rows).link(
      name: "n", description: "d", source: "s", date: "d", tolerance: 0.05)
    let table = try #require(link.collectives[.allReduce]?.tables[2])
    #expect(table.points.count < 14)
    for row in rows where row.operation == .allReduce {
      #expect(isClose(table.seconds(bytes: Double(row.bytes)), row.seconds, within: 0.06))
    }
    // Each of two ranks of an all-to-all sends half.
    let half = link.sendSeconds(bytes: Double(1 << 27))
    #expect(isClose(half, Self.stepped(.allToAll, ranks: 2, exponent: 28).seconds, within: 0.06))
    let silent = CollectiveSweep(rows.filter { $0.operation != .allToAll })
    let complaint = Sample.complaint {
      _ = try silent.link(name: "n", description: "d", source: "s", date: "d")
    }
    #expect(complaint.contains("no alltoall of 2 ranks"))
  }

  @Test func `each row is left out once, and the dealing depends on the seed alone`() throws {
    let rows = (9..<29).map { Self.stepped(.allReduce, ranks: 2, exponent: $0) }
    let sweep = CollectiveSweep(rows)
    let first = try sweep.crossValidation(folds: 4, seed: 5)
    #expect(Set(first.errors.map(\.row)) == Set(rows))
    // Alone, a curve cannot know the step that is left out.
    #expect(first.errors[0].error > 0.1)
    let again = try sweep.crossValidation(folds: 4, seed: 5)
    #expect(first.errors.map(\.error) == again.errors.map(\.error))
    let other = try sweep.crossValidation(folds: 4, seed: 6)
    #expect(first.errors.map(\.error) != other.errors.map(\.error))
  }

  @Test(arguments: [
    ("", 1, "a sweep begins with"),
    ("op,n\n", 1, "a sweep begins with 'op_name,num_gpus,latency_ms,message_bytes', found 'op,n'"),
    ("H\nall_reduce,2,1\n", 2, "a row has 4 fields, found 3"),
    ("H\n\nallreduce,2,1,8\n", 3, "no operation 'allreduce'; known: all_reduce"),
    ("H\nall_reduce,1,1,8\n", 2, "num_gpus must be an integer of 2 or more, found '1'"),
    ("H\nall_reduce,2,0,8\n", 2, "latency_ms must be a positive number, found '0'"),
    ("H\nall_reduce,2,nan,8\n", 2, "latency_ms must be a positive number"),
    ("H\nall_reduce,2,1,-8\n", 2, "message_bytes must be an integer of 1 or more, found '-8'"),
    ("H\n", nil, "the sweep has no rows"),
  ])
  func `a bad sweep is refused with its line`(text: String, line: Int?, wanted: String) throws {
    let folder = try TemporaryDirectory()
    let header = "op_name,num_gpus,latency_ms,message_bytes"
    let path = try folder.write(text.replacing("H", with: header), to: "sweep.csv")
    let complaint = withExtendedLifetime(folder) {
      Sample.complaint { _ = try CollectiveSweep(contentsOf: path) }
    }
    #expect(complaint.contains(wanted), "\(complaint)")
    #expect(complaint.contains(line.map { "sweep.csv:\($0): " } ?? "sweep.csv: "))
  }
}
