import ArgumentParser
import FoundationEssentials
import Glibc
import Records

/// How fast, and in how much memory, `padtax report` aggregates many ranks' records.
///
/// Makes run directories of synthetic records in the files and the form that ranks write, then runs
/// `padtax report` on them and prints its time and its peak memory, both as the kernel counts them.
/// Exit code 0, or 1 when the report fails.
@main
struct ReportBench: ParsableCommand {
  @Option(help: "Rank records in all, at least.") var records = 1_000_000
  @Option(help: "Ranks of each cell; a multiple of 32.") var ranks = 1024
  @Option(help: "Ranks of each node, which share a file.") var ranksPerNode = 16
  @Option(help: "Run directories that the records are spread over.") var runs = 1
  @Option(help: "Cells of each run.") var cells = 1
  @Option(help: "How often padtax report runs.") var turns = 1
  @Option(help: "Where the run directories go; they are kept. Else a temporary folder.")
  var keep: String?
  @Option(help: "The padtax that is measured; the one beside this program when left out.")
  var program: String?

  func validate() throws {
    guard ranks >= 32, ranks % 32 == 0 else {
      throw ValidationError("--ranks is \(ranks); it must be a multiple of 32")
    }
    for (name, value) in [
      ("--records", records), ("--ranks-per-node", ranksPerNode), ("--runs", runs),
      ("--cells", cells), ("--turns", turns),
    ] where value < 1 {
      throw ValidationError("\(name) is \(value); it must be at least 1")
    }
  }

  func run() throws {
    let folder =
      keep ?? FileManager.default.temporaryDirectory.path + "/report-bench-\(getpid())"
    defer { if keep == nil { try? FileManager.default.removeItem(atPath: folder) } }
    let executions = max(1, (records + 2 * ranks * runs * cells - 1) / (2 * ranks * runs * cells))
    var paths: [String] = []
    var bytes = 0
    for index in 0..<runs {
      let directory = RunDirectory(path: "\(folder)/run-\(index)")
      paths.append(directory.path)
      let run = SyntheticRun(
        directory: directory, ranks: ranks, ranksPerNode: ranksPerNode, cells: cells,
        executions: executions)
      bytes += try run.write()
    }
    let total = executions * 2 * ranks * runs * cells
    print(
      "\(total) records of \(ranks) ranks, \(executions) executions in each of \(runs * cells) cells, "
        + "\(bytes / 1_000_000) MB in \(runs * cells * ((ranks + ranksPerNode - 1) / ranksPerNode)) "
        + "files of ranks")
    for _ in 0..<turns {
      let usage = try Child.run(program ?? Self.besides("padtax"), ["report"] + paths)
      print(
        "padtax report: \(Self.fixed(usage.seconds)) s, \(Self.fixed(usage.processorSeconds)) s of a "
          + "core, \(Int(Double(total) / usage.seconds)) records/s, peak memory "
          + "\(usage.peakBytes >> 20) MiB")
    }
  }

  private static func fixed(_ seconds: Double) -> String {
    String((seconds * 100).rounded() / 100)
  }

  private static func besides(_ name: String) -> String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return own.prefix { _ in true }.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      + "/" + name
  }
}
