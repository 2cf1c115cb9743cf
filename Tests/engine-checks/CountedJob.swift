import Inference
import MPI
import Models
import Records

/// Runs a job as `padtax-rank` does, under a virtual clock whose processor takes 10 ns from one
/// look at it to the next, so that virtual times depend on the order of calls alone.
/// Returns the exit code.
func runCountedJob(
  _ job: String, layout: String, output: String, _ world: borrowing Communicator
) throws -> Int32 {
  let layout = try ParallelLayout(parsing: layout)
  let resolved = try ResolvedJob(try JobFile.read(path: job), file: job, layouts: [layout])
  var looks: UInt64 = 0
  let clock = try VirtualClock.asked(
    by: resolved.job, layout: layout, rank: world.rank,
    processorTime: {
      looks += 1
      return looks * 10
    })
  let context = try RankContext(
    layout: layout, world: world, clock: clock, virtualTime: resolved.job.clock.virtualTime)
  defer { clock?.close() }
  return RankLaunch.guarding(rank: world.rank) {
    try RankLaunch.runCell(
      resolved, try CellResources(context: context, resolved: resolved), context: context,
      output: output, progress: .none, arguments: CommandLine.arguments)
  }
}
