import Networks
import Testing

@testable import Simulation

@Suite struct ParallelismStudyTests {
  private func table(_ rows: String...) throws -> ParallelismTable {
    try ParallelismTable(
      parsing: ([ParallelismTable.header] + rows).joined(separator: "\n"), source: "t.csv")
  }

  private func judged(_ row: String) throws -> ParallelismStudy.Line {
    try #require(ParallelismStudy(table(row), source: "t.csv").lines.first)
  }

  @Test func `the published rows hold within their tolerances`() throws {
    let study = ParallelismStudy(
      try ParallelismTable(parsing: ParallelismTable.published, source: "built in"),
      source: "built in")
    #expect(study.lines.count == 20)
    for line in study.lines { #expect(line.passed, "\(line.row.id) \(line.found)") }
    #expect(study.lines.first { $0.row.id == "R1" }?.remark.contains("1336 GB") == true)
  }

  @Test func `a ring all-reduce contradicts the published ratios`() throws {
    let link = try Catalogue.link("xgmi-mi355x")
    let ring = try Link(
      name: "ring", description: "", source: link.source, date: link.date, latency: link.latency,
      overhead: link.overhead, bandwidth: link.bandwidth, peerBandwidth: link.peerBandwidth,
      algorithms: [.allReduce: .ring])
    let study = ParallelismStudy(
      try ParallelismTable(parsing: ParallelismTable.published, source: "built in"),
      source: "built in", network: Network(intraNode: ring))
    let failed = study.lines.filter { !$0.passed }.map(\.row.id)
    #expect(failed.contains("S2") && failed.contains("S5") && failed.contains("S10"))
  }

  @Test func `a wrong figure fails and has its error`() throws {
    let line = try judged("A,llama-3.1-405b,mi325x,fp8,4,1,,,,kv_room,,650,GB,0.01,exact")
    #expect(!line.passed)
    #expect(abs((line.error ?? 0) + 0.049) < 0.001)
  }

  @Test(arguments: [
    ("kv_room_per_gpu", "", "", 154.54), ("weights", "", "", 405.85),
    ("kv_heads_per_gpu", "", "", 2),
    ("max_batch", "9428", "684", 236), ("layers_per_gpu", "", "", 126),
    ("kv_per_token", "", "", 258_048e-9), ("kv_per_request", "9428", "684", 2.6094),
  ])
  func `metrics that the published rows do not have are known`(
    metric: String, prompt: String, generate: String, value: Double
  ) throws {
    let line = try judged(
      "A,llama-3.1-405b,mi325x,fp8,4,1,,\(prompt),\(generate),\(metric),,\(value),GB,0.01,exact")
    #expect(line.passed, "\(line.found)")
  }

  @Test func `a pipeline alone in its stages loses nothing but its messages`() throws {
    // One nano-batch passes stage after stage: as long as on one device, and a little for messages.
    let line = try judged(
      "A,llama-3.1-70b,mi325x,fp8,1,4,16,9092,208,prefill_time_ratio,nopar_b16,1,x,0.05,model")
    #expect(line.passed && line.found > 1)
  }

  @Test(arguments: [
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,prefill_speedup,tp4,-1,x,0.03,model", "value"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,prefill_speedup,tp4,1.8,x,,model", "tolerance"),
    ("A,llama-9,mi325x,fp8,8,1,256,9092,208,prefill_speedup,tp4,1.8,x,0.03,model", "presets:"),
    ("A,llama-3.1-70b,mi325x,fp7,8,1,256,9092,208,prefill_speedup,tp4,1.8,x,0.03,model", "fp8"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,-5,9092,208,prefill_speedup,tp4,1.8,x,0.03,model", "batch"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,prefill_speedup", "fields"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,fits,,0,bool,0,guess", "trend_above"),
  ])
  func `a row that cannot be read names its line and what is valid`(
    row: String, words: String
  ) throws {
    let other = "B,llama-3.1-70b,mi325x,fp8,4,1,,,,heads_per_gpu,,16,heads,0,exact"
    let study = ParallelismStudy(try table(row, other), source: "t.csv")
    #expect(study.problems.count == 1 && study.problems[0].hasPrefix("t.csv:2:"))
    #expect(study.problems[0].contains(words), "\(study.problems)")
    #expect(study.lines.map(\.passed) == [true])
  }

  @Test(arguments: [
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,colour,tp4,1.8,x,0.03,model", "known: kv_room"),
    ("A,llama-3.1-70b,mi999,fp8,8,1,256,9092,208,ttft,,1.8,s,0.03,model", "no hardware 'mi999'"),
    ("A,llama-3.1-70b,mi325x,fp4,8,1,256,9092,208,ttft,,1.8,s,0.03,model", "no peak for fp4"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,ttft_ratio,best,1.8,s,0.03,model", "baseline"),
    ("A,llama-3.1-70b,mi325x,fp8,8,1,,9092,208,ttft_ratio,tp4,1.8,s,0.03,model", "needs batch"),
    ("A,llama-3.1-70b,mi325x,fp8,3,1,8,9092,208,ttft,,1.8,s,0.03,model", "valid degrees"),
    ("A,llama-3.1-70b,mi325x,fp8,4,1,,,,kv_room,,1.8,pages,0.03,exact", "GiB"),
  ])
  func `a row that cannot be judged names its line and what is valid`(
    row: String, words: String
  ) throws {
    let other = "B,llama-3.1-70b,mi325x,fp8,4,1,,,,heads_per_gpu,,16,heads,0,exact"
    let study = ParallelismStudy(try table(row, other), source: "t.csv")
    #expect(study.problems.count == 1 && study.problems[0].hasPrefix("t.csv:2: A: "))
    #expect(study.problems[0].contains(words))
    // The others are judged all the same.
    #expect(study.lines.map(\.passed) == [true])
  }
}
