import Models
import Records
import Units

/// A job that was read, checked and can be started: the cells, and how each would be launched.
public struct RunPlan {
  /// The job, in its first variation where it has several.
  public let job: JobSpecification
  /// The axes as they stand in the job file; nil for a run that is resumed.
  let axes: JobAxes?
  public private(set) var cells: [Cell]
  /// Variations of the job; 1 without axes.
  public var variations: Int { axes?.count ?? 1 }
  public let host: HostFacts
  public let launcher: RankLauncher
  public let rankProgram: String
  public let variables: [String: String]
  /// The nodes of the Slurm job, nil outside one.
  public let allocation: Allocation?
  /// The first layout whose weights are more than this machine has room for, where the ranks run on
  /// it: then a run is hopeless, though the job may be meant for another machine.
  public private(set) var shortage: StudyError?

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
    self.host = host
    self.launcher = launcher
    self.rankProgram = rankProgram
    self.variables = variables
    let allocation = Allocation(variables: variables)
    self.allocation = allocation
    // Ranks on other machines tell when theirs has too little memory.
    var isRemote = (allocation?.nodes ?? 1) > 1
    if case .srun = launcher { isRemote = true }
    let axes = try JobFile.axes(path: jobPath, settings: settings)
    var cells: [Cell] = []
    var first: JobSpecification?
    var seen: [String: String] = [:]
    for variation in 0..<axes.count {
      let index = axes.isEmpty ? nil : variation
      let job = try JobFile.read(path: jobPath, settings: settings, variation: index)
      let resolved = try ResolvedJob(job, file: jobPath, settings: settings, variation: index)
      let text = axes.text(variation)
      for layout in job.layouts {
        if !isRemote, shortage == nil {
          shortage = try MemoryNeed(
            resolved.model, layout, resolved.job.numbers.weights
          ).shortage(
            available: host.availableBytes, file: jobPath)
        }
        let cell = try Cell(layout: layout, of: resolved, variation: text)
        if let other = seen.updateValue(text, forKey: cell.id) {
          throw StudyError(
            "\(jobPath): axes: '\(other)' and '\(text)' are the same cell, \(cell.id)")
        }
        cells.append(cell)
      }
      first = first ?? job
    }
    guard let first else { preconditionFailure("a job has at least one variation") }
    job = first
    self.cells = cells
    self.axes = axes
    try fits()
  }

  /// The cells of a run directory as they were planned.
  ///
  /// - Throws: also when a cell's job or the data that it names is no longer what its identifier
  ///   was made from.
  public init(
    resuming directory: RunDirectory, record: RunRecord, layouts: [String]?, host: HostFacts,
    launcher: RankLauncher, rankProgram: String, variables: [String: String]
  ) throws {
    self.host = host
    self.launcher = launcher
    self.rankProgram = rankProgram
    self.variables = variables
    let allocation = Allocation(variables: variables)
    self.allocation = allocation
    axes = nil
    job = try JobFile.read(path: directory.job)
    cells = []
    for id in record.cells {
      let path = directory.cell(id).job
      let resolved = try ResolvedJob(JobFile.read(path: path), file: path)
      let cell = try Cell(
        layout: resolved.job.layouts[0], of: resolved, variation: record.variations?[id] ?? "")
      guard cell.id == id else {
        throw StudyError(
          "\(path): what it names has changed since the run began: the cell would now be \(cell.id)"
        )
      }
      cells.append(cell)
    }
    guard let layouts else {
      try fits()
      return
    }
    for layout in layouts where !cells.contains(where: { "\($0.layout)" == layout }) {
      let names = Set(cells.map { "\($0.layout)" }).sorted().joined(separator: " ")
      throw StudyError(
        "--layouts \(layout): \(directory.path) has no such layout; it has: \(names)")
    }
    cells = cells.filter { layouts.contains("\($0.layout)") }
    try fits()
  }

  /// Throws where the ranks of a cell do not spread evenly over the allocation's nodes.
  private func fits() throws {
    for cell in cells { _ = try allocation?.ranksPerNode(cell.layout) }
  }

  /// Every `count`-th cell from the `index`-th on.
  public func part(_ index: Int, of count: Int) -> RunPlan {
    var plan = self
    plan.cells = stride(from: index, to: cells.count, by: count).map { cells[$0] }
    return plan
  }

  /// The launch of a cell of the run in `directory`.
  public func launch(_ cell: Cell, in directory: RunDirectory) -> LaunchPlan {
    // What runs a program in a container, when the ranks run in one.
    var program = variables["PADTAX_RANK_PREFIX"]?.split(separator: " ").map(String.init) ?? []
    program += [
      rankProgram, directory.cell(cell.id).job, "--layout", cell.layout.description, "--cell",
      cell.id, "--out", directory.path, "--progress", "machine",
    ]
    if let allocation {
      program += [
        "--expect-nodes", String(allocation.nodes), "--expect-tasks-per-node",
        String(cell.layout.worldSize / allocation.nodes),
      ]
    }
    return LaunchPlan(
      launcher, ranks: cell.layout.worldSize, threads: cell.job.backend.threads, program: program,
      host: host, variables: variables, allocation: allocation)
  }

  /// One sentence per layout that has more threads than the machine has cores, or tensor groups that
  /// lie on several nodes.
  public var warnings: [String] {
    var warnings: [String] = []
    let nodes = allocation?.nodes ?? 1
    for cell in cells where cell.layout.worldSize / nodes % cell.layout.tensor != 0 {
      let text = "\(cell.layout): its tensor groups span nodes"
      if !warnings.contains(text) { warnings.append(text) }
    }
    // Virtual times do not depend on how many ranks share a core.
    for cell in cells
    where cell.job.clock == .wall
      && launch(cell, in: RunDirectory(path: "RUN")).isOversubscribed
    {
      let threads = cell.layout.worldSize / nodes * cell.job.backend.threads
      let text =
        "\(cell.layout): \(threads) threads on \(host.cores) usable cores: oversubscribed, "
        + "its times are not to be trusted"
      if !warnings.contains(text) { warnings.append(text) }
    }
    return warnings
  }
}

/// The memory that the weights of one layout need, summed over its ranks.
struct MemoryNeed {
  let layout: ParallelLayout
  let model: String
  let weightBytes: Int
  let format: EngineFormat

  init(_ model: ModelConfiguration, _ layout: ParallelLayout, _ format: EngineFormat) throws {
    self.format = format
    self.layout = layout
    self.model = model.name
    weightBytes = try (0..<layout.worldSize).reduce(0) { sum, rank in
      sum
        + (try ShardPlan(model: model, layout: layout, rank: rank)).weightBytes(
          elementBytes: format.bytes)
    }
  }

  /// What is wrong, with both numbers, when the weights alone are more than there is.
  func shortage(available: Int, file: String) -> StudyError? {
    guard weightBytes > available, available > 0 else { return nil }
    return StudyError(
      "\(file): layouts: \(layout): the \(format.rawValue) weights of \(model) "
        + "take \(Bytes(weightBytes)) over "
        + "\(layout.worldSize) ranks and this machine has \(Bytes(available)) free; "
        + "take a smaller model or scale it, for example model.scale=1/16")
  }
}
