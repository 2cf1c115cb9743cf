import FoundationEssentials
import Models
import Records
import Slurm
import TestSupport
import Testing

/// Rendered scripts, held against files that people read. After a change that is meant:
/// `PADTAX_GOLDEN=write scripts/test --filter ScriptTests`, and read the difference.
@Suite struct ScriptTests {
  private static let templates = SharedData.packageFolder + "/slurm"

  private func resolved(_ layouts: String = "[tp1, tp2, pp2]") throws -> ResolvedJob {
    let folder = try JobFolder(layouts: layouts)
    return try ResolvedJob(JobFile.read(path: folder.job), file: folder.job)
  }

  private func scripts(
    _ kind: ScriptKind, layouts: String = "[tp1, tp2, pp2]", site: SiteSettings? = nil,
    nodes: Int? = nil, run: String = "/runs/toy/1", templates: String = Self.templates
  ) throws -> ScriptSet {
    try ScriptSet(
      resolved(layouts), site: site ?? Self.site, templates: ScriptTemplates(folder: templates),
      options: .init(kind: kind, nodes: nodes, run: run, program: "/opt/padtax/bin/padtax"))
  }

  private static var site: SiteSettings {
    var site = SiteSettings(cpus: 64, memoryBytes: 256 << 30)
    site.gpus = 4
    return site
  }

  /// A site that asks for everything.
  private static var demanding: SiteSettings {
    var site = site
    site.account = "my-project"
    site.partition = "standard"
    site.qos = "normal"
    site.constraint = "a100|h100"
    site.launcher = .mpirun
    site.modules = ["gcc/13", "openmpi/4.1"]
    site.container = "images/padtax.sif"
    site.program = "padtax"
    site.exclusive = true
    site.concurrent = 2
    site.environment = ["OMPI_MCA_btl": "tcp,self", "NOTE": "it's < & > fine"]
    site.directives = ["#SBATCH --mail-type=FAIL"]
    site.commands = ["ulimit -s unlimited"]
    return site
  }

  private func compare(_ script: BatchScript, _ file: String) throws {
    let path = SharedData.packageFolder + "/Tests/SlurmTests/Golden/" + file
    if ProcessInfo.processInfo.environment["PADTAX_GOLDEN"] == "write" {
      try AtomicFile.write(script.text, to: path)
    }
    let golden = FileManager.default.contents(atPath: path) ?? Data()
    #expect(script.text == String(decoding: golden, as: UTF8.self), "\(file) differs")
  }

  @Test("layouts of one allocation shape share an array")
  func study() throws {
    let set = try scripts(.study)
    #expect(set.scripts.map(\.name) == ["study-1x1.sbatch", "study-1x2.sbatch"])
    try compare(set.scripts[1], "study-1x2.sbatch")
    try compare(set.aggregate, "aggregate.sbatch")
    #expect(set.warnings.isEmpty)
  }

  @Test("everything that a site asks for is in the scripts, as it is written")
  func demandingSite() throws {
    try compare(scripts(.study, site: Self.demanding).scripts[0], "demanding-study-1x1.sbatch")
  }

  @Test("one node for all layouts in turn")
  func single() throws {
    let set = try scripts(.single)
    #expect(set.scripts.map(\.name) == ["single.sbatch"])
    try compare(set.scripts[0], "single.sbatch")
  }

  @Test("several nodes for all layouts in turn")
  func multiNode() throws {
    try compare(
      scripts(.multiNode, layouts: "[pp2, tp2pp2]", nodes: 2).scripts[0], "multi-node.sbatch")
  }

  @Test("a GPU for each rank")
  func gpu() throws {
    let set = try scripts(.gpu, layouts: "[tp4, tp2pp2]")
    #expect(set.scripts.map(\.name) == ["gpu-1x4.sbatch"])
    try compare(set.scripts[0], "gpu-1x4.sbatch")
  }

  @Test("every script is one that bash can read")
  func syntax() throws {
    let sets = [
      try scripts(.study), try scripts(.study, site: Self.demanding), try scripts(.single),
      try scripts(.multiNode, layouts: "[pp2]", nodes: 2), try scripts(.gpu, site: Self.demanding),
    ]
    let folder = try TemporaryDirectory()
    for script in sets.flatMap({ $0.scripts + [$0.aggregate] }) {
      let path = try folder.write(script.text, to: script.name)
      let output = try runProcess(["bash", "-n", path])
      #expect(output.exitCode == 0, "\(script.name): \(output.summary)")
      #expect(script.text.hasPrefix("#!/bin/bash\n# ") && script.text.hasSuffix("\n"))
      #expect(!script.text.contains("{{"))
    }
  }

  @Test("templates name no user, host or absolute path")
  func neutral() throws {
    for file in try FileManager.default.contentsOfDirectory(atPath: Self.templates)
    where file.hasSuffix(".sbatch") || file.hasSuffix(".part") {
      let data = try #require(
        FileManager.default.contents(atPath: Self.templates + "/" + file))
      for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
        let found = line.split(whereSeparator: { " =\"'".contains($0) }).first {
          $0.hasPrefix("/") || $0.hasPrefix("~") || $0.contains("@") && !$0.contains("USR1@")
        }
        #expect(found == nil, "\(file): \(line)")
      }
    }
  }

  @Test("a time over the site's limit is cut to it, with a warning")
  func limit() throws {
    var site = Self.site
    site.maxSeconds = 420
    let set = try scripts(.study, site: site)
    #expect(set.scripts[0].text.contains("#SBATCH --time=00:07:00\n"))
    #expect(set.warnings.count == 2)
    #expect(set.warnings[0].contains("00:10:00 would be wanted and the site allows 00:07:00"))
  }

  @Test("what does not fit a kind of script is refused with the way out")
  func refused() throws {
    func complaint(_ body: () throws -> ScriptSet) -> String {
      do {
        _ = try body()
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(
      complaint { try scripts(.multiNode) }
        == "kind multi-node: every layout fits on one node; use "
        + "kind single or study, or --nodes")
    #expect(
      complaint { try scripts(.single, layouts: "[pp2]", nodes: 2) }.contains(
        "kind single: the layouts need several nodes each (pp2 2)"))
    var small = Self.site
    small.cpus = 2
    #expect(
      complaint { try scripts(.single, layouts: "[tp2, pp4]", site: small) }.contains(
        "take different numbers of nodes (tp2 1, pp4 2)"))
    var bare = Self.site
    bare.gpus = 0
    #expect(complaint { try scripts(.gpu, site: bare) }.contains("the site file has no node.gpus"))
    #expect(complaint { try scripts(.study, run: "/a b") }.contains("run directory '/a b'"))
    #expect(complaint { try scripts(.study, run: "/a%j") }.contains("name another with --out"))
  }

  @Test("a template that asks for what there is not is refused with file and line")
  func badTemplates() throws {
    func complaint(_ study: String, part: String = "x") throws -> String {
      let folder = try TemporaryDirectory()
      try folder.write(study, to: "study.sbatch")
      try folder.write(part, to: "site.part")
      do {
        _ = try scripts(.study, templates: folder.path)
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(try complaint("#!/bin/bash\n{{jop}}").contains("study.sbatch:2: unknown value 'jop'"))
    #expect(try complaint("{{#jop}}x{{/jop}}").contains("unknown value 'jop'"))
    #expect(
      try complaint("{{> sight}}").contains("study.sbatch:1: no part 'sight'; there are: site"))
    #expect(
      try complaint("{{> site}}", part: "a\n\n{{who}}").contains("site.part:3: unknown value 'who'")
    )
    #expect(try complaint("{{#job}}").contains("not a template"))
    #expect(try complaint("{{job}}").contains("cannot read the template"))  // aggregate.sbatch
  }
}
