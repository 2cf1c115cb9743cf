import FoundationEssentials
import Studies
import Testing

/// What padtax says of itself, and the jobs that it writes.
@Suite struct HelpTests {
  private func output(_ arguments: [String], in folder: TestFolder) throws -> [String] {
    let result = try Padtax.start(arguments, in: folder)
    #expect(result.code == 0, "\(arguments): \(result)")
    return result.output
  }

  /// Names under SUBCOMMANDS of `padtax --help`.
  private func commands(in folder: TestFolder) throws -> [String] {
    let lines = try output(["--help"], in: folder)
    let start = try #require(lines.firstIndex { $0.hasPrefix("SUBCOMMANDS") })
    return lines[(start + 1)...].prefix { $0.hasPrefix("  ") }
      .filter { $0.dropFirst(2).first != " " }
      .compactMap { $0.split(separator: " ").first.map(String.init) }
  }

  @Test("the help of every command has an example that names the command")
  func examples() throws {
    let folder = try TestFolder()
    let commands = try commands(in: folder)
    #expect(commands.count >= 20 && commands.contains("job"))
    for command in commands {
      let help = try output([command, "--help"], in: folder)
      let start = help.firstIndex { $0.hasPrefix("Example") }
      #expect(
        start.map { help[$0...].contains { $0.hasPrefix("  padtax \(command)") } } == true,
        "\(command)")
    }
  }

  @Test("completions for every shell name the commands", arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) throws {
    let folder = try TestFolder()
    let script = try output(["--generate-completion-script", shell], in: folder)
      .joined(separator: "\n")
    for command in try commands(in: folder) { #expect(script.contains(command), "\(command)") }
    #expect(script.contains("until-ci") && script.contains("yaml"))
  }

  @Test("the written jobs run as they stand", arguments: [[], ["--serving"]])
  func writtenJob(options: [String]) throws {
    let folder = try TestFolder()
    try folder.program("mpirun", "echo 'mpirun (Open MPI) 4.1.4'")
    try folder.program("padtax-rank", "exit 1")
    try folder.write(
      try output(["job"] + options, in: folder).joined(separator: "\n") + "\n", "mine.yaml")
    let lines = try output(
      ["run", "mine.yaml", "--dry-run", "--mpirun", "./mpirun"], in: folder)
    for layout in ["tp1", "tp2", "pp2"] {
      #expect(lines.contains { $0.contains("--layout \(layout)") }, "\(lines)")
    }
  }

  @Test("the batches of a job with axes are shown by variation, equal ones once")
  func workload() throws {
    let folder = try TestFolder()
    try folder.write(
      """
      name: axes
      model: {preset: qwen2.5-0.5b, scale: 1/4}
      layouts: [tp1]
      policies: [packed]
      workload: {generate: "uniform:4-8", batch-size: 4, batches-taken: 1}
      axes:
        workload.generate: ["uniform:4-8", "uniform:16-64"]
        output-tokens: [2, 8]

      """, "axes.yaml")
    let lines = try output(["workload", "axes.yaml"], in: folder)
    let heads = lines.filter { $0.hasPrefix("variation ") }
    #expect(heads.count == 2, "\(lines)")
    #expect(
      heads.first == "variation 0: workload.generate=uniform:4-8 output-tokens=2; variation 1: "
        + "workload.generate=uniform:4-8 output-tokens=8", "\(heads)")
    let one = try output(
      ["workload", "axes.yaml", "--variation", "3", "--export", "b.json"], in: folder)
    #expect(one.filter { $0.hasPrefix("variation ") }.count == 1 && folder.exists("b.json"))
    for (arguments, text) in [
      (["--variation", "4"], "axes.yaml has 0 to 3"),
      (["--export", "c.json"], "has 2 different workloads; name one with --variation"),
    ] {
      let refused = try Padtax.start(["workload", "axes.yaml"] + arguments, in: folder)
      #expect(refused.code == 2 && refused.errors.contains { $0.contains(text) }, "\(refused)")
    }
  }
}
