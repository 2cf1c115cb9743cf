import ArgumentParser
import Hardware
import Models
import Records
import Reporting
import Scheduling
import Simulation
import Units
import Workloads

/// Ranks layouts and policies for a workload on devices.
struct AdviseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "advise",
    abstract: "Rank layouts and policies for a workload on some devices, and say why others lose.",
    discussion: """
      Every layout of the devices is priced under every policy; nothing runs. With --check, the advice is
      held against a measured run instead: exit code 3 when following it loses more than --within.

      Examples:
        padtax advise --model qwen2.5-32b --hardware h100 --devices 8
      """)

  @Option(help: "A preset, or the path of a config.json.") var model: String?
  @Option(help: "A device of the catalogue, or a YAML file.") var hardware: String
  @Option(help: "Devices to use, all of them.") var devices: Int?
  @Option(help: "Network instead of the device's own, such as nvlink3-a100+infiniband-hdr.")
  var network: String?
  @Option(help: "Requests of a batch.") var batch = 64
  @Option(help: "Prompt tokens: a number, or one per request, separated by commas.")
  var prompt = "1024"
  @Option(help: "Tokens generated per request.") var generate = 128
  @Option(
    help: ArgumentHelp(
      "Objectives in milliseconds, such as 'ttft:2000 tpot:50 e2el:9000'.", valueName: "slo"))
  var slo = ""
  @Option(
    help:
      "What decides among those within all objectives: throughput (ttft with open arrivals), ttft or tpot."
  )
  var goal: Advice.Goal?
  @Option(
    help: ArgumentHelp(
      "Requests over time instead of batches: \(ArrivalProcess.forms.joined(separator: ", ")).",
      valueName: "form"))
  var arrivals: String?
  @Option(help: "With --arrivals: serving systems, separated by spaces.")
  var systems = "in-flight in-flight+prefill-first dynamic+delay:50000"
  @Option(help: "With --arrivals: requests to send.") var requests = 200
  @Option(help: "With --arrivals: seed of the arrivals.") var seed: UInt64 = 1
  @Option(help: "Policies, separated by spaces.")
  var policies = "packed bucketed:best-4 right-pad"
  @Option(name: .customLong("number-format"), help: "Weights and products: bf16, fp8, fp4, fp32.")
  var numberFormat: String?
  @Option(name: .customLong("cache-format"), help: "Keys and values; bf16 when left out.")
  var cacheFormat: String?
  @Option(help: "How many choices and losers to print.") var top = 10
  @Option(help: ArgumentHelp("Hold the advice against this measured run.", valueName: "run"))
  var check: String?
  @Option(help: "With --check: the loss in per cent that passes.") var within = 5.0
  @Flag(help: "Print the result as JSON.") var json = false

  func validate() throws {
    if check == nil, model == nil || devices == nil {
      throw ValidationError("name --model and --devices, or a run with --check")
    }
    if let devices, !(1...65_536).contains(devices) {
      throw ValidationError("--devices \(devices) is out of range; it must be 1 to 65536")
    }
    if !(1...1_000_000).contains(requests) {
      throw ValidationError("--requests \(requests) is out of range; it must be 1 to 1000000")
    }
    if batch < 1 || generate < 1 { throw ValidationError("--batch and --generate are 1 or more") }
    if top < 1 || within < 0 { throw ValidationError("--top is 1 or more, --within 0 or more") }
  }

  func run() throws {
    do {
      if let check { try hold(check) } else { try advise() }
    } catch let error as SimulationError {
      throw RecordError("\(error)")
    } catch let error as HardwareError {
      throw RecordError("\(error)")
    } catch let error as ModelError {
      throw RecordError("\(error)")
    } catch let error as SchedulingError {
      throw RecordError("\(error)")
    } catch let error as WorkloadError {
      throw RecordError("\(error)")
    }
  }

  private func settings(_ device: Accelerator) throws(SimulationError) -> Deployment.Settings {
    Deployment.Settings(
      format: try Deployment.format(numberFormat, "--number-format") ?? device.usualFormat,
      cacheFormat: try Deployment.format(cacheFormat, "--cache-format"))
  }

  private func advise() throws {
    guard let model, let devices else { preconditionFailure("validated: model and devices") }
    let shape: ModelConfiguration =
      model.contains("/") || model.hasSuffix(".json")
      ? try ModelConfiguration(contentsOf: model) : try .preset(model)
    let device = try HardwareCatalogue.accelerator(hardware)
    var question = Advice.Question(
      model: shape, hardware: device, network: try network.map(NetworkChoice.parse),
      devices: devices, lengths: try lengths(), generate: generate,
      policies: try policies.split(separator: " ").map { try Policy(parsing: String($0)) },
      limits: try Advice.Limits(parsing: slo), settings: try settings(device))
    question.service = try service()
    // Where arrivals set the pace, every choice that keeps up has the same throughput.
    let isOpen = question.service.map { !$0.arrivals.isClosed } ?? false
    question.goal = goal ?? (isOpen ? .ttft : .throughput)
    let advice = try Advice(question)
    var links: [AdviceReport.LinkSpeed] = []
    for speed in [0.25, 0.5, 2, 4] {
      question.settings.linkSpeed = speed
      let other = try Advice(question)
      links.append(.init(speed: speed, first: other.ranked.first))
    }
    let report = AdviceReport(advice, links: links, device: device)
    if json {
      Terminal.write(try JSONText.pretty(report), to: 1)
    } else {
      for line in report.text(top: top) { Terminal.line(line) }
    }
    if advice.ranked.isEmpty { throw ExitCode.gateFailed }
  }

  private func service() throws -> Advice.Service? {
    guard let arrivals else { return nil }
    let process = try ArrivalProcess(parsing: arrivals)
    if case .trace = process {
      throw RecordError("--arrivals \(arrivals): advice has no trace; take another form")
    }
    let systems = try systems.split(separator: " ").map { try ServingSystem(parsing: String($0)) }
    guard !systems.isEmpty else {
      throw RecordError("--systems names none; valid: \(ServingSystem.forms)")
    }
    return Advice.Service(arrivals: process, systems: systems, requests: requests, seed: seed)
  }

  private func lengths() throws(RecordError) -> [Int] {
    let parts = prompt.split(separator: ",", omittingEmptySubsequences: false)
    let lengths = parts.compactMap { Int($0) }.filter { $0 >= 1 }
    guard lengths.count == parts.count, !lengths.isEmpty else {
      throw RecordError("--prompt '\(prompt)': wanted whole numbers from 1, separated by commas")
    }
    return lengths.count > 1 ? lengths : Array(repeating: lengths[0], count: batch)
  }

  /// What the seconds of a check are of.
  private static func subject(_ goal: Advice.Goal?, served: Bool) -> String {
    switch goal ?? .throughput {
    case .throughput: served ? "an output token" : "a batch"
    case .ttft:
      served ? "the time to a request's first token" : "the time to a batch's first tokens"
    case .tpot: served ? "a request's time per output token" : "a batch's decode"
    }
  }

  /// Prices what a run measured and says what following the first choice loses.
  private func hold(_ path: String) throws {
    let contents = try RunContents(RunDirectory(path: path))
    let device = try HardwareCatalogue.accelerator(hardware)
    var rows: [AdviceCheck.Row] = []
    for cell in contents.cells {
      guard var job = cell.job, !cell.batches.isEmpty || !cell.serving.isEmpty else { continue }
      job.simulation = SimulationChoice(
        hardware: [hardware], network: network, numberFormat: numberFormat,
        cacheFormat: cacheFormat, reserve: 0)
      let file = RunDirectory(path: path).cell(cell.name).job
      let resolved = try ResolvedJob(job, file: file)
      let layout = job.layouts[0]
      let prefix = cell.variation.isEmpty ? "" : cell.variation + " "
      let deployment = try Deployment(resolved, layout: layout, hardware: hardware)
      if let serving = job.serving {
        rows += try AdviceCheck.Row.rows(
          resolved, serving, records: cell.serving, prefix: prefix, deployment: deployment,
          goal: goal ?? .throughput)
        continue
      }
      rows += try AdviceCheck.Row.rows(
        resolved, layout: layout, batches: cell.batches, prefix: prefix, deployment: deployment
      ) { ttft, total in goal == .ttft ? ttft : goal == .tpot ? total - ttft : total }
    }
    let check = try AdviceCheck(rows)
    let passed = check.loss * 100 <= within
    let served = contents.cells.contains { $0.job?.serving != nil }
    Terminal.line(
      "\(path) on \(device.name): mean seconds of \(Self.subject(goal, served: served)), best "
        + "prediction first")
    for row in check.rows {
      Terminal.line(
        "\(row.name): measured \(row.measured.significant(4)), padtax "
          + "\(row.predicted.significant(4)) (\(Percentage(row.predicted / row.measured - 1)))")
    }
    Terminal.line(
      "\(passed ? "PASS" : "FAIL"): first choice \(check.chosen.name) takes "
        + "\(Percentage(check.loss)) more than the best measured, \(check.best.name) (within "
        + "\(within.significant(3)) %)")
    if !passed { throw ExitCode.gateFailed }
  }
}

extension Advice.Goal: ExpressibleByArgument {}
