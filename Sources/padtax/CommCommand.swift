import ArgumentParser
import Communication
import Models
import Records
import Units

/// Prints what a layout sends for requests of given lengths, as published tables do.
struct CommCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "comm",
    abstract: "Print the messages of a model, layout and dialect, as published tables count them.",
    discussion: """
      Nothing runs: the rows follow from the model's shape. vllm-v0 has vLLM's own facts (its cut of \
      the layers, its rounded vocabulary); megatron those of padtax's engine. Lines with # say what \
      is counted how; docs/COMMUNICATION.md says more.

      Examples:
        padtax comm --model llama-3.1-8b --layout tp2 --prompt 128 --generate 128 --dialect vllm-v0
        padtax comm --model qwen2.5-32b --layout tp2pp2 --csv
      """)

  @Option(help: "A preset, or the path of a config.json.") var model: String
  @Option(help: "Parallel layout, such as tp2pp4.") var layout: String
  @Option(help: "One of megatron, vllm-v0.") var dialect = Dialect.megatron
  @Option(name: .customLong("tensor-reduction"), help: "One of all-reduce, reduce-scatter.")
  var reduction = TensorReduction.allReduce
  @OptionGroup var messages: MessageOptions
  @Flag(help: "Print the rows alone, as comma-separated values.") var csv = false
  @Flag(help: "Print rows and volumes as JSON.") var json = false

  func validate() throws {
    if csv && json { throw ValidationError("--csv and --json exclude each other") }
  }

  func run() throws {
    do {
      let made = try MessageTable(
        traffic(), prompt: messages.prompt, generate: messages.generate, batch: messages.batch)
      if json {
        Terminal.write(try JSONText.pretty(MessageReport(made, messages)), to: 1)
        return
      }
      if !csv { for line in heading(made) { Terminal.line("# \(line)") } }
      Terminal.line(PublishedTable.header)
      for row in made.rows { Terminal.line(row.csv) }
      if !csv { for line in volumes(made) { Terminal.line("# \(line)") } }
    } catch let error as CommunicationError {
      throw RecordError("\(error)")
    } catch let error as ModelError {
      throw RecordError("\(error)")
    }
  }

  private func traffic() throws -> TrafficModel {
    let shape =
      model.contains("/") || model.hasSuffix(".json")
      ? try ModelConfiguration(contentsOf: model) : try .preset(model)
    let layout = try ParallelLayout(parsing: layout)
    if dialect == .vllmV0, reduction == .allReduce {
      return try .vllm(model: shape, layout: layout, activations: messages.format())
    }
    return try TrafficModel(
      model: shape, layout: layout, dialect: dialect, reduction: reduction,
      activations: messages.format())
  }

  private func heading(_ made: MessageTable) -> [String] {
    let stages = made.traffic.partition.stages.map { "\($0.count)" }.joined(separator: " ")
    return [
      "\(made.traffic.model.shapeSummary)",
      "\(made.traffic.layout), dialect \(dialect.rawValue), \(reduction.rawValue); layers of the "
        + "stages: \(stages); \(messages.dtype); batch \(messages.batch), \(messages.prompt) prompt "
        + "and \(messages.generate) generated tokens = \(messages.generate - 1) decode steps",
      "count: collectives per rank (the largest of any rank), sends of one tensor rank over all links "
        + "between its stages; a gather's message is the block of one rank",
    ]
      + (made.traffic.layout.data > 1
        ? ["of the replica with the most requests, \(made.requests)"] : [])
  }

  private func volumes(_ made: MessageTable) -> [String] {
    made.volumes.map { volume in
      "volume \(volume.phase.rawValue): count x message \(volume.counted.grouped) B; per rank by "
        + "nccl-tests' factors \(Int(volume.perRank.rounded()).grouped) B (largest rank); over links, "
        + "all ranks \(Int(volume.overLinks.rounded()).grouped) B"
    }
  }
}

extension Dialect: ExpressibleByArgument {}
extension TensorReduction: ExpressibleByArgument {}

/// A table of messages as JSON.
private struct MessageReport: Encodable {
  struct Row: Encodable {
    var table, model: String
    var tp, pp: Int
    var phase, operation: String
    var count: Int
    var shape: String
    var messageBytes: Int

    enum CodingKeys: String, CodingKey {
      case table, model, tp, pp, phase, operation, count, shape
      case messageBytes = "message_bytes"
    }
  }
  struct Volume: Encodable {
    var phase: String
    var counted: Int
    var perRank, overLinks: Double

    enum CodingKeys: String, CodingKey {
      case phase
      case counted = "count_times_message_bytes"
      case perRank = "nccl_bytes_per_rank"
      case overLinks = "bytes_over_links"
    }
  }

  let schema = "padtax/messages"
  let version = 1
  let layout, dialect, reduction, dtype: String
  let prompt, generate, batch: Int
  let layersPerStage: [Int]
  let rows: [Row]
  let volumes: [Volume]

  init(_ made: MessageTable, _ options: MessageOptions) {
    layout = "\(made.traffic.layout)"
    dialect = made.traffic.dialect.rawValue
    reduction = made.traffic.reduction.rawValue
    dtype = made.traffic.activations.rawValue
    (prompt, generate, batch) = (options.prompt, options.generate, options.batch)
    layersPerStage = made.traffic.partition.stages.map(\.count)
    rows = made.rows.map {
      Row(
        table: $0.table, model: $0.model, tp: $0.tensor, pp: $0.pipeline,
        phase: $0.phase.rawValue, operation: $0.operation.rawValue, count: $0.count,
        shape: $0.shape, messageBytes: $0.messageBytes)
    }
    volumes = made.volumes.map {
      Volume(
        phase: $0.phase.rawValue, counted: $0.counted, perRank: $0.perRank,
        overLinks: $0.overLinks)
    }
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, layout, dialect
    case reduction = "tensor_reduction"
    case dtype, prompt, generate, batch
    case layersPerStage = "layers_per_stage"
    case rows, volumes
  }
}
