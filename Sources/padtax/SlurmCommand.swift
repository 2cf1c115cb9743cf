import ArgumentParser
import FoundationEssentials
import Records
import Slurm
import Studies

/// Makes batch scripts for a job, and submits them.
struct SlurmCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "slurm",
    abstract: "Make a run directory with Slurm scripts for a job, and submit them.",
    discussion: """
      The run goes to results/<job name>/<UTC time>/, with the job as it is now and the scripts in
      its folder slurm/. Submitting a script again runs what is not done. docs/SLURM.md tells more.

      Examples:
        padtax slurm jobs/study.yaml --site site.yaml
        padtax slurm jobs/qwen2.5-32b-a100-v2.yaml --site site.yaml --kind gpu --submit
      """)

  @Argument(
    help: "The job file, such as jobs/quickstart.yaml.", completion: .file(extensions: ["yaml"]))
  var job: String
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Replace a value of the job, such as model.scale=1/64.", valueName: "k=v"))
  var settings: [String] = []
  @Option(help: "Layouts instead of the job's, such as tp2,pp2.") var layouts: String?
  @Option(
    help: "study: an array per allocation shape; single, multi-node: one job; gpu: study on GPUs.")
  var kind = ScriptKind.study
  @Option(help: "The cluster's settings, else slurm/site.yaml or slurm/site.example.yaml.")
  var site: String?
  @Option(help: "Folder of the run, new or empty, instead of one under results/.")
  var out: String?
  @Option(help: "Nodes of every layout, instead of as few as possible.") var nodes: Int?
  @Option(help: "Time to ask for, HH:MM:SS, instead of an estimate.") var time: String?
  @Option(help: "Folder of the templates, else the slurm/ of this project.") var templates: String?
  @Flag(help: "Submit the scripts, and the report after them.") var submit = false
  @Flag(help: "Ask Slurm about the scripts (sbatch --test-only); keep and submit nothing.")
  var check = false

  func validate() throws {
    if let nodes, !(1...100_000).contains(nodes) {
      throw ValidationError("--nodes \(nodes) is out of range; it must be 1 to 100000")
    }
    if let time, SiteFile.seconds(time) == nil {
      throw ValidationError("--time \(time) is not a time such as 01:30:00 or 2-00:00:00")
    }
    if submit && check { throw ValidationError("--check submits nothing; leave one of them out") }
  }

  func run() throws {
    let variables = ProcessInfo.processInfo.environment
    let plan = try RunPlan(
      jobPath: job, settings: settings,
      layouts: layouts.map { $0.split(separator: ",").map(String.init) },
      host: HostFacts.detect(), launcher: .srun(path: "srun"), rankProgram: "padtax-rank",
      variables: [:])
    // Sizes and times are those of the job's first variation, times as many as there are.
    let resolved = try ResolvedJob(plan.job, file: job, settings: settings)
    let folder = try TemplateFolder.find(named: templates)
    let templates = try ScriptTemplates(folder: folder)
    let site = try SiteFile.read(path: siteFile(in: folder))
    var options = ScriptSet.Options(
      kind: kind, nodes: nodes, seconds: time.flatMap(SiteFile.seconds), run: "/run",
      program: ExecutableSearch.runningProgram(), variations: plan.variations)
    // Before anything is written: what does not fit is refused.
    _ = try ScriptSet(resolved, site: site, templates: templates, options: options)
    let sbatch = try submit || check ? Sbatch(variables: variables) : nil

    let start = UTCTime.now()
    let directory = try makeDirectory(plan, start: start)
    defer { if check { try? FileManager.default.removeItem(atPath: directory.path) } }
    options.run = RelativePath.resolved(directory.path) ?? directory.path
    let set = try ScriptSet(resolved, site: site, templates: templates, options: options)
    for warning in set.warnings { Terminal.error("padtax: warning: \(warning)") }
    _ = try StudyRun(plan: plan, directory: directory).prepare(
      arguments: CommandLine.arguments, version: padtaxVersion, start: start)
    try AtomicFile.createFolder(directory.path + "/slurm")
    for script in set.scripts + [set.aggregate] {
      try AtomicFile.write(script.text, to: path(script, directory))
    }
    if let sbatch, check { return try self.check(set, directory, sbatch) }
    if let sbatch { return try submit(set, directory, sbatch) }
    for script in set.scripts { Terminal.line("sbatch \(path(script, directory))") }
    Terminal.line("sbatch --dependency=afterany:JOB \(path(set.aggregate, directory))")
  }

  private func siteFile(in folder: String) -> String {
    if let site { return site }
    let own = folder + "/site.yaml"
    if FileManager.default.fileExists(atPath: own) { return own }
    let example = folder + "/site.example.yaml"
    Terminal.error(
      "padtax: warning: no \(own): the settings are those of \(example), which is no cluster of yours"
    )
    return example
  }

  private func makeDirectory(_ plan: RunPlan, start: UTCTime) throws -> RunDirectory {
    guard check else {
      return try RunDirectory.create(job: plan.job.name, time: start, path: out)
    }
    let path =
      FileManager.default.temporaryDirectory.path + "/padtax-slurm-check-" + UUID().uuidString
    return try RunDirectory.create(job: plan.job.name, time: start, path: path)
  }

  private func path(_ script: BatchScript, _ directory: RunDirectory) -> String {
    "\(directory.path)/slurm/\(script.name)"
  }

  private func check(_ set: ScriptSet, _ directory: RunDirectory, _ sbatch: Sbatch) throws {
    var failed = false
    for script in set.scripts + [set.aggregate] {
      let answer = try sbatch.run(["--test-only", path(script, directory)])
      failed = failed || answer.code != 0
      Terminal.line("\(script.name): \(answer.code == 0 ? "ok" : "refused"): \(answer.text)")
    }
    if failed { throw ExitCode.badInput }
  }

  private func submit(_ set: ScriptSet, _ directory: RunDirectory, _ sbatch: Sbatch) throws {
    var jobs: [String] = []
    for script in set.scripts {
      jobs.append(try sbatch.submit([path(script, directory)]))
      Terminal.line("submitted \(script.name) as job \(jobs[jobs.count - 1])")
    }
    let dependency = "--dependency=afterany:" + jobs.joined(separator: ":")
    let report = try sbatch.submit([dependency, path(set.aggregate, directory)])
    Terminal.line("submitted \(set.aggregate.name) as job \(report), after the others")
    Terminal.line("run directory: \(directory.path)")
  }
}

extension ScriptKind: ExpressibleByArgument {}
