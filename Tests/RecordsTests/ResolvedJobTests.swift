import Models
import Records
import Testing
import Workloads

@Suite struct ResolvedJobTests {
  /// What resolving the small job with settings says, `accepted` when nothing is wrong.
  private func complaint(_ settings: [String], folder: TemporaryFolder) throws -> String {
    let file = try folder.write(JobText.small, "x.yaml")
    let job = try JobFile.read(path: file, settings: settings)
    do {
      _ = try ResolvedJob(job, file: file, settings: settings)
      return "accepted"
    } catch {
      return error.description.replacing(folder.path + "/", with: "")
    }
  }

  @Test("batches and model are loaded, and the same seed gives the same job")
  func loads() throws {
    let job = try JobText.parse()
    let resolved = try ResolvedJob(job, file: "x")
    #expect(resolved.batches.map(\.count) == [4, 4])
    #expect(resolved.outputLengths(of: resolved.batches[0]) == [4, 4, 4, 4])
    #expect(try ResolvedJob(job, file: "x") == resolved)
    let other = try ResolvedJob(try JobText.parse(settings: ["seed=2"]), file: "x")
    #expect(other.batches != resolved.batches)
    let tokens = try resolved.tokens(of: resolved.batches[1])
    #expect(tokens.map(\.count) == resolved.batches[1].lengths)
  }

  @Test("the first batches of each padding pair warm up, of other workloads the first of all")
  func warmupBatches() throws {
    func warm(_ settings: [String]) throws -> [Int] {
      let settings = ["warm-up-batches=1"] + settings
      let job = try JobText.parse(settings: settings)
      return try ResolvedJob(job, file: "x", settings: settings).warmupBatches.sorted()
    }
    #expect(try warm([]) == [0])
    #expect(try warm(["warm-up-batches=0"]) == [])
    let pairs =
      "workload={pad-ratio: [0.3, 0.5], cov-pad: [0.5], batch-size: 8, batches-taken: 3}"
    #expect(try warm([pairs]) == [0, 3])
    #expect(try warm([pairs, "warm-up-batches=2"]) == [0, 1, 3, 4])
  }

  @Test("impossible jobs are refused with the line that says so")
  func refuses() throws {
    let folder = try TemporaryFolder()
    let file = "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\",\"batches\":"
    let batches = try folder.write(
      file + "[{\"id\":0,\"lengths\":[5,3],\"outputs\":[2,2]}]}\n", "b.json")
    let zero = try folder.write(file + "[{\"id\":0,\"lengths\":[5,0]}]}\n", "zero.json")
    let none = try folder.write(file + "[{\"id\":0,\"lengths\":[]}]}\n", "none.json")
    func workload(_ path: String) -> String { "workload={batches: \(path)}" }
    let cases: [([String], String)] = [
      (["layouts=[tp1, tp3]"], "--set layouts=[tp1, tp3]: layouts: tensor-parallel degree 3"),
      (
        ["warm-up-batches=2"],
        "--set warm-up-batches=2: warm-up-batches: 2 batches would warm up of 2; at least one"
      ),
      (["model.preset=gpt5"], "--set model.preset=gpt5: model.preset: "),
      (["model.scale=3/2"], "--set model.scale=3/2: model.scale: "),
      (["model.head-dimension=7"], "--set model.head-dimension=7: model.head-dimension: "),
      (
        ["workload.generate=talk"],
        "--set workload.generate=talk: workload.generate: unknown length distribution 'talk'"
      ),
      (["output-tokens=999999"], "x.yaml:10:13: workload.generate: batch 0, row 0: a prompt of"),
      (
        ["dialect=vllm-v0", "model.hidden=223", "layouts=[tp1, tp2, pp2, tp2pp2]"],
        "--set layouts=[tp1, tp2, pp2, tp2pp2]: layouts: tp2pp2: dialect vllm-v0 passes 1/2 of each"
      ),
      (
        ["model={preset: bert-base}", "output-tokens=1", "dialect=vllm-v0"],
        "--set dialect=vllm-v0: dialect: vllm-v0 runs decoders only and bert-base is an encoder"
      ),
      (
        ["model={preset: bert-base}", "output-tokens=1", "tensor-reduction=reduce-scatter"],
        "--set tensor-reduction=reduce-scatter: tensor-reduction: reduce-scatter runs decoders only"
      ),
      (
        ["reduction-chunks=2", "backend={kind: cuda}"],
        "--set reduction-chunks=2: reduction-chunks: backend.kind cuda sums in one piece; leave it out"
      ),
      (["layouts=[dp8]"], "--set layouts=[dp8]: layouts: dp8 has 8 replicas and batch 0 only 4"),
      ([workload("/no/such.json")], "/no/such.json: "),
      ([workload(zero)], "zero.json:1: "), ([workload(none)], "none.json:1: "),
      (
        ["workload={batches: \(batches), first: 1}"],
        "--set workload={batches: b.json, first: 1}: workload.batches: b.json has 1 batches"
      ),
      (
        ["workload={batches: \(batches), batch-size: 3}"],
        "--set workload={batches: b.json, batch-size: 3}: workload.batches: batch 0 of b.json has 2"
      ),
      (
        ["workload={sharegpt: \(batches), first: 2}"],
        "--set workload={sharegpt: b.json, first: 2}: workload.sharegpt: its batches are drawn"
      ),
    ]
    for (settings, start) in cases {
      let text = try complaint(settings, folder: folder)
      #expect(text.hasPrefix(start), "\(settings): \(text)")
      #expect(!text.contains("\n"), "one line: \(text)")
    }
  }

  @Test("a layout in the file is refused by the line on which it stands")
  func namesTheLayoutLine() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      JobText.replacing("layouts:", "layouts:\n  - tp1\n  - tp5"), "x.yaml")
    let job = try JobFile.read(path: file)
    let error = #expect(throws: RecordError.self) { try ResolvedJob(job, file: file) }
    #expect(error?.description.hasPrefix("\(file):9:5: layouts: tensor-parallel degree 5") == true)
    _ = try ResolvedJob(job, file: file, layouts: [.single])
  }

  @Test("the job's output tokens win over the request's own, and both bound the context")
  func outputTokens() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\",\"batches\":"
        + "[{\"id\":0,\"lengths\":[5,3],\"outputs\":[2,9]}]}", "b.json")
    let text = JobText.replacing("output-tokens:", "")
    let settings = ["workload={batches: \(path)}"]
    let own = try ResolvedJob(try JobText.parse(text, settings: settings), file: "x")
    #expect(own.outputLengths(of: own.batches[0]) == [2, 9])
    let tight = settings + ["model.max-positions=11"]
    #expect(throws: RecordError.self) {
      try ResolvedJob(try JobText.parse(text, settings: tight), file: "x")
    }
    let job = try JobText.parse(text, settings: tight + ["output-tokens=2"])
    #expect(try ResolvedJob(job, file: "x").outputLengths(of: own.batches[0]) == [2, 2])
  }

  @Test("prompts are cut to the longest that the job allows, whatever their source")
  func cuts() throws {
    let job = try JobText.parse(settings: ["workload.longest=10"])
    let whole = try ResolvedJob(try JobText.parse(), file: "x")
    let cut = try ResolvedJob(job, file: "x")
    #expect(whole.batches.contains { $0.longest > 10 })
    #expect(cut.batches.map { $0.lengths } == whole.batches.map { $0.lengths.map { min($0, 10) } })
  }
}
