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

  /// Reads and checks a job; writes nothing.
  /// - Parameters:
  ///   - layouts: layouts that take the place of the job's, such as `["tp2", "pp2"]`; as
  ///     `--set layouts=[tp2, pp2]`.
  /// - Throws: `RecordError` about the job, `StudyError` about this machine.
  public init(
    jobPath: String, settings: [String], layouts: [String]?, host: HostFacts,
    launcher: RankLauncher, rankProgram: String, variables: [String: String]
  ) throws {
    var settings = settings
    if let layouts { settings.append("layouts=[\(layouts.joined(separator: ", "))]") }
    let job = try JobFile.read(path: jobPath, settings: settings)
    let resolved = try ResolvedJob(job, file: jobPath, settings: settings)
    if case .srun = launcher {
      // The ranks run on other machines: each tells when its own has too little memory.
    } else {
      for layout in job.layouts {
        try MemoryNeed(resolved.model, layout).check(available: host.availableBytes, file: jobPath)
      }
    }
    self.job = job
    self.resolved = resolved
    cells = Cell.cells(of: job)
    self.host = host
    self.launcher = launcher
    self.rankProgram = rankProgram
    self.variables = variables
  }

  /// The launch of a cell of the run in `directory`.
  public func launch(_ cell: Cell, in directory: RunDirectory) -> LaunchPlan {
    LaunchPlan(
      launcher, ranks: cell.layout.worldSize, threads: job.backend.threads,
      program: [
        rankProgram, directory.job, "--layout", cell.layout.description, "--out", directory.path,
        "--progress", "machine",
      ], host: host, variables: variables)
  }

  /// One sentence per cell that has more threads than the machine has cores. Virtual times do not
  /// depend on that.
  public var warnings: [String] {
    guard job.clock == .wall else { return [] }
    return cells.filter { launch($0, in: RunDirectory(path: "RUN")).isOversubscribed }.map { cell in
      let threads = cell.layout.worldSize * job.backend.threads
      return "\(cell.id): \(threads) threads on \(host.cores) usable cores: oversubscribed, "
        + "its times are not to be trusted"
    }
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
