import Checkpoints
import GPUKernels
import Glibc
import Locality
import MPI
import Models
import Records
import Scheduling
import Units

/// What `padtax-rank` does once its arguments are read: sets MPI up, does the work on all ranks,
/// and turns every error into one line and an exit code.
public struct RankLaunch {
  public static func world(_ ledger: TrafficLedger) throws -> Communicator {
    try .world(label: Traffic.control, ledger: ledger)
  }

  /// Runs a job under one layout and returns the exit code. Collective.
  public static func run(
    job path: String, layout: String, cell: String?, output: String, settings: [String],
    hosts: HostExpectation? = nil, progress: ProgressReporter.Style, arguments: [String]
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let ledger = TrafficLedger()
    let world = try world(ledger)
    return guarding(rank: world.rank) {
      try hosts?.check(world)
      let (layout, resolved) = try readJob(
        path, layout: layout, settings: settings, world: world)
      // One rank's node may lack the network's file.
      let clock = try world.together("network") {
        try VirtualClock.asked(by: resolved.job, layout: layout, rank: world.rank)
      }
      let context = try RankContext(
        layout: layout, world: world, dialect: resolved.job.dialect,
        reduction: resolved.job.tensorReduction,
        reductionChunks: resolved.job.reductionChunks ?? 1,
        messages: resolved.job.numbers.messages.storage, clock: clock,
        virtualTime: resolved.job.clock.virtualTime)
      defer { clock?.close() }
      let resources = try CellResources(context: context, resolved: resolved)
      try runCell(
        resolved, resources, context: context, cell: cell, output: output, progress: progress,
        arguments: arguments)
    }
  }

  /// Runs one layout of a job into the run directory `output`. Collective.
  /// - Parameter cell: the cell's name; the layout when nil.
  package static func runCell(
    _ resolved: ResolvedJob, _ resources: CellResources, context: RankContext,
    cell name: String? = nil, output: String,
    progress: ProgressReporter.Style, arguments: [String]
  ) throws {
    let directory = RunDirectory(path: output)
    let cell = directory.cell(name ?? "\(context.layout)")
    try context.together("output") {
      guard context.isCoordinator else { return }
      try AtomicFile.createFolder(cell.ranksFolder)
      if access(directory.job, F_OK) != 0 {
        try AtomicFile.write(resolved.job.yaml, to: directory.job)
      }
      try cell.enter(.ready)
    }
    context.activity.limit = resolved.job.stepLimit ?? .standard
    let watchdog = Watchdog(context, limit: context.activity.limit, cell: cell)
    defer { watchdog?.stop() }
    do {
      try CellRun(
        context: context, resolved: resolved, resources: resources, cell: cell,
        progress: ProgressReporter(
          style: context.isCoordinator ? progress : .none, layout: context.layout)
      ).run(arguments: arguments)
    } catch {
      if context.isCoordinator { try? cell.enter(.error, text: "\(error)\n") }
      throw error
    }
    if context.isCoordinator { try cell.enter(.done) }
  }

  /// Compares a checkpoint with its golden files and returns the exit code. Collective.
  public static func verify(
    checkpoint: String, expected: String?, layout: String, policies: [String], microBatches: Int,
    backend choice: BackendChoice, numbers: NumberFormats = .single, mode: JobMode = .generate,
    limit: StepLimit = .standard
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let world = try world(TrafficLedger())
    return guarding(rank: world.rank) {
      let layout = try badInput { try ParallelLayout(parsing: layout) }
      let policies = try policies.map { text in try badInput { try Policy(parsing: text) } }
      let context = try RankContext(
        layout: layout, world: world, messages: numbers.messages.storage)
      let watchdog = try Watchdog(
        context.activity, limit: limit, name: "verify", layout: layout, world: world)
      defer { watchdog?.stop() }
      // The expected answers come from files: no rank computes anything alone, and each loads as much.
      context.activity.isMeasuring = true
      context.activity.awaitOthers(steps: 0)
      if EncoderExpectation.isPresent(in: expected ?? checkpoint) {
        return try verifyEncoder(
          context, checkpoint: checkpoint, expected: expected, policies: policies,
          microBatches: microBatches, backend: choice, numbers: numbers, mode: mode)
      }
      let golden = try context.together("expected answers") {
        try GoldenVerification(context: context, directory: checkpoint, expected: expected)
      }
      let backend = try context.makeBackend(choice, numbers)
      for policy in policies {
        context.activity.awaitOthers(steps: 0)
        context.activity.begin("verify", policy: "\(policy)")
        let report =
          switch mode {
          case .generate:
            try golden.run(policy: policy, microBatches: microBatches, backend: backend)
              .map { (Self.line($0, layout: layout, policy: policy), $0.failure) }
          case .score:
            try golden.runScore(policy: policy, microBatches: microBatches, backend: backend)
              .map { (Self.line($0, layout: layout, policy: policy), $0.failure) }
          }
        try context.together("verification") {
          guard let (line, failure) = report else { return }
          StandardStream.output.line(line)
          if let failure { throw InferenceError(.gate, failure) }
        }
      }
    }
  }

  private static func verifyEncoder(
    _ context: RankContext, checkpoint: String, expected: String?, policies: [Policy],
    microBatches: Int, backend choice: BackendChoice, numbers: NumberFormats, mode: JobMode
  ) throws {
    guard mode != .score else {
      throw InferenceError(
        .badInput,
        "--phase score: \(expected ?? checkpoint) has the expectations of an encoder, which predicts "
          + "no next token to score; leave --phase out")
    }
    let golden = try context.together("expected answers") {
      try EncoderVerification(context: context, directory: checkpoint, expected: expected)
    }
    let backend = try context.makeBackend(choice, numbers)
    for policy in policies {
      context.activity.awaitOthers(steps: 0)
      context.activity.begin("verify", policy: "\(policy)")
      let report = try golden.run(policy: policy, microBatches: microBatches, backend: backend)
      try context.together("verification") {
        guard let report else { return }
        let errors = report.errors.map { "\($0.what) \($0.error)" }.joined(separator: ", ")
        StandardStream.output.line(
          "\(report.passed ? "PASS" : "FAIL") \(report.name) \(context.layout) \(policy): "
            + "\(report.tokens) tokens of \(report.prompts) prompts compared; largest errors: "
            + "\(errors) (allowed \(report.tolerance))")
        if let failure = report.failure { throw InferenceError(.gate, failure) }
      }
    }
  }

  /// Ends this process, before MPI is set up, because of its arguments.
  public static func refuse(_ message: String) -> Never {
    StandardStream.error.line("padtax: error: \(message)")
    exit(InferenceError.Kind.badInput.rawValue)
  }

  /// A line for each GPU that the driver shows, in its order, with what the backend would load.
  /// - Throws: what is missing, in one line.
  public static func gpus() throws -> [String] {
    try GPUDevice.all().enumerated().map { number, device in
      "GPU \(number): \(device.name), \(Bytes(device.memoryBytes)), "
        + "\(device.architecture), \(device.uuid); CUDA \(device.cudaVersion), "
        + "\(try GPUDevice.libraries().joined(separator: ", "))"
    }
  }

  private static func line(
    _ report: GoldenVerification.Report, layout: ParallelLayout, policy: Policy
  ) -> String {
    let full = report.maxFullError.map { ", every position \($0)" } ?? ""
    let open =
      report.undecided > 0
      ? " (\(report.agreeing) of \(report.undecided) that rounding may decide agree)" : ""
    return "\(report.passed ? "PASS" : "FAIL") \(report.name) \(layout) \(policy): "
      + "\(report.tokensCompared) tokens of \(report.prompts) prompts compared\(open); "
      + "largest logit error \(report.maxError)\(full) (allowed \(report.tolerance))"
  }

  private static func line(
    _ report: GoldenVerification.ScoreReport, layout: ParallelLayout, policy: Policy
  ) -> String {
    let token = report.maxTokenError.map { ", of one token's \($0)" } ?? ""
    let cut = report.cut > 0 ? " (\(report.cut) cut, not compared)" : ""
    return "\(report.passed ? "PASS" : "FAIL") \(report.name) \(layout) \(policy): "
      + "\(report.tokens) tokens scored, \(report.prompts) prompts compared\(cut); largest error of "
      + "a mean NLL \(report.maxError)\(token) (allowed \(report.tolerance))"
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
      for batch in resolved.batches {
        try BatchRunner.check(requests: batch.count, layout: layout)
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
  package static func guarding(rank: Int, _ body: () throws -> Void) -> Int32 {
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
