import Netbench

/// A request with what matters to a test.
func request(
  layout: String? = nil, ranks: Int? = nil, minimum: String? = "8", maximum: String? = "64",
  factor: Double? = nil, operations: String? = nil, repeats: Int? = nil, seconds: Double? = nil
) throws(NetbenchError) -> NetbenchRequest {
  try NetbenchRequest(
    layout: layout, ranks: ranks, minimum: minimum, maximum: maximum, factor: factor,
    operations: operations, repeats: repeats, seconds: seconds)
}

/// A result whose every slice took `time` microseconds on two ranks.
func result(
  _ operation: MeasuredOperation, size: Int, time: Double, in groups: RankGroups
) throws -> NetbenchResult {
  let count = operation.hasBlocks ? size / 4 / groups.ranks : size / 4
  var result = NetbenchResult(
    size: size, count: count, operation: operation, groups: groups,
    plan: TimingPlan(calls: 4, slices: 3))
  let slices = [0, 1].map { (rank: $0, values: [time, time, time]) }
  for variant in operation.variants {
    result.set(variant, try TimingStatistics(slices: slices), wrong: 0)
  }
  return result
}

func report(
  _ results: [NetbenchResult], groups: [RankGroups], oversubscribed: Bool = false
) throws -> NetbenchReport {
  NetbenchReport(
    startTime: "2026-11-21T10:00:00Z", endTime: "2026-11-21T10:01:00Z", args: ["padtax-rank"],
    mpiLibrary: "Open MPI v4.1.4, package: test", cpuModel: "test CPU", hosts: 2,
    oversubscribed: oversubscribed, warnings: [],
    config: .init(
      try request(),
      devices: [
        .init(rank: 0, pid: 10, hostname: "a", binding: "0"),
        .init(rank: 1, pid: 11, hostname: "b", binding: "1"),
      ], groups: groups), results: results)
}
