import ArgumentParser
import Hardware
import Models
import Records
import Simulation
import Units

/// Plans device memory: what each term takes, how much fits, what padding costs in bytes.
struct MemoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "Plan device memory: every term, the largest batch, what padding costs in bytes.",
    discussion: """
      Nothing runs. GB are decimal. Exit code 2 when the batch that was given does not fit.

      Examples:
        padtax memory --model qwen2.5-32b --layout tp4 --hardware a100-40gb
        padtax memory --model llama-3.1-8b --layout tp1 --hardware h100 --batch 64 --prompt 2048
      """)

  @OptionGroup var place: DeploymentOptions
  @Option(help: "Requests of a batch; the largest that fits when left out.") var batch: Int?
  @Option(help: "Prompt tokens: a number, or one per request, separated by commas.")
  var prompt = "2048"
  @Option(help: "Slots that each prompt is padded to; the longest prompt when left out.")
  var width: Int?
  @Option(help: "Tokens generated per request.") var generate = 128
  @Option(name: .customLong("micro-batches"), help: "Micro-batches; all are in flight at once.")
  var microBatches = 1
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    do { try answer() } catch let error as SimulationError { throw RecordError("\(error)") }
  }

  private func lengths() throws(RecordError) -> [Int] {
    var lengths: [Int] = []
    for text in prompt.split(separator: ",", omittingEmptySubsequences: false) {
      guard let length = Int(text), length >= 1 else {
        throw RecordError("--prompt '\(prompt)': '\(text)' is not a whole number from 1")
      }
      lengths.append(length)
    }
    return lengths
  }

  private func answer() throws {
    let lengths = try lengths()
    if let batch, batch < 1 { throw RecordError("--batch \(batch): it must be at least 1") }
    if let batch, lengths.count > 1, batch != lengths.count {
      throw RecordError("--batch \(batch), but --prompt has \(lengths.count) lengths")
    }
    let deployment = try place.deployment()
    if let batch, batch < deployment.layout.data {
      throw RecordError(
        "--batch \(batch) leaves a replica of \(deployment.layout) without a request")
    }
    let answer = try MemoryAnswer(
      deployment, lengths: lengths, generate: generate, width: width, microBatches: microBatches)
    let report = MemoryReport(
      answer, requests: batch ?? (lengths.count > 1 ? lengths.count : nil))
    if json {
      Terminal.write(try JSONText.pretty(report), to: 1)
    } else {
      for line in report.text { Terminal.line(line) }
    }
    if !report.fits {
      try answer.plan(requests: report.requests).check(
        hint: report.maximumBatch > 0
          ? "the largest batch that fits has \(report.maximumBatch) requests"
          : "the weights alone are too much for \(deployment.layout)")
    }
  }
}

/// A model under a layout on a device, as commands take it.
struct DeploymentOptions: ParsableArguments {
  @Option(help: "A preset, or the path of a config.json.") var model: String
  @Option(help: "Parallel layout, such as tp4 or tp2pp2.") var layout: String
  @Option(help: "A device of the catalogue, or a YAML file.") var hardware: String
  @Option(help: "Network instead of the device's own, such as nvlink3-a100+infiniband-hdr.")
  var network: String?
  @Option(name: .customLong("number-format"), help: "Weights and products: bf16, fp8, fp4, fp32.")
  var numberFormat: String?
  @Option(name: .customLong("cache-format"), help: "Keys and values; bf16 when left out.")
  var cacheFormat: String?
  @Option(name: .customLong("memory-reserve"), help: "Share of memory left to the runtime.")
  var reserve = Deployment.Settings().reserve

  func shape() throws(SimulationError) -> ModelConfiguration {
    do {
      return model.contains("/") || model.hasSuffix(".json")
        ? try ModelConfiguration(contentsOf: model) : try .preset(model)
    } catch { throw SimulationError(.configuration, "\(error)") }
  }

  func device() throws(SimulationError) -> Accelerator {
    do { return try HardwareCatalogue.accelerator(hardware) } catch {
      throw SimulationError(.configuration, "\(error)")
    }
  }

  func deployment() throws -> Deployment {
    guard (0...0.95).contains(reserve) else {
      throw RecordError("--memory-reserve \(reserve): it must be a share from 0 to 0.95")
    }
    let device = try device()
    let layout: ParallelLayout
    do { layout = try ParallelLayout(parsing: self.layout) } catch { throw RecordError("\(error)") }
    return try Deployment(
      model: shape(), layout: layout, hardware: device, network: network.map(NetworkChoice.parse),
      settings: Deployment.Settings(
        format: Deployment.format(numberFormat, "--number-format") ?? device.usualFormat,
        cacheFormat: Deployment.format(cacheFormat, "--cache-format"), reserve: reserve))
  }
}
