import FoundationEssentials
import Records
import TestSupport

/// A folder with a tiny job, its batches and a site file.
struct JobFolder {
  let folder: TemporaryDirectory
  var job: String { folder.file("job.yaml") }
  var site: String { folder.file("site.yaml") }

  /// - Parameters:
  ///   - node: the site's lines under `node`.
  ///   - site: further lines of the site file.
  init(
    layouts: String = "[tp1, tp2, pp2]", repeats: Int = 1,
    node: [String] = ["cpus: 4", "gpus: 2", "memory: 3900MB"], site: [String] = []
  ) throws {
    folder = try TemporaryDirectory()
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"test\",\"batches\":["
        + "{\"id\":0,\"lengths\":[5,1,9,3],\"outputs\":[4,1,2,6]}]}", to: "batches.json")
    try folder.write(
      """
      name: toy
      model: {preset: qwen2.5-0.5b, layers: 4, hidden: 32, heads: 8, kv-heads: 4,
        head-dimension: 4, feed-forward: 44, vocabulary: 97, max-positions: 64}
      layouts: \(layouts)
      policies: [right-pad, packed]
      workload: {batches: batches.json}
      warm-up: 0
      repeats: \(repeats)

      """, to: "job.yaml")
    let lines = ["node:"] + node.map { "  " + $0 } + site
    try folder.write(lines.joined(separator: "\n") + "\n", to: "site.yaml")
  }

  func text(_ name: String) -> String {
    FileManager.default.contents(atPath: folder.file(name))
      .map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.file(name))
  }

  func names(_ name: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.file(name))) ?? []).sorted()
  }

  func run(_ name: String) -> RunDirectory { RunDirectory(path: folder.file(name)) }

  /// The cell of a layout in the run directory `run`, which has one cell per layout.
  func cell(_ layout: String) -> CellDirectory {
    let run = run("run")
    return run.cell(run.cells().first { $0.hasPrefix(layout + "-") } ?? layout)
  }

  /// A file of the cell of a layout.
  func text(_ layout: String, _ file: String) -> String {
    text("run/cells/\(cell(layout).name)/\(file)")
  }

  /// Runs `padtax slurm` on the job.
  func slurm(_ arguments: [String], in cluster: SlurmCluster) throws -> ProcessOutput {
    try cluster.run(
      [try RankLauncher.executable("padtax"), "slurm", job, "--site", site] + arguments)
  }

  /// Submits and returns the jobs' numbers; the last one makes the report.
  func submit(_ arguments: [String], in cluster: SlurmCluster) throws -> [String] {
    let output = try slurm(["--submit"] + arguments, in: cluster)
    let lines = output.standardOutput.split(separator: "\n").filter { $0.hasPrefix("submitted") }
    guard output.exitCode == 0 else { throw SlurmWaitError(description: output.summary) }
    return lines.map { line in
      String(line.split(separator: " ")[4].filter(\.isNumber))
    }
  }
}
