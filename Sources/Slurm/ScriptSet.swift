import Models
import Records

/// The templates by what they are for; `docs/SLURM.md` describes them.
public enum ScriptKind: String, Sendable, CaseIterable {
  /// An array per allocation shape, one element per layout.
  case study
  /// All layouts one after another on one node.
  case single
  /// All layouts one after another on several nodes.
  case multiNode = "multi-node"
  /// As `study`, with a GPU for each rank.
  case gpu
}

/// One batch script.
public struct BatchScript: Hashable, Sendable {
  /// File name, such as `study-1x4.sbatch`.
  public let name: String
  public let text: String
}

/// The batch scripts of a job on a site.
public struct ScriptSet: Sendable {
  /// The scripts that run cells.
  public let scripts: [BatchScript]
  /// The script that makes the report when the others have ended, whatever became of them.
  public let aggregate: BatchScript
  /// Sentences about what the scripts cannot promise.
  public let warnings: [String]

  /// What the caller chose.
  public struct Options: Sendable {
    public var kind: ScriptKind
    /// Nodes of every layout; as few as possible when nil.
    public var nodes: Int?
    /// Seconds to ask for; estimated when nil.
    public var seconds: Int?
    /// Absolute path of the run directory.
    public var run: String
    /// The padtax that the scripts start, where the site names none.
    public var program: String
    /// Cells of each layout, which a script runs one after another.
    public var variations: Int

    public init(
      kind: ScriptKind, nodes: Int? = nil, seconds: Int? = nil, run: String, program: String,
      variations: Int = 1
    ) {
      self.kind = kind
      self.nodes = nodes
      self.seconds = seconds
      self.run = run
      self.program = program
      self.variations = variations
    }
  }

  /// - Throws: `SlurmError` when a layout does not fit the site or the kind of script.
  public init(
    _ resolved: ResolvedJob, site: SiteSettings, templates: ScriptTemplates, options: Options
  ) throws {
    let plain = options.run.utf8.allSatisfy { byte in
      let character = Character(UnicodeScalar(byte))
      return byte < 128
        && (character.isLetter || character.isNumber || "/-_.+,:@=".utf8.contains(byte))
    }
    guard plain else {
      throw SlurmError(
        "the run directory '\(options.run)' goes into #SBATCH lines, which take letters, digits and "
          + "/-_.+,:@= only; name another with --out")
    }
    let usesGPUs = options.kind == .gpu
    if usesGPUs && site.gpus == 0 {
      throw SlurmError("kind gpu: the site file has no node.gpus")
    }
    let placements = try resolved.job.layouts.map {
      try Placement(resolved, $0, site: site, usesGPUs: usesGPUs, nodes: options.nodes)
    }
    var writer = ScriptWriter(
      resolved: resolved, site: site, templates: templates, options: options)
    switch options.kind {
    case .study, .gpu:
      scripts = try AllocationShape.groups(placements).map { shape, group in
        try writer.script("\(options.kind.rawValue)-\(shape.name)", shape, group, inTurn: false)
      }
    case .single, .multiNode:
      let shape = try Self.oneShape(placements, options.kind)
      scripts = [try writer.script(options.kind.rawValue, shape, placements, inTurn: true)]
    }
    aggregate = try writer.aggregate()
    warnings = writer.warnings
  }

  /// The shape of an allocation in which all layouts run in turn without leaving a node idle.
  private static func oneShape(
    _ placements: [Placement], _ kind: ScriptKind
  ) throws(SlurmError) -> AllocationShape {
    let nodes = Set(placements.map(\.nodes))
    let list = placements.map { "\($0.layout) \($0.nodes)" }.joined(separator: ", ")
    guard nodes.count == 1, let count = nodes.first else {
      throw SlurmError(
        "kind \(kind.rawValue): the layouts take different numbers of nodes (\(list)), so that some "
          + "would leave nodes idle; use kind study, or --nodes")
    }
    guard (count == 1) == (kind == .single) else {
      throw SlurmError(
        kind == .single
          ? "kind single: the layouts need several nodes each (\(list)); use kind multi-node or study"
          : "kind multi-node: every layout fits on one node; use kind single or study, or --nodes")
    }
    return AllocationShape(
      nodes: count, tasksPerNode: placements.map(\.tasksPerNode).max() ?? 1)
  }
}
