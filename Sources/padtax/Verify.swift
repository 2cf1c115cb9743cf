import ArgumentParser
import FoundationEssentials
import Records
import Studies

/// Compares a checkpoint's answers with its golden file, on ranks.
struct Verify: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare a checkpoint's logits and tokens with its golden file.",
    discussion: """
      Prints the largest error and PASS (exit code 0) or FAIL (exit code 3).

      Examples:
        padtax verify --checkpoint path/to/checkpoint
        padtax verify --checkpoint path/to/checkpoint --layout tp2pp2 --policy right-pad
      """)

  @Option(help: "Folder with config.json, safetensors files and the golden file.")
  var checkpoint: String
  @Option(help: "Parallel layout, such as tp2pp2.") var layout = "tp1"
  @Option(help: "One of right-pad, left-pad, packed.") var policy = "packed"
  @Option(name: .customLong("micro-batches"), help: "Micro-batches of the pipeline.")
  var microBatches = 1
  @Option(help: "generate compares logits and tokens, score the negative log-likelihoods.")
  var phase = JobMode.generate
  @Option(
    help: "Prompts with expected greedy tokens, or an encoder's golden folder; else the folder's.")
  var expected: String?
  @Option(help: "openblas, or the path of another CBLAS.") var blas = "openblas"
  @Option(help: "One of cpu, cuda, reference.") var backend = BackendChoice.Kind.cpu
  @Option(help: "Of weights and the inputs of products: fp32 or bf16.")
  var precision = EngineFormat.fp32
  @Option(help: "Of keys and values; as precision by default.") var kvPrecision: EngineFormat?
  @Option(help: "Of hidden states between ranks; as precision by default.")
  var messagePrecision: EngineFormat?
  @Option(help: ArgumentHelp(StepLimit.help)) var stepLimit = StepLimit.standard
  @Option(help: "The mpirun to use; taken inside a Slurm allocation too.") var mpirun: String?

  func run() throws {
    let request = try VerificationRequest(
      checkpoint: checkpoint, layout: layout, policy: policy, microBatches: microBatches,
      backend: BackendChoice(kind: backend, blas: blas), expected: expected, mode: phase,
      numbers: NumberFormats(
        weights: precision, cache: kvPrecision, messages: messagePrecision),
      stepLimit: stepLimit)
    let variables = ProcessInfo.processInfo.environment
    let launch = request.launch(
      try RankLauncher.choose(mpirun: mpirun, variables: variables, version: Doctor.version(of:)),
      rankProgram: try ExecutableSearch.rankProgram(variables: variables),
      host: HostFacts.detect(), variables: variables)
    let signals = SignalInbox()
    let status = try ChildProcess(launch.command).wait(signals: signals) { line in
      switch line {
      case .output(let text): Terminal.line(text)
      case .error(let text): Terminal.error(text)
      }
    }
    let code = signals.received.isEmpty ? StudyRun.code(of: status) : .stopped
    if code != .fine { throw code }
  }
}

extension JobMode: ExpressibleByArgument {}
extension EngineFormat: ExpressibleByArgument {}
extension BackendChoice.Kind: ExpressibleByArgument {}
extension StepLimit: ExpressibleByArgument {
  public init?(argument: String) { self.init(parsing: argument) }

  static let help =
    "When ranks that stand still are given up: seconds, a multiple of the slowest step (20x), or off."
}
