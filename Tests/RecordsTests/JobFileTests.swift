import Models
import Records
import Scheduling
import Testing

@Suite struct JobFileTests {
  @Test("a job is read with its defaults")
  func readsDefaults() throws {
    let job = try JobText.parse()
    #expect(job.name == "small")
    #expect(job.question == "What does padding cost: \"x\"?")
    #expect(job.model == ModelSource(kind: .preset, value: "qwen2.5-0.5b", scale: "1/4"))
    #expect(job.layouts.map(\.description) == ["tp1", "tp2"])
    #expect(job.policies == [.rightPad, .packed])
    #expect(
      job.workload
        == WorkloadSource(kind: .generate, value: "chat", batchSize: 4, batchCount: 2))
    #expect(job.outputTokens == 4)
    #expect([job.microBatches, job.warmup, job.repeats] == [1, 1, 3])
    #expect(job.seed == 1)
    #expect(job.backend == BackendChoice())
    #expect(job.verification == VerificationChoice())
    #expect(job.dialect == .megatron && job.tensorReduction == .allReduce)
    #expect(job.reductionChunks == nil)
    // As by default, so that a cell has one name.
    #expect(try JobText.parse(settings: ["reduction-chunks=1"]) == job)
    #expect(try JobText.parse(settings: ["reduction-chunks=64"]).reductionChunks == 64)
  }

  @Test("paths are relative to the job's folder")
  func resolvesPaths() throws {
    let text = JobText.replacing("generate:", "  study: cells/a.json")
    #expect(try JobText.parse(text).workload.value == "jobs/cells/a.json")
    let absolute = JobText.replacing("generate:", "  study: /data/a.json")
    #expect(try JobText.parse(absolute).workload.value == "/data/a.json")
  }

  @Test("a job survives being written and read again")
  func roundTrips() throws {
    let settings = [
      [], ["repeats=7", "seed=99", "backend.threads=2", "backend.blas=libmkl_rt.so"],
      ["model={checkpoint: /m}", "workload={trace: /t.csv, first: 3, longest: 64}"],
      ["model.layers=2", "model.heads=8", "verify={sequences: 2, output-tokens: 3}"],
      ["name=\"-1.0\"", "policies=[left-pad]", "layouts=tp2pp2dp2", "micro-batches=4"],
      ["dialect=vllm-v0"], ["tensor-reduction=reduce-scatter"], ["reduction-chunks=4"],
      ["until-ci=2%", "most-repeats=30"], ["until-ci=0.7 %", "most-repeats=6", "trace=true"],
      ["question=\"line\\ntab\\t quote \\\" back\\\\ bell\\a nel\\N\"", "warm-up=0"],
      ["warm-up-batches=3"],
    ]
    for changes in settings {
      let job = try JobText.parse(settings: changes)
      let again = try JobFile.parse(job.yaml, file: "y", folder: ".")
      #expect(again == job, "\(changes)")
    }
  }

  @Test("settings replace values and make missing parents")
  func settingsApply() throws {
    let job = try JobText.parse(
      settings: ["model.scale=1/8", "layouts=[pp2, tp2pp2]", "verify.sequences=2", "repeats=5"])
    #expect(job.model.scale == "1/8")
    #expect(job.layouts.map(\.description) == ["pp2", "tp2pp2"])
    #expect(job.verification.sequences == 2)
    #expect(job.repeats == 5)
  }
}

/// Every complaint names file and line, or the option, and what would have been right.
@Suite struct JobErrorTests {
  @Test(
    "a bad line is named with its number and the choices",
    arguments: [
      ("name:", "nam: x", "jobs/x.yaml:2:1: name: is missing"),
      ("name:", "name: a/b", "jobs/x.yaml:2:7: name: 'a/b' must consist of letters"),
      (
        "scale:", "  scael: 1/4",
        "jobs/x.yaml:6:10: unknown key 'model.scael'; valid keys: checkpoint"
      ),
      (
        "output-tokens:", "outputs: 4",
        "jobs/x.yaml:13:10: unknown key 'outputs'; valid keys: backend"
      ),
      ("output-tokens:", "output-tokens: four", "jobs/x.yaml:13:16: output-tokens: 'four' is not"),
      ("output-tokens:", "output-tokens: 0", "jobs/x.yaml:13:16: output-tokens: 0 is out of range"),
      ("output-tokens:", "output-tokens: [1]", "jobs/x.yaml:13:16: output-tokens: expected text"),
      ("output-tokens:", "seed: -1", "jobs/x.yaml:13:7: seed: -1 is out of range"),
      ("layouts:", "layouts: []", "jobs/x.yaml:7:10: layouts: the list is empty"),
      (
        "layouts:", "layouts: [tp1, xp2]",
        "jobs/x.yaml:7:16: layouts: layout 'xp2' is not of the form"
      ),
      ("layouts:", "layouts: [tp2, tp2]", "jobs/x.yaml:7:16: layouts: 'tp2' is there twice"),
      ("layouts:", "layouts: {a: b}", "jobs/x.yaml:7:10: layouts: expected a list of texts"),
      ("layouts:", "", "jobs/x.yaml:2:1: layouts: is missing"),
      (
        "policies:", "policies: [pad]",
        "jobs/x.yaml:8:12: policies: unknown policy 'pad'; valid choices: fixed:N, bucketed:EDGES, multi-bin:N, right-pad"
      ),
      ("preset:", "  scale: 1/2", "jobs/x.yaml:5:3: key 'scale' is there twice"),
      ("preset:", "  layers: 2", "jobs/x.yaml:5:3: model needs one of: preset, config, checkpoint"),
      ("generate:", "  generate: ~x", "accepted"),
      (
        "batch-size:", "  study: a.json", "jobs/x.yaml:10:13: workload.generate: study is given too"
      ),
      (
        "output-tokens:", "dialect: sglang",
        "jobs/x.yaml:13:10: dialect: unknown value 'sglang'; valid choices: megatron, vllm-v0"
      ),
      (
        "output-tokens:", "tensor-reduction: ring",
        "jobs/x.yaml:13:19: tensor-reduction: unknown value 'ring'; valid choices: all-reduce, reduce-scatter"
      ),
      (
        "output-tokens:", "dialect: vllm-v0\ntensor-reduction: reduce-scatter",
        "jobs/x.yaml:14:19: tensor-reduction: dialect vllm-v0 passes whole sums on; take all-reduce, or dialect megatron"
      ),
      (
        "output-tokens:", "reduction-chunks: 65",
        "jobs/x.yaml:13:19: reduction-chunks: 65 is out of range"
      ),
      (
        "output-tokens:", "reduction-chunks: 2\ntensor-reduction: reduce-scatter",
        "jobs/x.yaml:13:19: reduction-chunks: tensor-reduction reduce-scatter sums in one piece; leave it out, or take all-reduce"
      ),
      (
        "output-tokens:", "reduction-chunks: 2\ndialect: vllm-v0",
        "jobs/x.yaml:13:19: reduction-chunks: dialect vllm-v0 sums in one piece, as the engine that it follows; leave it out, or take dialect megatron"
      ),
      ("output-tokens:", "reduction-chunks: 1\ndialect: vllm-v0", "accepted"),
      ("name:", "name: [", "jobs/x.yaml:"),
      ("model:", "model: qwen", "jobs/x.yaml:5:9: not YAML"),
    ])
  func namesTheLine(key: String, line: String, start: String) {
    let complaint = JobText.complaint(JobText.replacing(key, line))
    #expect(complaint.hasPrefix(start), "\(complaint)")
    #expect(!complaint.contains("\n"), "one line: \(complaint)")
  }

  @Test("a wrong value in a list over several lines is named by its own line")
  func namesTheLineInAList() {
    let text = JobText.replacing("policies:", "policies:\n  - packed\n  - pakced")
    #expect(
      JobText.complaint(text).hasPrefix("jobs/x.yaml:10:5: policies: unknown policy 'pakced'"))
  }

  @Test("a checkpoint keeps its shape")
  func checkpointShape() {
    let text = JobText.replacing("preset:", "  checkpoint: m")
    #expect(
      JobText.complaint(text).hasPrefix("jobs/x.yaml:6:10: model.scale: a checkpoint has the shape")
    )
  }

  @Test(
    "a bad setting is named by its option",
    arguments: [
      ("repeats", "--set repeats: expected key=value"),
      ("=5", "--set =5: expected key=value"),
      ("repeats=", "--set repeats=: the key or the value is empty"),
      ("model..scale=1", "--set model..scale=1: the key or the value is empty"),
      ("repeats=abc", "--set repeats=abc: repeats: 'abc' is not a whole number"),
      ("reapets=5", "--set reapets=5: unknown key 'reapets'; valid keys: "),
      ("backend.kind=gpu", "--set backend.kind=gpu: backend.kind: unknown value 'gpu'; valid"),
      ("layouts=[tp1, tp1]", "--set layouts=[tp1, tp1]: layouts: 'tp1' is there twice"),
      ("name.x=1", "--set name.x=1: 'x' is inside something that has no keys"),
      ("until-ci=2%", "--set until-ci=2%: until-ci: needs a cap: most-repeats"),
      (
        "trace=maybe", "--set trace=maybe: trace: unknown value 'maybe'; valid choices: true, false"
      ),
      ("until-ci=2", "--set until-ci=2: until-ci: '2' is not a share above 0"),
      ("most-repeats=9", "--set most-repeats=9: most-repeats: is the cap of until-ci"),
      ("seed=[1", "--set seed=[1: not YAML"),
    ])
  func namesTheOption(setting: String, start: String) {
    let complaint = JobText.complaint(JobText.small, settings: ["warm-up=2", setting])
    #expect(complaint.hasPrefix(start), "\(complaint)")
    #expect(!complaint.contains("\n"), "one line: \(complaint)")
  }

  @Test("an empty file and a file that is no mapping are refused")
  func notAJob() {
    #expect(JobText.complaint("") == "jobs/x.yaml: the file is empty")
    #expect(
      JobText.complaint("- a\n- b")
        == "jobs/x.yaml:1:1: the file must be a mapping of keys to values")
  }

  @Test("a file that is not there is refused")
  func noFile() {
    let error = #expect(throws: RecordError.self) { try JobFile.read(path: "no/such.yaml") }
    #expect(error?.description.hasPrefix("cannot read the job file no/such.yaml") == true)
  }
}
