import FoundationEssentials
import Records
import Studies

/// Makes a plan of what the command line says and what this machine has.
struct RunPlanner {
  let mpirun: String?
  let layouts: String?

  /// - Parameters:
  ///   - resuming: a run directory to go on with, and its record; its cells as they were planned
  ///     unless a job is named, whose cells then join them.
  func plan(
    job: String?, settings: [String], resuming: String?, record: RunRecord?
  ) throws -> RunPlan {
    let variables = ProcessInfo.processInfo.environment
    // The job first: what is wrong with it is said wherever padtax runs.
    let launcher = Result { () throws(StudyError) in
      try RankLauncher.choose(mpirun: mpirun, variables: variables, version: Doctor.version(of:))
    }
    let program = Result { () throws(StudyError) in
      try ExecutableSearch.rankProgram(variables: variables)
    }
    let names = layouts.map { $0.split(separator: ",").map(String.init) }
    let host = HostFacts.detect()
    let chosen = (try? launcher.get()) ?? .openMPI(path: "mpirun")
    let rank = (try? program.get()) ?? "padtax-rank"
    let plan: RunPlan
    if let job {
      plan = try RunPlan(
        jobPath: job, settings: settings, layouts: names, host: host, launcher: chosen,
        rankProgram: rank, variables: variables)
    } else if let resuming, let record {
      plan = try RunPlan(
        resuming: RunDirectory(path: resuming), record: record, layouts: names, host: host,
        launcher: chosen, rankProgram: rank, variables: variables)
    } else {
      preconditionFailure("validated: there is a job or a run to go on with")
    }
    _ = try launcher.get()
    _ = try program.get()
    return plan
  }
}
