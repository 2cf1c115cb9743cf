import ArgumentParser
import GPUChecks
import GPUKernels
import Inference
import MPI
import Models
import Networks
import Records
import Scheduling

/// Runs a job's batches and policies at the model's real size on one card, shard by shard.
struct Study: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a job's layouts shard by shard on one card, random weights.",
    discussion: """
      The job's model must have random weights; its network says what messages cost. Layouts whose
      shards do not fit are named and left out.
      """)

  @Option(help: "Job file.") var job: String
  @Option(name: .customLong("set"), help: "key=value texts that replace what the job says.")
  var settings: [String] = []
  @Option(help: "File that gets a line of JSON per batch, policy and layout.") var out: String?
  @Option(help: "Walks through each plan that are timed.") var repeats = 3
  @Flag(help: "Ceilings at sizes that an emulated card can run.") var small = false

  func run() {
    GPUChecksProgram.reporting {
      let environment = try MPIEnvironment(threads: .funneled)
      defer { _ = environment.threads }
      let specification = try JobFile.read(path: job, settings: settings)
      let resolved = try ResolvedJob(specification, file: job, settings: settings)
      guard specification.model.kind != .checkpoint, !resolved.model.isEncoder,
        specification.mode == .generate
      else {
        throw ValidationError(
          "\(job): the study takes decoders with random weights (model.preset or model.config) and "
            + "phase generate")
      }
      guard let text = specification.clock.virtualTime?.network else {
        throw ValidationError("\(job): clock: virtual and a network are needed, for the messages")
      }
      guard repeats >= 1 else { throw ValidationError("--repeats must be 1 or more") }
      let numbers = resolved.job.numbers
      let gpu = try GPUBackend(
        weights: numbers.weights.storage, cache: numbers.cache.storage,
        graphs: specification.backend.graphs?.sizes ?? [])
      var bench = KernelBenchmarks(gpu, isLarge: !small)
      try bench.measureCeilings()
      print(
        "\(resolved.model.name) on \(gpu.device.name), \(numbers); large product "
          + "\(fixed(bench.productRate * 1e-12, 1)) TFLOP/s")
      let rounds = ShardRounds(
        job: resolved, gpu: gpu, network: try Network(parsing: text), repeats: repeats)
      print(header)
      for layout in specification.layouts {
        guard layout.data == 1 else {
          throw ValidationError("\(layout): replicas do not meet in the forward pass; leave dp out")
        }
        let (outcomes, refusal) = try rounds.measure(layout)
        if let refusal { print("left out: \(refusal)") }
        for outcome in outcomes {
          GPUChecksProgram.append(try JSONText.line(outcome), to: out)
        }
        show(outcomes, ranks: layout.worldSize, peak: bench.productRate)
      }
      print("device memory, most in use: \(gpu.highWaterBytes >> 20) MiB")
    }
  }

  private var header: String {
    padded("layout", 9) + padded("policy", 26) + aligned("batch", 6) + aligned("pad", 6)
      + aligned("TTFT s", 10) + aligned("total s", 10) + aligned("mfu", 7)
      + aligned("mfu_raw", 9) + aligned("pack.eff", 10) + aligned("J/token", 9)
  }

  private func show(_ outcomes: [ShardRounds.Outcome], ranks: Int, peak: Double) {
    for outcome in outcomes {
      let speed = outcome.ttftSeconds * Double(ranks) * peak
      let packed = outcomes.first {
        $0.batch == outcome.batch && $0.policy == "\(Policy.packed)"
      }
      let efficiency = packed.flatMap {
        outcome.policy == "\(Policy.rightPad)"
          ? Metrics.packingEfficiency(
            measured: outcome.ttftSeconds / $0.ttftSeconds, ideal: outcome.idealSpeedup) : nil
      }
      print(
        padded(outcome.layout, 9) + padded(outcome.policy, 26) + aligned("\(outcome.batch)", 6)
          + aligned(fixed(outcome.padRatio), 6) + aligned(fixed(outcome.ttftSeconds, 4), 10)
          + aligned(fixed(outcome.totalSeconds, 4), 10)
          + aligned(fixed(outcome.usefulFLOPs / speed), 7)
          + aligned(fixed(outcome.slotFLOPs / speed), 9)
          + aligned(efficiency.map { fixed($0) } ?? "", 10)
          + aligned(outcome.joulesPerToken.map { fixed($0, 3) } ?? "-", 9))
    }
  }
}
