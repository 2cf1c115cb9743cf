import FoundationEssentials
import Glibc
import Records
import TestSupport
import Testing

/// `padtax slurm` as a user meets it; a shell script stands in for sbatch.
@Suite struct SlurmCommandTests {
  private func slurm(
    _ folder: JobFolder, _ arguments: [String], sbatch: String? = nil
  ) throws -> ProcessOutput {
    var path = "/usr/bin:/bin"
    if let sbatch {
      try FileManager.default.createDirectory(
        atPath: folder.folder.file("bin"), withIntermediateDirectories: true)
      try folder.folder.write("#!/bin/sh\n\(sbatch)\n", to: "bin/sbatch")
      #expect(chmod(folder.folder.file("bin/sbatch"), 0o755) == 0)
      path = folder.folder.file("bin") + ":" + path
    } else {
      path = folder.folder.path
    }
    return try runProcess(
      [try RankLauncher.executable("padtax"), "slurm", folder.job] + arguments,
      environment: ["PATH": path])
  }

  @Test("a run directory is made with the job as it is and scripts that can be submitted")
  func renders() throws {
    let folder = try JobFolder()
    let out = folder.folder.file("run")
    let result = try slurm(folder, ["--site", folder.site, "--set", "repeats=7", "--out", out])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(
      result.standardOutput
        == "sbatch \(out)/slurm/study-1x1.sbatch\nsbatch \(out)/slurm/study-1x2.sbatch\n"
        + "sbatch --dependency=afterany:JOB \(out)/slurm/aggregate.sbatch\n")
    #expect(try JobFile.read(path: out + "/job.yaml").repeats == 7)
    let record = try JSONText.decode(RunRecord.self, from: folder.text("run/run.json"), source: "")
    #expect(record.cells.map { $0.prefix(4) } == ["tp1-", "tp2-", "pp2-"] && record.endUTC == nil)
    #expect(folder.text("run/slurm/study-1x2.sbatch").contains("layouts=(tp2 pp2)"))
  }

  @Test("without a site file of its own the example's settings are taken, and said so")
  func example() throws {
    let folder = try JobFolder()
    let result = try slurm(folder, ["--out", folder.folder.file("run")])
    #expect(result.exitCode == 0, "\(result.summary)")
    if !FileManager.default.fileExists(atPath: SharedData.packageFolder + "/slurm/site.yaml") {
      #expect(result.standardError.contains("site.example.yaml, which is no cluster of yours"))
    }
  }

  @Test("submitting hands the scripts over and lets the report wait for all of them")
  func submits() throws {
    let folder = try JobFolder()
    let calls = folder.folder.file("calls")
    let result = try slurm(
      folder, ["--site", folder.site, "--submit", "--out", folder.folder.file("run")],
      sbatch:
        "echo \"$*\" >>\(calls); echo \"note: busy\" >&2; echo $((40 + $(wc -l <\(calls))))';cl'")
    #expect(result.exitCode == 0, "\(result.summary)")
    let slurm = folder.folder.file("run") + "/slurm/"
    #expect(
      folder.text("calls")
        == "--parsable \(slurm)study-1x1.sbatch\n--parsable \(slurm)study-1x2.sbatch\n"
        + "--parsable --dependency=afterany:41:42 \(slurm)aggregate.sbatch\n")
    #expect(result.standardOutput.contains("submitted study-1x2.sbatch as job 42"))
  }

  @Test("what Slurm refuses is said in its words")
  func refused() throws {
    let folder = try JobFolder()
    let out = folder.folder.file("run")
    let submit = try slurm(
      folder, ["--site", folder.site, "--submit", "--out", out],
      sbatch: "echo 'sbatch: error: Invalid account' >&2; exit 1")
    #expect(submit.exitCode == 2)
    #expect(submit.standardError.contains("code 1: sbatch: error: Invalid account"))
    let check = try slurm(
      folder, ["--site", folder.site, "--check"],
      sbatch: "case $2 in *aggregate*) exit 0;; *) echo no >&2; exit 1;; esac")
    #expect(check.exitCode == 2)
    #expect(
      check.standardOutput
        == "study-1x1.sbatch: refused: no\nstudy-1x2.sbatch: refused: no\naggregate.sbatch: ok: \n")
  }

  @Test(
    "bad input is one line, code 2 and nothing written",
    arguments: [
      (["--set", "layouts=[tp5]"], "tensor-parallel degree 5"),
      (["--site", "/nowhere.yaml"], "cannot read the site file /nowhere.yaml"),
      (["--templates", "/nowhere"], "--templates /nowhere: has no study.sbatch"),
      (["--nodes", "0"], "--nodes 0 is out of range"),
      (["--nodes", "2"], "layout tp1: its 1 tensor groups cannot be spread evenly over 2 nodes"),
      (["--time", "90"], "--time 90 is not a time"),
      (["--kind", "multi-node"], "every layout fits on one node"),
      (["--kind", "many"], "'many' is invalid"),
      (["--submit", "--check"], "--check submits nothing"),
      (["--submit"], "sbatch is not in PATH"),
    ])
  func badInput(arguments: [String], text: String) throws {
    let folder = try JobFolder()
    let site = arguments.contains("--site") ? [] : ["--site", folder.site]
    let result = try slurm(folder, site + ["--out", folder.folder.file("run")] + arguments)
    #expect(result.exitCode == 2, "\(result.summary)")
    #expect(result.standardError.contains(text), "\(result.summary)")
    #expect(folder.names(".") == ["batches.json", "job.yaml", "site.yaml"])
  }
}
