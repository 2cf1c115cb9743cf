import ArgumentParser
import Glibc
import Kernels
import MPI
import Models
import Tensors

/// Whole steps of the engine against the ceilings of this machine, qwen2.5-0.5b's shape.
///
/// `mpirun -np 1 step-bench` and `mpirun -np 2 step-bench`, one thread a rank. Ceilings and steps
/// take turns in one run, so that what the machine can do at the time meets both. A time is the
/// slowest rank's, a ratio the median over pairs of neighbours in time; the ratio of the fastest
/// samples stands beside it. Samples during which a rank lost its core to another process are taken
/// again, within limits.
/// Exit code 0 when all pass, 3 when one does not, 1 when the run fails.
@main
struct StepBench: ParsableArguments {
  enum Section: String, CaseIterable, ExpressibleByArgument {
    case prefill, decode, packing, scaling, instruments, exponents, memory
    /// Only where it is asked for.
    case overlap
  }

  /// Of weights, keys and values, and messages.
  enum Precision: String, ExpressibleByArgument {
    case fp32, bf16

    func backend(blas: BLASSelection, threads: Int) throws -> CPUBackend {
      let format = self == .fp32 ? StorageFormat.float32 : .bfloat16
      return try CPUBackend(blas: blas, threads: threads, weights: format, cache: format)
    }

    /// The ratio that is asked for: of fp32, of bf16.
    func target(_ single: Double, _ half: Double) -> Double { self == .fp32 ? single : half }
  }

  @Option(
    help: """
      Layers of the model's 24. The vocabulary is cut by the same share, so that layers and LM \
      head keep their proportion; what a step costs once weighs more than at full depth.
      """)
  var layers = 6
  @Option(help: "fp32 or bf16.") var precision = Precision.fp32
  @Option(help: "Path or soname of a CBLAS other than OpenBLAS.") var blas: String?
  @Option(help: "Threads of each rank.") var threads = 1
  @Option(help: "Rounds of each measurement.") var rounds = 5
  @Option(help: "Chunks at most in which ranks sum products, as in a job.")
  var reductionChunks = 1
  @Option(help: "Seconds a section spends at most on repeating samples that lost their core.")
  var patience = 60.0
  @Flag(help: "Take orders from standard input instead (Benchmarks/peers).") var race = false
  @Option(help: "Write a checkpoint of 988 MB with random weights into this folder, nothing else.")
  var writeCheckpoint: String?
  @Option(help: "Make one token of such a checkpoint, nothing else.") var firstToken: String?
  @Argument(help: "Sections to run; all by default, but for overlap.") var sections: [Section] = []

  func validate() throws {
    guard (1...24).contains(layers) else {
      throw ValidationError("--layers is \(layers); it must be 1 to 24")
    }
    guard threads > 0 else { throw ValidationError("--threads must be at least 1") }
    guard ReductionChunks.choices.contains(reductionChunks) else {
      throw ValidationError("--reduction-chunks is \(reductionChunks); it must be 1 to 64")
    }
    guard rounds > 0 else { throw ValidationError("--rounds must be at least 1") }
  }

  static func main() {
    let options = parseOrExit()
    do {
      // The environment has ended MPI when `run` returns.
      Glibc.exit(try options.run())
    } catch {
      print("step-bench: \(error)")
      MPIEnvironment.abort(code: 1)
    }
  }

  private func run() throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { withExtendedLifetime(environment) {} }
    let ranks = try Ranks(
      patience: patience, precision: precision, blas: blas.map { .path($0) } ?? .openBLAS,
      threads: threads)
    if let writeCheckpoint {
      try StartUp.write(to: writeCheckpoint)
      return 0
    }
    if let firstToken {
      try StartUp.firstToken(of: firstToken, ranks: ranks)
      return 0
    }
    let model = try Self.model(layers: layers)
    let engine = try Engine(model: model, ranks: ranks)
    engine.reductionChunks = reductionChunks
    if race {
      try RaceServer(engine).run()
      return 0
    }
    var report = Report(prints: ranks.isRoot, ranks: ranks.count)
    report.machine(engine, load: loadAverage())
    for section in Section.allCases where sections.isEmpty || sections.contains(section) {
      ranks.beginSection()
      switch section {
      case .prefill: try PrefillMeasurement(engine, rounds: rounds).run(&report)
      case .decode: try DecodeMeasurement(engine, rounds: rounds).run(&report)
      case .packing: try PackingMeasurement(engine, rounds: rounds).run(&report)
      case .scaling where ranks.count == 2:
        try ScalingMeasurement(engine, rounds: rounds).run(&report)
      case .scaling: break
      case .instruments: try InstrumentMeasurement(engine, rounds: rounds).run(&report)
      case .exponents where ranks.count == 1:
        try ExponentMeasurement(engine, rounds: rounds).run(&report)
      case .exponents: break
      case .memory: try MemoryMeasurement(engine).run(&report)
      case .overlap where ranks.count > 1 && !sections.isEmpty:
        try OverlapMeasurement(engine, rounds: rounds).run(&report)
      case .overlap: break
      }
    }
    report.end(ranks)
    return report.failures == 0 ? 0 : 3
  }

  /// qwen2.5-0.5b with its first layers and the same share of its vocabulary.
  static func model(layers: Int) throws -> ModelConfiguration {
    let whole = try ModelConfiguration.preset("qwen2.5-0.5b")
    guard layers < whole.layerCount else { return whole }
    var cut = ModelOverrides()
    cut.layerCount = layers
    cut.vocabularySize = whole.vocabularySize * layers / whole.layerCount
    return try whole.overriding(cut)
  }

  private func loadAverage() -> Double {
    var load = [0.0]
    return getloadavg(&load, 1) == 1 ? load[0] : .nan
  }
}
