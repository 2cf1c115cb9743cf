import FoundationEssentials
import Records
import Testing

/// The least that a site file must say: three lines.
private let least = "node:\n  cpus: 4\n  memory: 1GB\n"

@Suite struct SiteFileTests {
  private func complaint(_ text: String) -> String {
    do {
      return "no error: \(try SiteFile.parse(text, file: "site.yaml"))"
    } catch {
      // The column is `JobFileTests`' business.
      return error.description.replacing(/(site.yaml:\d+):\d+/) { "\($0.1)" }
    }
  }

  @Test("a site needs a node, and the rest has values of its own")
  func leastFile() throws {
    let site = try SiteFile.parse(least, file: "site.yaml")
    var expected = SiteSettings(cpus: 4, memoryBytes: 1_000_000_000)
    expected.launcher = .srun
    #expect(site == expected)
    #expect(site.gpus == 0 && site.concurrent == 4 && site.maxSeconds == nil && !site.exclusive)
  }

  @Test("every key is read")
  func whole() throws {
    let site = try SiteFile.parse(
      """
      account: a
      partition: p1,p2
      qos: q
      constraint: "[a|b]"
      launcher: mpirun
      node: {cpus: 8, gpus: 2, memory: 2GiB}
      exclusive: true
      concurrent: 9
      max-time: 1-02:03:04
      gflops: 3
      gbytes-per-second: 2
      modules: [m1, m2/3]
      container: i.sif
      container-command: run it
      program: bin/padtax
      environment: {A_B: "1 2", c: d}
      directives: ["#SBATCH --x=y"]
      commands: [one, two]
      """, file: "site.yaml")
    var expected = SiteSettings(cpus: 8, memoryBytes: 2 << 30)
    expected.account = "a"
    expected.partition = "p1,p2"
    expected.qos = "q"
    expected.constraint = "[a|b]"
    expected.launcher = .mpirun
    expected.gpus = 2
    expected.exclusive = true
    expected.concurrent = 9
    expected.maxSeconds = 93_784
    expected.gflops = 3
    expected.gbytesPerSecond = 2
    expected.modules = ["m1", "m2/3"]
    expected.container = "i.sif"
    expected.containerCommand = "run it"
    expected.program = "bin/padtax"
    expected.environment = ["A_B": "1 2", "c": "d"]
    expected.directives = ["#SBATCH --x=y"]
    expected.commands = ["one", "two"]
    #expect(site == expected)
  }

  @Test(
    "what is wrong is said with file, line and what would be right",
    arguments: [
      ("account: a", "site.yaml:1: node: is missing"),
      ("node: {cpus: 4}", "site.yaml:1: node.memory: is missing"),
      ("node: {memory: 1GB}", "site.yaml:1: node.cpus: is missing"),
      ("node: {cpus: 0, memory: 1GB}", "node.cpus: 0 is out of range"),
      ("node:\n  cpus: 4\n  memory: 64", "site.yaml:3: node.memory: '64' is not a size such as"),
      ("node: {cpus: 4, memory: -1GB}", "node.memory: '-1GB' is not a size"),
      ("node: {cpus: 4, memory: 99999999999TiB}", "is not a size"),
      (least + "acount: a", "site.yaml:4: unknown key 'acount'; valid keys: account, "),
      (
        least + "launcher: orterun",
        "site.yaml:4: launcher: unknown value 'orterun'; valid choices: srun, mpirun"
      ),
      (least + "partition: a b", "site.yaml:4: partition: 'a b' must be one word"),
      (least + "account: \"a\\n#SBATCH\"", "site.yaml:4: account: must be one line"),
      (least + "container: a b.sif", "container: 'a b.sif' must be one word"),
      (least + "commands: [\"a\\nb\"]", "site.yaml:4: commands: must be one line each"),
      (
        least + "exclusive: perhaps",
        "exclusive: unknown value 'perhaps'; valid choices: true, false"
      ),
      (least + "concurrent: 0", "concurrent: 0 is out of range; it must be at least 1"),
      (least + "max-time: 90", "max-time: '90' is not a time such as 24:00:00"),
      (least + "max-time: 1:60:00", "is not a time"),
      (
        least + "directives: [\"--x\"]",
        "site.yaml:4: directives: '--x' must begin with '#SBATCH --'"
      ),
      (
        least + "environment: {A-B: 1}",
        "environment.A-B: is not the name of an environment variable"
      ),
      (least + "environment: {1A: x}", "environment.1A: is not the name"),
      ("- a", "site.yaml:1: the file must be a mapping"),
      ("node: [", "site.yaml:2: not YAML"),
    ])
  func bad(text: String, expected: String) {
    #expect(complaint(text).contains(expected), "\(complaint(text))")
  }

  @Test("a file that is not there is named")
  func absent() {
    #expect(throws: RecordError("cannot read the site file no.yaml: no such file or not readable"))
    {
      try SiteFile.read(path: "no.yaml")
    }
  }
}
