import ArgumentParser
import GPUChecks
import GPUKernels
import Glibc
import Inference
import Records

/// Checks and measurements on one GPU; `scripts/gpu-check` runs them all.
@main
struct GPUChecksProgram: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpu-checks", abstract: "Check and measure padtax's GPU backend on one card.",
    subcommands: [Probe.self, Kernels.self, Bench.self, Study.self])

  static func fail(_ message: String) -> Never {
    StandardStream.error.line("gpu-checks: error: \(message)")
    Glibc.exit(2)
  }

  /// Runs `body`; an error is one line and exit code 2.
  static func reporting<Value>(_ body: () throws -> Value) -> Value {
    do { return try body() } catch { fail("\(error)") }
  }

  /// Adds a line of JSON to a file.
  static func append(_ line: String, to path: String?) {
    guard let path else { return }
    guard let file = fopen(path, "a") else { fail("\(path) cannot be written") }
    fputs(line + "\n", file)
    fclose(file)
  }
}

/// Columns of a table: the first as wide as its longest text, numbers to the right.
func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

func aligned(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}

func fixed(_ value: Double, _ digits: Int = 2) -> String {
  guard value.isFinite else { return "-" }
  let factor = (0..<digits).reduce(1.0) { product, _ in product * 10 }
  let scaled = (abs(value) * factor).rounded()
  guard scaled < 1e15 else { return "\(value)" }
  let whole = Int(scaled) / Int(factor)
  let rest = String(Int(scaled) % Int(factor))
  let sign = value < 0 && scaled > 0 ? "-" : ""
  guard digits > 0 else { return "\(sign)\(whole)" }
  return sign + "\(whole)." + String(repeating: "0", count: digits - rest.count) + rest
}

struct Probe: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Open the card and say what it is.")

  func run() {
    let gpu = GPUChecksProgram.reporting { try GPUBackend() }
    let about = gpu.provenance
    print("\(about.core), \(about.notes.joined(separator: "; "))")
  }
}

struct Kernels: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Hold every operation against the reference backend; exit code 1 if one differs.")

  @Option(help: "Of weights and activations, fp32 or bf16; both without it.")
  var precision: EngineFormat?
  @Option(help: "Of keys and values; both without it.") var kvPrecision: EngineFormat?
  @Option(help: "Seed of shapes and inputs.") var seed: UInt64 = 1
  @Flag(help: "Small shapes, which an emulated card can run.") var small = false
  @Flag(help: "All lines, not those of failures alone.") var verbose = false

  func run() throws {
    var failed = 0
    let formats = (precision.map { [$0] } ?? EngineFormat.allCases).flatMap { weights in
      (kvPrecision.map { [$0] } ?? EngineFormat.allCases).map {
        NumberFormats(weights: weights, cache: $0)
      }
    }
    for format in formats {
      let gpu = GPUChecksProgram.reporting {
        try GPUBackend(
          weights: format.weights.storage, cache: format.cache.storage,
          graphs: KernelChecks.graphSizes)
      }
      var checks = KernelChecks(gpu, isLarge: !small, seed: seed)
      GPUChecksProgram.reporting { try checks.run() }
      for outcome in checks.outcomes where verbose || !outcome.passed {
        print(
          "\(outcome.passed ? "ok  " : "FAIL") \(outcome.name): error \(outcome.error), "
            + "allowed \(outcome.bound)")
      }
      let bad = checks.outcomes.count { !$0.passed }
      let worst = checks.outcomes.filter { $0.bound > 0 }.map(\.error).max() ?? 0
      print(
        "\(format.weights.rawValue), keys and values \(format.cache.rawValue): "
          + "\(checks.outcomes.count) kernel checks, \(bad) failed, "
          + "largest error \(worst)")
      failed += bad
    }
    if failed > 0 { throw ExitCode(1) }
  }
}

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time kernels at Qwen2.5-32B's shapes against the card's own ceilings, bf16.")

  @Option(help: "Tensor ranks that share the layer.") var tensor = 1
  @Option(help: "Rows of products.") var rows = 4096
  @Option(help: "Slots of attention.") var context = 2048
  @Option(help: "Sequences of a decode step.") var sequences = 64
  @Option(help: "File that gets a line of JSON per figure.") var out: String?
  @Flag(help: "Sizes that only show that everything runs.") var small = false

  func run() {
    let gpu = GPUChecksProgram.reporting {
      try GPUBackend(weights: .bfloat16, graphs: KernelBenchmarks.graphSizes)
    }
    var bench = KernelBenchmarks(gpu, isLarge: !small)
    GPUChecksProgram.reporting {
      try bench.measureCeilings()
      let widths =
        small
        ? KernelBenchmarks.Widths(
          hidden: 64, feedForward: 64, queryHeads: 2, kvHeads: 1, headDimension: 64)
        : KernelBenchmarks.Widths(
          hidden: 5120, feedForward: 27648 / tensor, queryHeads: 40 / tensor, kvHeads: 8 / tensor,
          headDimension: 128)
      try bench.run(
        widths, rows: small ? 32 : rows, context: small ? 32 : context,
        sequences: small ? 2 : sequences)
      if tensor == 1 { try bench.runSteps(gpu, isLarge: !small) }
    }
    let width = bench.lines.map(\.name.count).max() ?? 0
    for line in bench.lines {
      var text = padded(line.name, width) + aligned(fixed(line.value, 1), 10) + " "
      text += padded(line.unit, 8)
      if let fraction = line.fraction { text += aligned(fixed(fraction), 6) }
      if let target = line.target {
        let holds = (line.fraction ?? 0) >= target
        text += "  (aim \(fixed(target)), \(holds ? "reached" : "missed"))"
      }
      print(text)
      let figure = Figure(
        card: gpu.device.name, tensor: tensor, name: line.name, value: line.value,
        unit: line.unit, fraction: line.fraction, target: line.target)
      GPUChecksProgram.append(
        GPUChecksProgram.reporting { try JSONText.line(figure) }, to: out)
    }
  }

  private struct Figure: Codable {
    let card: String
    let tensor: Int
    let name: String
    let value: Double
    let unit: String
    let fraction: Double?
    let target: Double?
  }
}

extension EngineFormat: ExpressibleByArgument {}
