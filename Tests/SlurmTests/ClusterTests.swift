import FoundationEssentials
import Glibc
import Records
import Slurm
import TestSupport
import Testing

/// Studies on a real Slurm: several nodes with a slurmd each, on this machine.
@Suite(
  .serialized,
  .enabled(
    if: SlurmCluster.unavailableReason == nil, "\(SlurmCluster.unavailableReason ?? "")"),
  SlurmClusterTrait())
struct ClusterTests {
  private let cluster: SlurmCluster
  /// Several virtual nodes on loopback, more ranks than cores.
  private static let environment = [
    "environment:", "  OMPI_MCA_mpi_yield_when_idle: \"1\"", "  OMPI_MCA_btl_tcp_if_include: lo",
    "  OMPI_MCA_oob_tcp_if_include: lo", "  OMPI_MCA_pml: ob1", "  OMPI_MCA_btl: vader,tcp,self",
  ]

  init() throws { cluster = try #require(SlurmCluster.current) }

  @Test("Slurm accepts the scripts of every kind", arguments: ScriptKind.allCases)
  func accepted(kind: ScriptKind) throws {
    let folder = try JobFolder(layouts: kind == .multiNode ? "[pp2, dp2]" : "[tp1, tp2, pp2]")
    let output = try folder.slurm(
      ["--check", "--kind", kind.rawValue] + (kind == .multiNode ? ["--nodes", "2"] : []),
      in: cluster)
    #expect(output.exitCode == 0, "\(output.summary)")
    let lines = output.standardOutput.split(separator: "\n")
    #expect(lines.count == (kind == .study || kind == .gpu ? 3 : 2))
    #expect(lines.allSatisfy { $0.contains(".sbatch: ok: ") && $0.contains("to start at") })
    if kind == .multiNode { #expect(output.standardOutput.contains("nodes n[1-2]")) }
    #expect(folder.names(".") == ["batches.json", "job.yaml", "site.yaml"])
  }

  @Test(
    "what the site promises and the cluster does not have is refused with Slurm's words",
    arguments: [
      (["partition: nope"], [], "invalid partition"),
      (["constraint: gold"], [], "Invalid feature"),
      ([], ["--time", "3-00:00:00"], "time limit"),
      ([], ["--kind", "multi-node", "--layouts", "pp8", "--nodes", "8"], "Node count"),
      (["directives: [\"#SBATCH --mem=64G\"]"], [], "configuration is not available"),
      (["directives: [\"#SBATCH --nope\"]"], [], "unrecognized option"),
    ])
  func refused(site: [String], arguments: [String], text: String) throws {
    let folder = try JobFolder(node: ["cpus: 8", "gpus: 2", "memory: 3900MB"], site: site)
    let model = ["--set", "model.layers=8"]
    let output = try folder.slurm(["--check"] + model + arguments, in: cluster)
    #expect(output.exitCode == 2, "\(output.summary)")
    #expect(output.standardOutput.contains("refused: "), "\(output.summary)")
    #expect(output.standardOutput.contains(text), "\(output.summary)")
  }

  @Test("an array that lost one element and failed in another is completed by submitting it again")
  func study() throws {
    let folder = try JobFolder(repeats: 60, site: Self.environment)
    // The first time, pp2 dies as a program with a fault does.
    let rank = try RankLauncher.executable("padtax-rank")
    try folder.folder.write(
      """
      #!/bin/bash
      case "$*" in *"--layout pp2 "*) [ -e \(folder.folder.file("whole")) ] || kill -SEGV $$ ;; esac
      exec \(rank) "$@"

      """, to: "rank")
    try #require(chmod(folder.folder.file("rank"), 0o755) == 0)
    try folder.folder.write(
      folder.text("site.yaml") + "  PADTAX_RANK: \(folder.folder.file("rank"))\n", to: "site.yaml")

    let jobs = try folder.submit(["--out", folder.folder.file("run")], in: cluster)
    try #require(jobs.count == 3)
    let run = folder.run("run")
    try cluster.wait(30, for: "tp2 measures") {
      !folder.text("tp2", "batches.jsonl").isEmpty
    }
    _ = try cluster.run(["scancel", "\(jobs[1])_0"])
    try cluster.waitUntilEmpty()

    #expect(try cluster.job("\(jobs[1])_0")["JobState"] == "CANCELLED")
    let failed = try cluster.job("\(jobs[1])_1")
    #expect(failed["JobState"] == "FAILED" && failed["ExitCode"] == "1:0", "\(failed)")
    // The report waited for them and was made all the same.
    #expect(try cluster.job(jobs[2])["JobState"] == "COMPLETED")
    #expect(folder.cell("tp1").state() == .done)
    #expect(folder.cell("tp2").state() == .ready)
    #expect(folder.cell("pp2").state() == .error)
    let error = folder.cell("pp2").text(of: .error)
    #expect(
      error.hasPrefix("rank ") && error.contains("was ended by Segmentation fault"), "\(error)")
    let report = folder.text("run/slurm/padtax-toy-report-\(jobs[2]).log")
    #expect(report.contains("was stopped before it finished"), "\(report)")
    #expect(report.contains(": failed: "), "\(report)")

    let before = folder.text("tp1", "provenance.json")
    #expect(!before.isEmpty)
    try folder.folder.write("", to: "whole")
    for script in ["study-1x1", "study-1x2"] {
      let again = try cluster.run(["sbatch", run.path + "/slurm/\(script).sbatch"])
      #expect(again.exitCode == 0, "\(again.summary)")
    }
    try cluster.waitUntilEmpty()
    let logs = folder.names("run/slurm").filter { $0.hasSuffix(".log") }
      .map { folder.text("run/slurm/\($0)") }.joined()
    #expect(run.cells().map { $0.prefix(4) } == ["pp2-", "tp1-", "tp2-"], "\(logs)")
    #expect(run.cells().allSatisfy { run.cell($0).state() == .done }, "\(logs)")
    #expect(folder.text("tp1", "provenance.json") == before, "tp1 ran twice")
    #expect(logs.contains("1 of 1 cells were done before"))

    let output = try cluster.run([try RankLauncher.executable("padtax"), "report", run.path])
    #expect(output.exitCode == 0, "\(output.summary)")
    let records = try run.cells().flatMap {
      try JSONLines.read(BatchRecord.self, path: run.cell($0).batches)
    }
    #expect(records.count == 3 * 2 * 60)
    // One row per layout and policy.
    let rows = folder.text("run/summary.json").split(separator: "\"executions\"").count - 1
    #expect(rows == 3 * 2)
    #expect(!output.standardOutput.contains("was stopped"))
  }

  @Test("the signal before the time limit ends the job at once with code 5")
  func timeLimit() throws {
    let folder = try JobFolder(layouts: "[tp2]", repeats: 100_000, site: Self.environment)
    let jobs = try folder.submit(["--out", folder.folder.file("run")], in: cluster)
    try cluster.wait(30, for: "tp2 measures") {
      !folder.text("tp2", "batches.jsonl").isEmpty
    }
    // What --signal=B:USR1@120 does.
    _ = try cluster.run(["scancel", "--signal=USR1", "--batch", "\(jobs[0])_0"])
    try cluster.waitUntilEmpty(30)
    let job = try cluster.job("\(jobs[0])_0")
    #expect(job["JobState"] == "FAILED" && job["ExitCode"] == "5:0", "\(job)")
    #expect(folder.cell("tp2").state() == .ready)
    #expect(folder.text("tp2", "ready") == "stopped by signal 10\n")
    #expect(try cluster.job(jobs[1])["JobState"] == "COMPLETED")
  }

  @Test("ranks on two nodes run under both launchers", arguments: ["srun", "mpirun"])
  func twoNodes(launcher: String) throws {
    let folder = try JobFolder(
      layouts: "[pp2, tp2pp2]", site: Self.environment + ["launcher: \(launcher)"])
    let jobs = try folder.submit(
      ["--kind", "multi-node", "--nodes", "2", "--out", folder.folder.file("run")], in: cluster)
    try cluster.waitUntilEmpty()
    let log = folder.text("run/slurm/padtax-toy-\(jobs[0]).log")
    #expect(try cluster.job(jobs[0])["JobState"] == "COMPLETED", "\(log)")
    let provenance = try JSONText.decode(
      Provenance.self, from: folder.text("tp2pp2", "provenance.json"), source: "provenance")
    let hosts = provenance.ranks.map(\.host)
    #expect(hosts.count == 4 && Set(hosts).count == 2 && hosts[0] == hosts[1], "\(hosts)")
    #expect(hosts[2] == hosts[3])
    // One file of rank records for each node, with the records of its ranks.
    let cell = folder.cell("tp2pp2")
    #expect(try FileManager.default.contentsOfDirectory(atPath: cell.ranksFolder).count == 2)
    for node in 0..<2 {
      let ranks = try JSONLines.read(RankRecord.self, path: cell.node(node)).map(\.rank)
      #expect(Set(ranks) == [2 * node, 2 * node + 1], "\(ranks)")
    }
  }

  @Test("an allocation with a node too many is an error before anything runs")
  func idleNode() throws {
    let folder = try JobFolder(layouts: "[tp1]", site: Self.environment)
    let out = folder.folder.file("run")
    #expect(try folder.slurm(["--out", out], in: cluster).exitCode == 0)
    let submitted = try cluster.run(
      ["sbatch", "--parsable", "--nodes=2", out + "/slurm/study-1x1.sbatch"])
    let job = submitted.standardOutput.filter(\.isNumber)
    try cluster.waitUntilEmpty()
    #expect(try cluster.job("\(job)_0")["ExitCode"] == "2:0")
    let log = folder.text("run/slurm/padtax-toy-\(job)_0.log")
    #expect(log.contains("tp1 has 1 ranks and this allocation 2 nodes: 1 would be idle"), "\(log)")
    #expect(folder.cell("tp1").state() == nil)
  }
}
