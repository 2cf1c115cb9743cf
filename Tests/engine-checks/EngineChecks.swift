import Glibc
import Inference
import MPI
import Models
import Scheduling

/// Checks of the engine that need ranks: `mpirun -np N engine-checks MODE …`. Many checks per
/// launch, one line for each, then a count; exit code 1 when one failed.
///
/// - `golden FOLDER…`: checkpoints with expected answers, under every layout of N ranks.
/// - `random SEED COUNT`: random small models and ragged batches against the unsharded reference.
/// - `sensitivity`: faults in one rank's weights, each of which verification must see.
/// - `bf16 SEED COUNT`, `bf16-sensitivity`: random cases in bfloat16, and what faults do to it.
/// - `traffic SEED COUNT`: the ledgers of random cases against the analytic model of traffic.
/// - `serving SEED COUNT`: random schedules of random requests against one-by-one decoding.
/// - `soak COUNT`: so many short requests with preemptions and reuse.
/// - `numbers`: weights that are no numbers, in one place at a time.
/// - `counted-time JOB LAYOUT OUT`: a job under a virtual clock whose processor time is exact.
/// - `wrong-weights JOB LAYOUT OUT`, `no-mask JOB LAYOUT OUT`: a job whose engine has a fault.
/// - `hang JOB LAYOUT OUT`, `slow-load JOB LAYOUT OUT`: a job whose last rank never ends a step, or
///   whose coordinator takes its time before it measures.
/// - `wrong-traffic JOB LAYOUT OUT`: a job whose traffic is predicted for one layer too many.
@main
enum EngineChecks {
  static func main() {
    do {
      let failures = try run(Array(CommandLine.arguments.dropFirst()))
      exit(failures == 0 ? 0 : 1)
    } catch {
      print("FAIL - unexpected error: \(error)")
      fflush(nil)
      MPIEnvironment.abort(code: 1)
    }
  }

  private static func run(_ arguments: [String]) throws -> Int {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let world = try RankLaunch.world(TrafficLedger())
    let checks = Checks(prints: world.rank == 0)
    switch (arguments.first ?? "", arguments.count) {
    case ("golden", 2...): try checkGolden(Array(arguments[1...]), world, checks)
    case ("sensitivity", 1): try checkSensitivity(world, checks)
    case ("numbers", 1): try checkNumbers(world, checks)
    case ("soak", 2):
      guard let count = Int(arguments[1]), count > 0 else { fallthrough }
      try checkSoak(count: count, world, checks)
    case ("bf16-sensitivity", 1): try checkBFloat16Sensitivity(world, checks)
    case ("counted-time", 4):
      return Int(
        try runCountedJob(
          arguments[1], layout: arguments[2], output: arguments[3], world))
    case ("wrong-weights", 4), ("no-mask", 4), ("wrong-traffic", 4), ("hang", 4),
      ("slow-load", 4):
      return Int(
        try runFaultyJob(
          arguments[0], job: arguments[1], layout: arguments[2], output: arguments[3], world))
    case ("random", 3), ("traffic", 3), ("serving", 3), ("bf16", 3):
      guard let seed = UInt64(arguments[1]), let count = Int(arguments[2]) else { fallthrough }
      switch arguments[0] {
      case "random": try checkRandom(seed: seed, count: count, world, checks)
      case "traffic": try checkTraffic(seed: seed, count: count, world, checks)
      case "bf16": try checkBFloat16(seed: seed, count: count, world, checks)
      default: try checkServing(seed: seed, count: count, world, checks)
      }
    default:
      checks.expect("the arguments are a known mode", false, "\(arguments)")
    }
    return checks.finish(ranks: world.size)
  }

  /// Every policy, with values that cut none of the prompts used here.
  static let policies: [Policy] = [
    .rightPad, .leftPad, .packed, .fixed(64), .bucketed(.powers), .bucketed(.best(2)), .sorted,
    .multiBin(3), .megatronIterative, .packedMicro, .oneByOne,
  ]

  /// Every layout of as many ranks.
  static func layouts(ranks: Int) throws -> [ParallelLayout] {
    var all: [ParallelLayout] = []
    for tensor in 1...ranks where ranks % tensor == 0 {
      for pipeline in 1...(ranks / tensor) where ranks / tensor % pipeline == 0 {
        all.append(
          try ParallelLayout(
            tensor: tensor, pipeline: pipeline, data: ranks / tensor / pipeline))
      }
    }
    return all
  }

  /// Every dialect and reduction that makes a difference under a layout; the standard first.
  static func variants(_ layout: ParallelLayout, hiddenSize: Int) -> [EngineVariant] {
    var all = [EngineVariant()]
    if layout.pipeline > 1 && hiddenSize % layout.tensor == 0 {
      all.append(EngineVariant(dialect: .vllmV0))
    }
    if layout.tensor > 1 { all.append(EngineVariant(reduction: .reduceScatter)) }
    return all
  }
}

/// What the engine follows.
struct EngineVariant: CustomStringConvertible {
  var dialect = Dialect.megatron
  var reduction = TensorReduction.allReduce

  var isStandard: Bool { dialect == .megatron && reduction == .allReduce }

  var description: String { "\(dialect.rawValue) \(reduction.rawValue)" }

  func context(
    _ layout: ParallelLayout, _ world: borrowing Communicator
  ) throws -> RankContext {
    try RankContext(layout: layout, world: world, dialect: dialect, reduction: reduction)
  }
}

/// Counts and prints on one rank; the others know nothing of the outcome.
final class Checks {
  private let prints: Bool
  private var passed = 0
  private var failed = 0

  init(prints: Bool) { self.prints = prints }

  func expect(_ name: String, _ holds: Bool, _ found: @autoclosure () -> String) {
    guard prints else { return }
    if holds { passed += 1 } else { failed += 1 }
    print(holds ? "ok - \(name)" : "FAIL - \(name): \(found())")
  }

  func note(_ text: String) {
    if prints { print("# \(text)") }
  }

  func finish(ranks: Int) -> Int {
    if prints { print("engine-checks on \(ranks) ranks: \(passed) passed, \(failed) failed") }
    return failed
  }
}
