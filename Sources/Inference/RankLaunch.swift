import Checkpoints
import Glibc
import Locality
import MPI
import Models
import Records
import Scheduling

/// What `padtax-rank` does once its arguments are read: sets MPI up, does the work on all ranks,
/// and turns every error into one line and an exit code.
public struct RankLaunch {
  public static func world(_ ledger: TrafficLedger) throws -> Communicator {
    try .world(label: Traffic.control, ledger: ledger)
  }

  /// Runs a job under one layout and returns the exit code. Collective.
  public static func run(
    job path: String, layout: String, output: String, settings: [String],
    progress: ProgressReporter.Style, arguments: [String]
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let ledger = TrafficLedger()
    let world = try world(ledger)
    return guarding(rank: world.rank) {
      let (layout, resolved) = try readJob(
        path, layout: layout, settings: settings, world: world)
      let context = try RankContext(layout: layout, world: world)
      let cell = RunDirectory(path: output).cell("\(layout)")
      try context.together("output") {
        guard context.isCoordinator else { return }
        try AtomicFile.createFolder(cell.ranksFolder)
        let job = RunDirectory(path: output).job
        if access(job, F_OK) != 0 { try AtomicFile.write(resolved.job.yaml, to: job) }
        try cell.enter(.ready)
      }
      do {
        try CellRun(
          context: context, resolved: resolved, cell: cell,
          progress: ProgressReporter(
            style: context.isCoordinator ? progress : .none, layout: layout)
        ).run(arguments: arguments)
      } catch {
        if context.isCoordinator { try? cell.enter(.error, text: "\(error)\n") }
        throw error
      }
      if context.isCoordinator { try cell.enter(.done) }
    }
  }

  /// Compares a checkpoint with its golden files and returns the exit code. Collective.
  public static func verify(
    checkpoint: String, expected: String?, layout: String, policy: String, microBatches: Int,
    backend: BackendChoice
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let world = try world(TrafficLedger())
    return guarding(rank: world.rank) {
      let layout = try badInput { try ParallelLayout(parsing: layout) }
      let policy = try badInput { try Policy(parsing: policy) }
      let context = try RankContext(layout: layout, world: world)
      if EncoderExpectation.isPresent(in: expected ?? checkpoint) {
        return try verifyEncoder(
          context, checkpoint: checkpoint, expected: expected, policy: policy,
          microBatches: microBatches,
          backend: backend)
      }
      let golden = try context.together("expected answers") {
        try GoldenVerification(context: context, directory: checkpoint, expected: expected)
      }
      let report = try golden.run(policy: policy, microBatches: microBatches, backend: backend)
      try context.together("verification") {
        guard let report else { return }
        StandardStream.output.line(Self.line(report, layout: layout, policy: policy))
        guard report.passed else { throw InferenceError(.gate, report.failure ?? "") }
      }
    }
  }

  private static func verifyEncoder(
    _ context: RankContext, checkpoint: String, expected: String?, policy: Policy,
    microBatches: Int, backend: BackendChoice
  ) throws {
    let golden = try context.together("expected answers") {
      try EncoderVerification(context: context, directory: checkpoint, expected: expected)
    }
    let report = try golden.run(policy: policy, microBatches: microBatches, backend: backend)
    try context.together("verification") {
      guard let report else { return }
      let errors = report.errors.map { "\($0.what) \($0.error)" }.joined(separator: ", ")
      StandardStream.output.line(
        "\(report.passed ? "PASS" : "FAIL") \(report.name) \(context.layout) \(policy): "
          + "\(report.tokens) tokens of \(report.prompts) prompts compared; largest errors: "
          + "\(errors) (allowed \(report.tolerance))")
      guard report.passed else { throw InferenceError(.gate, report.failure ?? "") }
    }
  }

  private static func line(
    _ report: GoldenVerification.Report, layout: ParallelLayout, policy: Policy
  ) -> String {
    let full = report.maxFullError.map { ", every position \($0)" } ?? ""
    return "\(report.passed ? "PASS" : "FAIL") \(report.name) \(layout) \(policy): "
      + "\(report.tokensCompared) tokens of \(report.prompts) prompts compared; largest logit error "
      + "\(report.maxError)\(full) (allowed \(report.tolerance))"
  }

  private static func readJob(
    _ path: String, layout: String, settings: [String], world: borrowing Communicator
  ) throws -> (ParallelLayout, ResolvedJob) {
    let layout = try badInput { try ParallelLayout(parsing: layout) }
    let ranks = world.size
    let bytes = try RankContext.fromCoordinator(world) {
      let job = try badInput { try JobFile.read(path: path, settings: settings) }
      guard layout.worldSize == ranks else {
        throw InferenceError(
          .badInput,
          "layout \(layout) needs \(layout.worldSize) ranks; this launch has \(ranks) "
            + "(mpirun -np \(layout.worldSize) …)")
      }
      let resolved = try badInput {
        try ResolvedJob(job, file: path, settings: settings, layouts: [layout])
      }
      return Array(try JSONText.line(resolved).utf8)
    }
    let resolved = try JSONText.decode(
      ResolvedJob.self, from: String(decoding: bytes, as: UTF8.self), source: path)
    return (layout, resolved)
  }

  private static func badInput<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch {
      throw InferenceError(.badInput, "\(error)")
    }
  }

  /// Exit code of `body`. An `InferenceError` is known to all ranks: the first one prints it. Any
  /// other error is this rank's alone and ends the whole launch.
  private static func guarding(rank: Int, _ body: () throws -> Void) -> Int32 {
    do {
      try body()
      return 0
    } catch let error as InferenceError {
      if rank == 0 { StandardStream.error.line("padtax: error: \(error)") }
      return error.kind.rawValue
    } catch {
      StandardStream.error.line("padtax: error: rank \(rank) on \(Host.name): \(error)")
      MPIEnvironment.abort(code: 1)
    }
  }
}
