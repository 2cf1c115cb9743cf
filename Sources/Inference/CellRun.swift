import FoundationEssentials
import Kernels
import Locality
import MPI
import Models
import Records
import Scheduling
import Transformers

/// One launch of a job under one layout: verify, then measure all batches and policies interleaved.
public final class CellRun {
  let context: RankContext
  let resolved: ResolvedJob
  let cell: CellDirectory
  let resources: CellResources
  let progress: ProgressReporter
  let nodeFile: NodeRecords
  let batchFile: JSONLinesWriter?
  var oversubscribed = false
  /// Two ranks compute on one card; the coordinator knows.
  private(set) var sharesGPU = false
  /// Of the whole model, once it is loaded.
  var shard: (any ModelShard)?

  public init(
    context: RankContext, resolved: ResolvedJob, resources: CellResources, cell: CellDirectory,
    progress: ProgressReporter
  ) throws {
    self.context = context
    self.resolved = resolved
    self.resources = resources
    self.cell = cell
    self.progress = progress
    nodeFile = try NodeRecords(context: context, cell: cell)
    batchFile = try context.together("output") {
      context.isCoordinator ? try JSONLinesWriter(path: cell.batches) : nil
    }
  }

  /// Verifies and measures. Collective.
  /// - Throws: `InferenceError` of kind `failed` after the measurements when a policy's answers
  ///   were wrong (that policy has no timing), or a rank's traffic was not the model's.
  public func run(arguments: [String]) throws {
    context.activity.begin("survey")
    let survey = RankSurvey(context: context, backend: resources.backend, resolved: resolved)
    let place = try survey.place()
    oversubscribed = place.isOversubscribed
    // Before the survey, which measures how fast the ranks are.
    let tokens = try context.takeTurns(
      resolved.job.clock.virtualTime?.token ?? .off,
      // Whoever computes on a GPU has the host's GPUs to itself.
      cores: resources.backend.deviceNanoseconds == nil ? place.usableCores : 1)
    let provenance = try survey.gather(
      place, tokens: tokens, arguments: arguments, cell: cell.name)
    try context.together("output") {
      guard let provenance else { return }
      sharesGPU = provenance.ranks.contains { $0.gpu?.isShared == true }
      try AtomicFile.write(JSONText.pretty(provenance), to: cell.provenance)
      for warning in provenance.warnings { progress.warn(warning) }
    }
    defer { warnAboutToken() }
    do {
      if let serving = resolved.job.serving { try serve(serving) } else { try runBatches() }
    } catch let error as InferenceError where error.kind == .failed {
      // Of all ranks.
      try noteGraphs(provenance)
      throw error
    }
    try noteGraphs(provenance)
  }

  private func warnAboutToken() {
    guard let token = context.token, token.failures > 0 else { return }
    StandardStream.error.line(
      "padtax: warning: rank \(context.rank) computed \(token.failures) times without a token, "
        + "which the kernel could not lock")
  }

  private func runBatches() throws {
    let failures = try verify()
    let policies = resolved.job.policies.filter { failures[$0] == nil }
    let traffic = policies.isEmpty ? nil : try measure(policies: policies)
    guard failures.isEmpty, traffic == nil else {
      let texts = failures.map { "\(context.layout) \($0.key): answers are wrong: \($0.value)" }
      throw InferenceError(
        .failed, (texts.sorted() + [traffic].compactMap(\.self)).joined(separator: "\n"))
    }
  }

  func loadShard(_ model: ModelConfiguration) throws -> any ModelShard {
    context.activity.begin("load")
    progress.report(stage: "load")
    return try context.together("weights") {
      try makeShard(
        plan: ShardPlan(model: model, layout: context.layout, rank: context.rank),
        source: resources.weights(model), backend: resources.backend, group: context.tensor,
        positions: resolved.positions)
    }
  }
}
