import FoundationEssentials
import GPUKernels
import Glibc
import Kernels
import Locality
import MPI
import Models
import Networks
import Records

/// Asks every rank what it runs on, for the cell's provenance.
package struct RankSurvey {
  let context: RankContext
  let backend: any Backend
  let resolved: ResolvedJob

  /// Variables whose names begin so are recorded: they change how ranks, MPI or BLAS behave.
  private static let recorded = [
    "OMPI_MCA_", "MPICH_", "OPENBLAS_", "MKL_", "BLIS_", "OMP_", "GOMP_", "SLURM_",
    "PADTAX_", "CUDA_VISIBLE",
  ]
  /// What the launcher tells its processes: addresses and folders of one launch, no setting.
  private static let launch = ["_orte", "_ess", "_uri", "_wdir", "_session"]
  private static let secret = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "JWT"]

  /// A rank's host.
  struct Place {
    let binding: Binding
    let topology: Topology
    /// Cores that the host's ranks have together.
    let usableCores: Int
    /// Whether any host has more compute threads than usable cores.
    let isOversubscribed: Bool
  }

  /// Where this rank is. Collective.
  func place() throws -> Place {
    let host = try context.control.splitByHost(label: Traffic.control)
    let (bound, topology, quota) = try context.together("topology") {
      (try Binding.current(), try Topology.detect(), try UsableCores.detect().cpuQuota)
    }
    let usable = try Self.usableCores(
      of: host, binding: bound, topology: topology, quota: quota)
    var over = [Int32(host.size * backend.provenance.threads > usable ? 1 : 0)]
    try context.control.allReduce(inPlace: &over, .max)
    return Place(
      binding: bound, topology: topology, usableCores: usable, isOversubscribed: over[0] == 1)
  }

  /// Provenance on the coordinator, nil elsewhere. Collective.
  /// - Parameter tokens: ranks of a host that can compute at once; nil where all can.
  func gather(
    _ place: Place, tokens: Int?, arguments: [String], cell: String
  ) throws -> Provenance? {
    let facts = try context.together("topology") {
      try rankFacts(
        binding: place.binding, topology: place.topology, usable: place.usableCores)
    }
    let texts = try context.control.gatherArrays(Array(JSONText.line(facts).utf8), root: 0)
    guard let texts else { return nil }
    let ranks = try texts.map {
      try JSONText.decode(
        RankFacts.self, from: String(decoding: $0, as: UTF8.self), source: "rank facts")
    }
    return try provenance(
      GPUFacts.markingShared(ranks), arguments: arguments, cell: cell,
      oversubscribed: place.isOversubscribed,
      tokens: tokens)
  }

  /// Cores that the ranks of a host may use together: a bound rank sees its own only. Collective.
  package static func usableCores(
    of host: borrowing Communicator, binding: Binding, topology: Topology, quota: Double?
  ) throws -> Int {
    let lists = try host.allGather(bitmap(binding.processingUnits))
    return cores(
      processingUnits: union(lists, words: lists.count / host.size),
      threadsPerCore: topology.threadsPerCore, quota: quota)
  }

  /// Whole cores that some processing units make: hardware threads of one core count once, and
  /// control groups may grant less.
  static func cores(processingUnits: Int, threadsPerCore: Int, quota: Double?) -> Int {
    let cores = (processingUnits + threadsPerCore - 1) / threadsPerCore
    return max(1, min(cores, quota.map { Int(min($0, Double(cores))) } ?? cores))
  }

  /// Processing units as 64-bit words, 4096 of them at most.
  private static func bitmap(_ units: [Int]) -> [UInt64] {
    var words = [UInt64](repeating: 0, count: 64)
    for unit in units where unit < 4096 { words[unit / 64] |= 1 << UInt64(unit % 64) }
    return words
  }

  private static func union(_ words: [UInt64], words count: Int) -> Int {
    (0..<count).reduce(0) { total, word in
      total
        + stride(from: word, to: words.count, by: count).reduce(UInt64(0)) { $0 | words[$1] }
        .nonzeroBitCount
    }
  }

  private func rankFacts(
    binding: Binding, topology: Topology, usable: Int
  ) throws -> RankFacts {
    let about = backend.provenance
    let cpu = backend as? CPUBackend
    let model = resolved.model
    let plan = try ShardPlan(model: model, layout: context.layout, rank: context.rank)
    let rates =
      if let cpu {
        try ownRates(cpu, plan)
      } else {
        try (backend as? GPUBackend).map { try ownRates($0, plan) } ?? (peak: 0, gemm: 0)
      }
    return RankFacts(
      rank: context.rank, host: Host.name, process: Int(getpid()), cpuModel: topology.cpuModel,
      usableCores: usable, binding: binding.processingUnitList,
      numaNode: binding.numaNodes.map(String.init).joined(separator: ","), backend: about.name,
      library: about.library.split(separator: "/").last.map(String.init) ?? about.library,
      blasCore: about.core, instructionSet: about.instructionSet, threads: about.threads,
      notes: about.notes,
      peakGFLOPS: rates.peak, gemmGFLOPS: rates.gemm,
      weightBytes: plan.weightBytes(
        matrixBytes: backend.weightFormat.byteCount,
        vectorBytes: backend.activationFormat.byteCount),
      loadAverage: Self.loadAverage(), gpu: (backend as? GPUBackend).map(facts))
  }

  private func facts(_ gpu: GPUBackend) -> GPUFacts {
    let now = gpu.telemetry
    return GPUFacts(
      name: gpu.device.name, uuid: gpu.device.uuid, driver: now?.driver ?? "",
      cuda: gpu.device.cudaVersion, memoryBytes: gpu.device.memoryBytes,
      clockMHz: now?.clockMHz ?? 0, memoryClockMHz: now?.memoryClockMHz ?? 0,
      throttleReasons: now?.throttleReasons ?? 0, messages: context.device?.name ?? "none",
      isMPIAware: MPIEnvironment.isCUDAAware, nccl: context.device?.library)
  }

  /// Multiply-add peak and bare GEMM rate in GFLOP/s: the best of some turns, because a neighbour
  /// can hold the core for a whole short measurement. No GEMM is above the peak.
  private func ownRates(
    _ cpu: CPUBackend, _ plan: ShardPlan
  ) throws -> (peak: Double, gemm: Double) {
    var best = (peak: 0.0, gemm: 0.0)
    for _ in 0..<4 {
      best.peak = max(best.peak, cpu.measureMultiplyAddPeak())
      best.gemm = max(
        best.gemm,
        try cpu.measureProductRate(
          rows: 512, inputs: min(plan.model.hiddenSize, 4096),
          outputs: min(max(plan.feedForward.count, 1), 8192)))
    }
    return (max(best.peak, best.gemm), best.gemm)
  }

  /// The same of a card: what its largest products reach, and one of the model's shapes.
  private func ownRates(
    _ gpu: GPUBackend, _ plan: ShardPlan
  ) throws -> (peak: Double, gemm: Double) {
    let peak = try gpu.measurePeakRate() * 1e-9
    // Not more work than a card does in a moment, were it as slow as a core.
    let gemm =
      try gpu.measureProductRate(
        rows: peak < 1e3 ? 64 : 4096, inputs: plan.model.hiddenSize,
        outputs: max(plan.feedForward.count, 1)) * 1e-9
    return (max(peak, gemm), gemm)
  }

  private func provenance(
    _ ranks: [RankFacts], arguments: [String], cell: String, oversubscribed: Bool, tokens: Int?
  ) throws -> Provenance {
    var warnings = Set(backend.provenance.warnings)
    if oversubscribed && context.clock == nil {
      warnings.insert(
        "more ranks and threads than usable cores: times are not to be trusted")
    } else if oversubscribed && tokens == nil {
      warnings.insert(
        "more ranks than usable cores compute at once: the caches that they share slow virtual "
          + "times down; compute-token: auto keeps that out")
    }
    if ranks.contains(where: { $0.gpu?.messages == "direct" && $0.gpu?.isMPIAware != true }) {
      warnings.insert(
        "backend.messages: direct, but this MPI does not say that it follows a device's addresses")
    }
    if ranks.contains(where: { $0.gpu?.isShared == true }) {
      warnings.insert(
        context.clock == nil
          ? "several ranks share a GPU: times are not to be compared with others"
          : "several ranks share a GPU and take turns on it: virtual times count each one's own")
    }
    let model = resolved.model
    let weights = WeightChoice.name(resolved)
    return Provenance(
      cell: cell, arguments: arguments, padtaxVersion: SourceVersion.padtax,
      commit: SourceVersion.commit, dirty: SourceVersion.dirty, seed: resolved.job.seed,
      clock: resolved.job.clock.name, virtualTime: try virtualTime(tokens: tokens),
      startUTC: Self.utc(),
      model: ModelFacts(
        name: model.name, parameters: model.parameterCount, layers: model.layerCount,
        hidden: model.hiddenSize, queryHeads: model.queryHeads, kvHeads: model.kvHeads,
        headDimension: model.headDimension, feedForward: model.feedForwardSize,
        vocabulary: model.vocabularySize, weights: weights),
      layout: "\(context.layout)", mpiLibrary: MPIEnvironment.libraryVersion,
      mpiStandard: MPIEnvironment.standardVersion,
      numbers: resolved.job.numbers, oversubscribed: oversubscribed, ranks: ranks,
      environment: Self.environment(), warnings: warnings.sorted())
  }

  private func virtualTime(tokens: Int?) throws -> VirtualTimeFacts? {
    guard context.clock != nil, let time = resolved.job.clock.virtualTime else { return nil }
    let network = try Network(parsing: time.network)
    return VirtualTimeFacts(
      network: network.name, networkSource: network.description,
      nodes: (try time.nodes.nodes(ranks: context.layout.worldSize).last ?? 0) + 1,
      computeScale: time.computeScale,
      decodeScale: time.decodeScale, computeTokens: tokens)
  }

  private static func environment() -> [String: String] {
    ProcessInfo.processInfo.environment.filter { entry in
      recorded.contains { entry.key.hasPrefix($0) }
        && !launch.contains { entry.key.contains($0) }
    }.reduce(into: [:]) { out, entry in
      let hidden = secret.contains { entry.key.uppercased().contains($0) }
      out[entry.key] = hidden ? "(redacted)" : entry.value
    }
  }

  private static func loadAverage() -> Double {
    var loads = [0.0, 0.0, 0.0]
    return getloadavg(&loads, 3) > 0 ? loads[0] : 0
  }

  static func utc() -> String {
    Date().formatted(.iso8601)
  }
}

extension Topology {
  /// Hardware threads of a core; 1 where the system shows no cores.
  fileprivate var threadsPerCore: Int { cores > 0 ? max(1, processingUnits / cores) : 1 }
}
