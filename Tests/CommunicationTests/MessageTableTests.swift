import Communication
import FoundationEssentials
import Models
import TestSupport
import Testing

@Suite struct MessageTableTests {
  private func table(
    _ model: String, _ tensor: Int, _ pipeline: Int, batch: Int = 1, prompt: Int = 128,
    generate: Int = 128
  ) throws -> MessageTable {
    try MessageTable(
      .vllm(
        model: .preset(model), layout: ParallelLayout(tensor: tensor, pipeline: pipeline)),
      prompt: prompt, generate: generate, batch: batch)
  }

  private func lines(_ table: MessageTable) -> [String] { table.rows.map(\.csv) }

  @Test("Every row of the published tables is made exactly, in their order, and no row besides")
  func published() throws {
    let wanted = PublishedTable.communicationPatterns.split(separator: "\n").dropFirst()
    var made: [String] = []
    for (tensor, pipeline) in [(2, 1), (4, 1), (1, 2), (1, 4), (2, 2)] {
      made += lines(try table("llama-3.1-8b", tensor, pipeline))
    }
    #expect(made == wanted.map(String.init))
  }

  @Test(
    "The built-in table is the shared one",
    .enabled(
      if: SharedData.path("published/communication-2507.14392.csv") != nil,
      "\(SharedData.missing("published/communication-2507.14392.csv"))"))
  func shared() throws {
    let path = try #require(SharedData.path("published/communication-2507.14392.csv"))
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let file = try PublishedTable(parsing: text, source: path)
    let own = try PublishedTable(
      parsing: PublishedTable.communicationPatterns, source: "built in")
    #expect(file.rows.map(\.row) == own.rows.map(\.row))
  }

  @Test("A batch multiplies rows of messages, not messages; by hand for Qwen2.5-7B on tp2pp4")
  func batch() throws {
    // 28 layers in 4 stages of 7; hidden 3584, vocabulary 152064.
    let made = try table("qwen2.5-7b", 2, 4, batch: 3, prompt: 10, generate: 5)
    #expect(
      lines(made) == [
        "VI,qwen2.5-7b,2,4,prefill,allreduce,15,30x3584,215040",
        "VI,qwen2.5-7b,2,4,prefill,gather,1,3x76032,456192",
        "VI,qwen2.5-7b,2,4,prefill,allgather,2,30x3584,215040",
        "VI,qwen2.5-7b,2,4,prefill,send,6,30x1792,107520",
        "VI,qwen2.5-7b,2,4,decode,allreduce,60,3x3584,21504",
        "VI,qwen2.5-7b,2,4,decode,gather,4,3x76032,456192",
        "VI,qwen2.5-7b,2,4,decode,allgather,8,3x3584,21504",
        "VI,qwen2.5-7b,2,4,decode,send,24,3x1792,10752",
      ])
    #expect(made.receives.map(\.count) == [6, 24])
  }

  @Test("Layers that stages cannot share evenly go where vLLM puts them")
  func unevenStages() throws {
    // 28 layers in 8 stages: 3 3 3 4 4 4 4 3; a middle stage does most.
    let made = try table("llama-3.2-3b", 2, 8, generate: 1)
    #expect(made.rows.first?.count == 8 && made.rows.count == 4)
    #expect(made.rows.last?.count == 14)
    #expect(made.traffic.partition.stages.map(\.count) == [3, 3, 3, 4, 4, 4, 4, 3])
  }

  @Test("Volumes by hand: two ranks move what an all-reduce holds, one way each")
  func volumes() throws {
    let made = try table("llama-3.1-8b", 2, 1, generate: 1)
    let volume = try #require(made.volumes.first)
    #expect(made.volumes.count == 1)
    #expect(volume.counted == 65 * 1_048_576 + 128_256)
    // 2(2-1)/2 = 1 of each all-reduce, half of 128256 logits of 2 bytes.
    #expect(volume.perRank == Double(65 * 1_048_576 + 128_256))
    // Both ranks of the all-reduces, one block of the gather.
    #expect(volume.overLinks == Double(2 * 65 * 1_048_576 + 128_256))
    // Four ranks: each moves 3/2 of an all-reduce; three blocks travel.
    let four = try #require(try table("llama-3.1-8b", 4, 1, generate: 1).volumes.first)
    #expect(four.perRank == 1.5 * 65 * 1_048_576 + 0.75 * 256_512)
    #expect(four.overLinks == Double(6 * 65 * 1_048_576 + 3 * 64_128))
    let pipeline = try #require(try table("llama-3.1-8b", 1, 4, generate: 1).volumes.first)
    #expect(pipeline.counted == 6 * 1_048_576 && pipeline.overLinks == 6 * 1_048_576)
    #expect(pipeline.perRank == 2 * 1_048_576)
  }

  @Test func aTableNeedsSomethingToRun() throws {
    #expect(throws: CommunicationError.self) { try table("llama-3.1-8b", 2, 1, generate: 0) }
    #expect(throws: CommunicationError.self) { try table("llama-3.1-8b", 3, 1) }
    #expect(throws: CommunicationError.self) { try table("bert-base", 2, 1) }
  }
}

@Suite struct PublishedCheckTests {
  private func check(_ rows: [String]) throws -> PublishedCheck {
    let text = ([PublishedTable.header] + rows).joined(separator: "\n") + "\n"
    return PublishedCheck(
      try PublishedTable(parsing: text, source: "t.csv"), source: "t.csv")
  }

  @Test func theBuiltInTablePasses() throws {
    let table = try PublishedTable(
      parsing: PublishedTable.communicationPatterns, source: "built in")
    let found = PublishedCheck(table, source: "built in")
    #expect(found.passed && found.lines.count == 20 && found.unlisted.isEmpty)
    #expect(found.lines.allSatisfy { $0.text.hasPrefix("PASS") })
  }

  @Test(
    "One wrong number fails its row and no other",
    arguments: [
      "VI,llama-3.1-70b,8,1,prefill,allreduce,160,128x8192,2097152",
      "VI,llama-3.1-70b,8,1,prefill,allreduce,161,128x8191,2097152",
      "VI,llama-3.1-70b,8,1,prefill,allreduce,161,128x8192,2097151",
      "VI,llama-3.1-70b,8,1,prefill,allgather,2,128x8192,2097152",
    ])
  func failure(row: String) throws {
    let right = "VI,llama-3.1-70b,8,1,prefill,allreduce,161,128x8192,2097152"
    let found = try check([right, row])
    #expect(!found.passed && found.lines.map(\.passed) == [true, false])
    #expect(found.lines[1].text.hasPrefix("FAIL line 3: \(row): ours "))
  }

  @Test func receivesAreSends() throws {
    #expect(try check(["V,qwen2.5-32b,1,8,decode,recv,1778,1x5120,10240"]).passed)
  }

  @Test("A malformed row is named with its line and what is valid; the others are judged")
  func malformed() throws {
    let good = "V,llama-3.1-8b,1,2,prefill,send,2,128x4096,1048576"
    let cases = [
      ("V,llama-3.1-8b,1,2", "4 fields; wanted 9"),
      ("V,llama-9,1,2,prefill,send,2,1x2,3", "no preset named 'llama-9'; presets: "),
      ("V,llama-3.1-8b,0,2,prefill,send,2,1x2,3", "tp is '0'"),
      ("V,llama-3.1-8b,1,x,prefill,send,2,1x2,3", "pp is 'x'"),
      ("V,llama-3.1-8b,1,2,warmup,send,2,1x2,3", "phase is 'warmup'; valid: prefill decode"),
      ("V,llama-3.1-8b,1,2,prefill,push,2,1x2,3", "operation is 'push'; valid: allreduce"),
      ("V,llama-3.1-8b,1,2,prefill,send,-1,1x2,3", "count is '-1'"),
      ("V,llama-3.1-8b,1,2,prefill,send,2,1x2x3,3", "shape is '1x2x3'"),
      ("V,llama-3.1-8b,1,2,prefill,send,2,1x2,3 B", "message_bytes is '3 B'"),
      ("V,llama-3.1-8b,3,1,prefill,send,2,1x2,3", "degree 3"),
    ]
    for (row, text) in cases {
      let found = try check([row, good])
      #expect(found.problems.count == 1 && !found.passed)
      #expect(
        found.problems[0].hasPrefix("t.csv:2: ") && found.problems[0].contains(text),
        "\(found.problems)")
      #expect(found.lines.map(\.passed) == [true])
    }
    #expect(throws: CommunicationError.self) { try check([]) }
  }
}
