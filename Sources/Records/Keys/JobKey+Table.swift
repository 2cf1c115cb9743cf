import Models
import Scheduling

extension JobKey {
  /// Every key, in the order in which a job is written.
  public static let all: [JobKey] =
    head + model + work + measurement + clock + simulation + serving + studies

  private static func names<Choice: RawRepresentable & CaseIterable>(
    _ type: Choice.Type
  ) -> String where Choice.RawValue == String {
    Choice.allCases.map(\.rawValue).joined(separator: ", ")
  }

  private static let head = [
    JobKey("name", "example", "letters, digits, - _ . ; names the folder under results/"),
    JobKey("question", "What does padding cost?", "printed above the tables (optional)"),
  ]

  private static let overrides = ModelOverrides.jobKeys.map { "model.\($0.0)" }

  private static let model =
    [
      JobKey("model", "", "one of \(names(ModelSource.Kind.self))"),
      JobKey(
        "model.preset", "qwen2.5-0.5b",
        "`padtax presets` lists them (bert-base is an encoder); random weights"),
      JobKey(
        "model.config", "path/config.json", "a Hugging Face configuration; random weights",
        not: ["model.preset"]),
      JobKey(
        "model.checkpoint", "path/folder", "config.json and safetensors: real weights",
        not: ["model.preset", "model.scale"] + overrides),
      JobKey(
        "model.scale", "1/4",
        "shrinks a preset or configuration, keeping its structure (optional)"),
    ]
    + zip(overrides, ["4", "256", "8", "2", "32", "704", "1024", "1024"]).map { path, value in
      JobKey(path, value, path == overrides.first ? "overrides, after scaling (all optional)" : "")
    }

  private static let work = [
    JobKey("layouts", "[tp1, tp2, pp2]", "tpT, ppP, dpD and their products, such as tp2pp2dp2"),
    JobKey("policies", "[right-pad, packed]", "see Policies below"),
    JobKey("workload", "", "one of \(names(WorkloadSource.Kind.self))"),
    JobKey(
      "workload.generate", "chat",
      "lengths by a shape (docs/WORKLOADS.md): uniform:16-128, zipf:1.2,1024 …"),
    source("batches", "chat.json", "padtax's own batch file (docs/RESULTS-FORMAT.md)"),
    source(
      "study", "pad50_cov25.json",
      "a cell of the published padding study, or the folder of its cells"),
    source(
      "sharegpt", "lengths.json",
      "{\"prompt_tokens\": […], \"answer_tokens\": […]}; drawn at random"),
    source("trace", "trace.csv", "TIMESTAMP, ContextTokens, GeneratedTokens; taken in order"),
    source(
      "pad-ratio", "[0.3, 0.5]", "batches with this padding, one set per pair with the next",
      with: ["workload.cov-pad"]),
    source("cov-pad", "[0.25]", "spread of the padding", with: ["workload.pad-ratio"]),
    source(
      "cov-len", "[0.25]", "or spread of the lengths", not: ["workload.cov-pad"],
      with: ["workload.pad-ratio"]),
    padding(
      "construction", "exact",
      "\(names(PaddingRequest.Construction.self)): v1, v2 are the published study's"),
    padding("mean", "40", "mean length of all rows but the longest, for v1 (default 40)"),
    padding("shortest", "1", "shortest prompt; the longest is `longest` (default 128)"),
    padding("nearest", "false", "true takes the nearest possible pair instead of refusing"),
    JobKey(
      "workload.outputs", "uniform:8-32", "output lengths: a number, a shape, or trace (optional)"),
    JobKey(
      "workload.batch-size", "8", "requests per batch (16 where the source has no batches)"),
    JobKey(
      "workload.batches-taken", "2", "batches (4 where the source has no batches, else all)"),
    JobKey("workload.longest", "64", "longer prompts are cut to this (optional)"),
    JobKey("workload.first", "0", "first batch, or first request of a trace (default 0)"),
    JobKey(
      "phase", "generate",
      "\(names(JobMode.self)); score: the negative log-likelihood of every prompt token, no decode; "
        + "leave output-tokens out then"),
    JobKey(
      "output-tokens", "8", "per request; absent: each request's own output length, else 1"),
    JobKey(
      "micro-batches", "2", "per step; pipeline stages work on different ones (default 1)"),
    JobKey("dialect", "megatron", "\(names(Dialect.self)): what goes between stages"),
    JobKey(
      "tensor-reduction", "all-reduce", "\(names(TensorReduction.self)): how tensor ranks sum up"),
    JobKey(
      "reduction-chunks", "1",
      "a layer's sums in at most so many chunks of \(ReductionChunks.fewestRows) rows or more, each "
        + "beside the next one's product (default 1; docs/COMMUNICATION.md)"),
    JobKey(
      "precision", "fp32",
      "\(names(EngineFormat.self)): weights and the inputs of their products (docs/SPEED.md); sums "
        + "are fp32 in both"),
    JobKey("kv-precision", "fp32", "keys and values (default: as precision)"),
    JobKey("message-precision", "fp32", "hidden states between ranks (default: as precision)"),
    JobKey(
      "micro-batch-padding", "global",
      "\(names(MicroBatchPadding.self)): right-pad and left-pad to the batch's longest row, or to "
        + "that of their own micro-batch"),
  ]

  private static func source(
    _ name: String, _ example: String, _ note: String, not excluded: [String] = [],
    with needed: [String] = []
  ) -> JobKey {
    JobKey(
      "workload.\(name)", example, note, not: ["workload.generate"] + excluded, with: needed)
  }

  private static func padding(_ name: String, _ example: String, _ note: String) -> JobKey {
    source(name, example, note, with: ["workload.pad-ratio", "workload.cov-pad"])
  }

  private static let measurement = [
    JobKey("warm-up", "1", "repeats that are stored but not counted (default 1)"),
    JobKey(
      "warm-up-batches", "0",
      "so many first batches, of each pair where `pad-ratio` is given, are stored but not counted "
        + "(default 0)"),
    JobKey("repeats", "3", "repeats that count (default 3)"),
    JobKey(
      "until-ci", "2%",
      "repeats go on until the 95 % interval of every policy's time over that of packed (or of the "
        + "first policy) is +-2 % or narrower (optional);"),
    JobKey(
      "most-repeats", "50",
      "at least \(PrecisionRule.fewestRepeats) repeats, at most so many (needed with until-ci)"),
    JobKey(
      "trace", "false",
      "true keeps every call of the first counted execution of each policy "
        + "(docs/RESULTS-FORMAT.md), for padtax report --trace"),
    JobKey("seed", "1", "of random weights, tokens and draws (default 1)"),
    JobKey("backend"),
    JobKey(
      "backend.kind", "cpu",
      "\(names(BackendChoice.Kind.self)); cuda is a GPU per rank (docs/GPU.md), reference plain loops"
    ),
    JobKey(
      "backend.blas", "openblas",
      "or path or soname of another CBLAS (libmkl_rt.so.2, libblis.so.4)"),
    JobKey("backend.threads", "1", "threads per rank, each with a core of its own"),
    JobKey(
      "backend.messages", "auto",
      "of kind cuda: \(names(BackendChoice.Messages.self)) (docs/GPU.md)"),
    JobKey(
      "backend.graphs", "off",
      "or sizes ([1, 2, 4, 8]): decode steps are filled up to the next, and kind cuda runs them as "
        + "CUDA graphs (docs/GPU.md)"),
    JobKey(
      "step-limit", "20x",
      "a step that takes longer ends the job: times the slowest step so far, at least "
        + "\(Int(StepLimit.floor)) s; or seconds (60); or off (docs/CLUSTERS.md)"),
    JobKey("verify"),
    JobKey(
      "verify.sequences", "6", "requests of the first batch that are compared with the reference"),
    JobKey("verify.output-tokens", "8", "and tokens of each"),
  ]

  private static let clock = [
    JobKey(
      "clock", "wall", "wall, virtual (docs/VIRTUAL-CLOCK.md); to virtual the next keys belong:"),
    JobKey(
      "network", "nvlink3-a100+infiniband-hdr",
      "inside a node + between nodes: names (`padtax networks`), or FILE.json"),
    JobKey("nodes", "1", "consecutive ranks fill them (default 1)"),
    JobKey("ranks-per-node", "4", "or so many ranks on each", not: ["nodes"]),
    JobKey("compute-scale", "1", "processors so many times as fast as this machine's (default 1)"),
    JobKey(
      "decode-scale", "1",
      "the same in decode steps, which read more than they multiply (default compute-scale)"),
    JobKey(
      "compute-token", "auto",
      "\(names(TokenChoice.self)): ranks take turns where a host has more than cores; one at a time"
    ),
  ]

  private static let simulation = [
    JobKey(
      "hardware", "a100-80gb",
      "what padtax simulate prices the job on: a name, a YAML file or a list (docs/SIMULATOR.md); "
        + "network and nodes hold there too, and these:"),
    JobKey("number-format", "bf16", "weights and products: bf16, fp8, fp8-block, fp4, fp32"),
    JobKey("cache-format", "bf16", "keys and values"),
    JobKey("overlap", "0", "share of collectives that may hide behind compute"),
    JobKey("memory-reserve", "0.05", "share of device memory left to the runtime"),
  ]

  private static let studies = [
    JobKey(
      "include", "base.yaml",
      "another job file under this one: mappings are merged, this file wins; its paths are seen from "
        + "its own folder", off: true),
    JobKey(
      "axes", "{model.scale: [1/4, 1/8], policies: [[right-pad, packed], [left-pad, packed]]}",
      "crossed: every value with every other, the last axis fastest", off: true),
    JobKey(
      "zip", "[{output-tokens: [2, 32], repeats: [9, 3]}]",
      "the keys of one entry advance together", off: true),
  ]
}
