import Models
import Records
import Units

/// A job that was read, checked and can be started: the cells, and how each would be launched.
public struct RunPlan: Sendable {
  public let job: JobSpecification
  public let resolved: ResolvedJob
  public let cells: [Cell]
  public let host: HostFacts
  public let launcher: RankLauncher
  public let rankProgram: String
  public let variables: [String: String]
  /// The nodes of the Slurm job, nil outside one.
  public let allocation: Allocation?

  /// Reads and checks a job; writes nothing.
  /// - Parameters:
  ///   - layouts: layouts that take the place of the job's, such as `["tp2", "pp2"]`; as
  ///     `--set layouts=[tp2, pp2]`.
  ///   - only: layouts of the job that are taken, all when nil; the job stays as it is.
  /// - Throws: `RecordError` about the job, `StudyError` about this machine.
  public init(
    jobPath: String, settings: [String], layouts: [String]?, only: [String]? = nil, host: HostFacts,
    launcher: RankLauncher, rankProgram: String, variables: [String: String]
  ) throws {
    var settings = settings
    if let layouts { settings.append("layouts=[\(layouts.joined(separator: ", "))]") }
    let job = try JobFile.read(path: jobPath, settings: settings)
    let resolved = try ResolvedJob(job, file: jobPath, settings: settings)
    let cells = try Cell.cells(of: job, only: only)
    allocation = Allocation(variables: variables)
    var isRemote = (allocation?.nodes ?? 1) > 1
    if case .srun = launcher { isRemote = true }
    for cell in cells {
      _ = try allocation?.ranksPerNode(cell)
      // Ranks on other machines tell when theirs has too little memory.
      if isRemote { continue }
      try MemoryNeed(resolved.model, cell.layout).check(
        available: host.availableBytes, file: jobPath)
    }
    self.job = job
    self.resolved = resolved
    self.cells = cells
    self.host = host
    self.launcher = launcher
    self.rankProgram = rankProgram
    self.variables = variables
  }

  /// The launch of a cell of the run in `directory`.
  public func launch(_ cell: Cell, in directory: RunDirectory) -> LaunchPlan {
    // What runs a program in a container, when the ranks run in one.
    var program = variables["PADTAX_RANK_PREFIX"]?.split(separator: " ").map(String.init) ?? []
    program += [
      rankProgram, directory.job, "--layout", cell.layout.description, "--out", directory.path,
      "--progress", "machine",
    ]
    if let allocation {
      program += [
        "--expect-nodes", String(allocation.nodes), "--expect-tasks-per-node",
        String(cell.layout.worldSize / allocation.nodes),
      ]
    }
    return LaunchPlan(
      launcher, ranks: cell.layout.worldSize, threads: job.backend.threads, program: program,
      host: host, variables: variables, allocation: allocation)
  }

  /// One sentence per cell that has more threads than the machine has cores, or tensor groups that
  /// lie on several nodes.
  public var warnings: [String] {
    let split = allocation.map { allocation in
      cells.filter { $0.layout.worldSize / allocation.nodes % $0.layout.tensor != 0 }
    }
    return (split ?? []).map { "\($0.id): its tensor groups span nodes" }
      + crowdedCells.map { cell in
        let threads = cell.layout.worldSize / (allocation?.nodes ?? 1) * job.backend.threads
        return "\(cell.id): \(threads) threads on \(host.cores) usable cores: oversubscribed, "
          + "its times are not to be trusted"
      }
  }

  private var crowdedCells: [Cell] {
    cells.filter { launch($0, in: RunDirectory(path: "RUN")).isOversubscribed }
  }
}

/// The memory that the weights of one layout need, summed over its ranks.
struct MemoryNeed {
  let layout: ParallelLayout
  let model: String
  let weightBytes: Int

  init(_ model: ModelConfiguration, _ layout: ParallelLayout) throws {
    self.layout = layout
    self.model = model.name
    weightBytes = try (0..<layout.worldSize).reduce(0) { sum, rank in
      sum + (try ShardPlan(model: model, layout: layout, rank: rank)).weightBytes(elementBytes: 4)
    }
  }

  /// - Throws: `StudyError` with both numbers when the weights alone are more than there is.
  func check(available: Int, file: String) throws(StudyError) {
    guard weightBytes > available, available > 0 else { return }
    throw StudyError(
      "\(file): layouts: \(layout): the fp32 weights of \(model) take \(Bytes(weightBytes)) over "
        + "\(layout.worldSize) ranks and this machine has \(Bytes(available)) free; "
        + "take a smaller model or scale it, for example model.scale=1/16")
  }
}
