import Models
import Records

/// Fills the templates in.
struct ScriptWriter {
  let resolved: ResolvedJob
  let site: SiteSettings
  let templates: ScriptTemplates
  let options: ScriptSet.Options
  private(set) var warnings: [String] = []

  init(
    resolved: ResolvedJob, site: SiteSettings, templates: ScriptTemplates,
    options: ScriptSet.Options
  ) {
    self.resolved = resolved
    self.site = site
    self.templates = templates
    self.options = options
  }

  /// A script that runs layouts, one per array element or all in turn.
  mutating func script(
    _ name: String, _ shape: AllocationShape, _ placements: [Placement], inTurn: Bool
  ) throws -> BatchScript {
    let times = try placements.map {
      options.variations * (try TimeEstimate.seconds(resolved, $0.layout, site: site))
    }
    let estimate = inTurn ? times.reduce(0, +) : times.max() ?? 0
    var values = common(time: limited(options.seconds ?? estimate, script: name))
    let layouts = placements.map(\.layout.description)
    let memory = placements.map(\.memoryBytes).max() ?? 0
    values["nodes"] = .text("\(shape.nodes)")
    values["tasks_per_node"] = .text("\(shape.tasksPerNode)")
    values["cpus_per_task"] = .text("\(resolved.job.backend.threads)")
    values["memory"] = .text("\((memory + (1 << 20) - 1) >> 20)M")
    values["last"] = .text("\(placements.count - 1)")
    values["concurrent"] = .text("\(site.concurrent)")
    values["layouts"] = .text(layouts.joined(separator: " "))
    values["layout_list"] = .text(layouts.joined(separator: ","))
    values["script"] = .text("\(name).sbatch")
    return BatchScript(
      name: "\(name).sbatch", text: try templates.render(options.kind.rawValue, values))
  }

  func aggregate() throws -> BatchScript {
    BatchScript(
      name: "aggregate.sbatch",
      text: try templates.render("aggregate", common(time: 1800)))
  }

  private mutating func limited(_ seconds: Int, script: String) -> Int {
    guard let most = site.maxSeconds, seconds > most else { return seconds }
    warnings.append(
      "\(script): \(TimeEstimate.text(seconds)) would be wanted and the site allows "
        + "\(TimeEstimate.text(most)); submit the script again until every cell is done")
    return most
  }

  private func common(time: Int) -> [String: TemplateValue] {
    var exports = site.environment.sorted { $0.key < $1.key }.map { key, value in
      "\(key)=\(Self.quoted(value))"
    }
    if let image = site.container {
      exports += [
        "PADTAX_RANK=padtax-rank",
        "PADTAX_RANK_PREFIX=\(Self.quoted("\(site.containerCommand) \(image)"))",
      ]
    }
    return [
      "job": .text(resolved.job.name), "run": .text(options.run),
      "time": .text(TimeEstimate.text(time)),
      "program": .text(Self.quoted(site.program ?? options.program)),
      "account": .optional(site.account), "partition": .optional(site.partition),
      "qos": .optional(site.qos), "constraint": .optional(site.constraint.map { "\"\($0)\"" }),
      "exclusive": .flag(site.exclusive),
      "launcher_option": .text(site.launcher == .mpirun ? " --mpirun mpirun" : ""),
      "directives": .list(site.directives), "modules": .list(site.modules.map(Self.quoted)),
      "exports": .list(exports), "commands": .list(site.commands),
    ]
  }

  /// A word as a shell takes it.
  static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      let character = Character(UnicodeScalar(byte))
      return byte < 128
        && (character.isLetter || character.isNumber || "-_./=:,+@%".utf8.contains(byte))
    }
    if plain && !word.isEmpty { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }
}
