import ArgumentParser
import Inference
import Netbench
import NetbenchRanks
import Records

/// One rank of one job. `padtax run` launches it; by hand: `mpirun -np 4 padtax-rank JOB …`.
@main
struct PadtaxRank: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "padtax-rank",
    abstract: "One MPI rank of a padtax job.",
    subcommands: [Run.self, Verify.self, MeasureNetwork.self, ListGPUs.self],
    defaultSubcommand: Run.self)

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      // Bad usage is exit code 2 here, as everywhere in padtax.
      RankLaunch.refuse(message(for: error) + "; padtax-rank --help shows the usage")
    }
  }
}

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Verify and measure a job under one layout.")

  @Argument(help: "Job file.") var job: String
  @Option(help: "Layout, such as tp2pp2. The launch must have as many ranks.") var layout: String
  @Option(help: "Name of the cell; the layout when left out.") var cell: String?
  @Option(help: "Run directory.") var out: String
  @Option(help: "Replaces a value of the job file.") var set: [String] = []
  @Option(help: "plain, machine or none.") var progress: ProgressReporter.Style = .plain
  @Option(help: "Nodes that the ranks must lie on; others, or fewer, end the launch.")
  var expectNodes: Int?
  @Option(help: "Ranks that each node must have.") var expectTasksPerNode: Int?

  func validate() throws {
    guard (expectNodes == nil) == (expectTasksPerNode == nil) else {
      throw ValidationError("--expect-nodes and --expect-tasks-per-node go together")
    }
  }

  func run() throws {
    let hosts = expectNodes.map {
      HostExpectation(nodes: $0, tasksPerNode: expectTasksPerNode ?? 0)
    }
    throw ExitCode(
      try RankLaunch.run(
        job: job, layout: layout, cell: cell, output: out, settings: set,
        hosts: hosts, progress: progress,
        arguments: CommandLine.arguments))
  }
}

struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare a checkpoint with its expected answers under one layout and policy.")

  @Option(help: "Folder with config.json, safetensors files and expectations.")
  var checkpoint: String
  @Option(
    help: "Prompts with expected greedy tokens, or an encoder's golden folder; else the folder's.")
  var expected: String?
  @Option var layout: String = "tp1"
  @Option(help: "Policy; several give one line each.") var policy: [String] = ["packed"]
  @Option(help: "generate compares logits and tokens, score the negative log-likelihoods.")
  var phase: JobMode = .generate
  @Option(help: "Micro-batches per step.") var microBatches: Int = 1
  @Option(help: "cpu, cuda or reference.") var backend: BackendChoice.Kind = .cpu
  @Option(help: "openblas, or the path of another CBLAS.") var blas: String = "openblas"
  @Option(help: "Of weights and the inputs of products: fp32 or bf16.")
  var precision = EngineFormat.fp32
  @Option(help: "Of keys and values; as precision by default.") var kvPrecision: EngineFormat?
  @Option(help: "Of hidden states between ranks; as precision by default.")
  var messagePrecision: EngineFormat?
  @Option(help: "As the job key step-limit.") var stepLimit = StepLimit.standard

  func run() throws {
    throw ExitCode(
      try RankLaunch.verify(
        checkpoint: checkpoint, expected: expected, layout: layout, policies: policy,
        microBatches: microBatches, backend: BackendChoice(kind: backend, blas: blas),
        numbers: NumberFormats(
          weights: precision, cache: kvPrecision, messages: messagePrecision),
        mode: phase, limit: stepLimit))
  }
}

struct ListGPUs: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpus",
    abstract: "Say which GPUs backend.kind: cuda can use, one a line, or what is missing.")

  func run() {
    do {
      for line in try RankLaunch.gpus() { StandardStream.output.line(line) }
    } catch {
      RankLaunch.refuse("\(error)")
    }
  }
}

struct MeasureNetwork: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netbench",
    abstract: "Time messages and collectives between the ranks of this launch.")

  @Option(help: "Layout whose groups are measured.") var layout: String?
  @Option var minBytes: String?
  @Option var maxBytes: String?
  @Option var factor: Double?
  @Option(help: "Some of ping-pong, all-reduce, …, joined by commas.") var operations: String?
  @Option(help: "Slices of each operation and size.") var repeats: Int?
  @Option(help: "Seconds for each operation and size.") var seconds: Double?
  @Option(help: "File for the report.") var out: String?
  @Flag(name: .customLong("report-line"), help: "The report on a line of standard output, too.")
  var reportLine = false
  @Flag(name: .customLong("no-table")) var noTable = false
  @Option(help: "As the job key step-limit; a step is a slice of calls.")
  var stepLimit = StepLimit.standard
  @Option(help: .hidden) var spoil: String?

  func run() throws {
    throw ExitCode(
      try NetbenchLaunch.run(
        { ranks in
          let request = try NetbenchRequest(
            layout: layout, ranks: layout == nil ? ranks : nil, minimum: minBytes,
            maximum: maxBytes, factor: factor, operations: operations, repeats: repeats,
            seconds: seconds)
          guard request.ranks == ranks else {
            throw NetbenchError(
              "layout \(layout ?? "") needs \(request.ranks) ranks; this launch has \(ranks)")
          }
          return request
        },
        output: .init(showsTable: !noTable, isMachineReadable: reportLine, path: out),
        limit: stepLimit, fault: spoil.flatMap(NetbenchFault.init(parsing:)),
        arguments: CommandLine.arguments))
  }
}

extension ProgressReporter.Style: ExpressibleByArgument {}
extension JobMode: ExpressibleByArgument {}
extension EngineFormat: ExpressibleByArgument {}
extension BackendChoice.Kind: ExpressibleByArgument {}
extension StepLimit: ExpressibleByArgument {
  public init?(argument: String) { self.init(parsing: argument) }
}
