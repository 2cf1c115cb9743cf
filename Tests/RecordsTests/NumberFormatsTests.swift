import Models
import Records
import Testing

@Suite struct NumberFormatsTests {
  @Test func `a job without a precision is fp32 throughout and keeps the name of its cells`() throws
  {
    let job = try JobText.parse()
    #expect(job.formats == nil)
    #expect(job.numbers == NumberFormats(weights: .fp32))
    #expect(try JobText.parse(settings: ["precision=fp32"]).formats == nil)
    #expect(!job.yaml.contains("precision"))
  }

  @Test func `keys, values and messages follow the weights unless the job says otherwise`() throws {
    let half = try JobText.parse(settings: ["precision=bf16"]).numbers
    #expect(half == NumberFormats(weights: .bf16, cache: .bf16, messages: .bf16))
    let mixed = try JobText.parse(
      settings: ["precision=bf16", "kv-precision=fp32", "message-precision=fp32"]
    ).numbers
    #expect(mixed == NumberFormats(weights: .bf16, cache: .fp32, messages: .fp32))
    #expect("\(mixed)" == "bf16 (keys and values fp32, messages fp32)")
    #expect("\(half)" == "bf16")
    let cache = try JobText.parse(settings: ["kv-precision=bf16"])
    #expect(cache.formats == NumberFormats(weights: .fp32, cache: .bf16, messages: .fp32))
    for job in [try JobText.parse(settings: ["precision=bf16"]), cache] {
      #expect(try JobFile.parse(job.yaml, file: "y", folder: ".") == job)
    }
  }

  @Test(arguments: ["precision", "kv-precision", "message-precision"])
  func `an unknown format is an error with its place and the valid choices`(key: String) throws {
    let text = JobText.small + "\n\(key): fp16\n"
    let line = text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
    #expect {
      _ = try JobFile.parse(text, file: "jobs/small.yaml", folder: "jobs")
    } throws: { error in
      let words = "\(error)"
      return words.contains("jobs/small.yaml:\(line)") && words.contains(key)
        && words.contains("fp16") && words.contains("fp32") && words.contains("bf16")
    }
  }

  @Test func `two bytes a weight, four a norm or bias`() throws {
    let model = try ModelConfiguration.preset("qwen2.5-0.5b")
    let plan = try ShardPlan(model: model, layout: .single, rank: 0)
    let hidden = model.hiddenSize
    let vectors =
      model.layerCount * (2 * hidden + model.queryWidth + 2 * model.kvWidth) + hidden
    #expect(
      plan.weightBytes(matrixBytes: 2, vectorBytes: 4)
        == 2 * (plan.parameterCount - vectors) + 4 * vectors)
    #expect(plan.weightBytes(matrixBytes: 4, vectorBytes: 4) == plan.weightBytes(elementBytes: 4))
  }
}
