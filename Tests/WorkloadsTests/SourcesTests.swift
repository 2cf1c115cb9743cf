import FoundationEssentials
import TestSupport
import Testing
import Workloads

@Suite struct BatchFileTests {
  func read(_ text: String) throws -> BatchFile {
    try BatchFile(json: Array(text.utf8), path: "b.json")
  }

  func file(_ batches: String) -> String {
    "{\"schema\": \"padtax/batches\", \"version\": 1,\n\"source\": \"s\",\n\"batches\": [\n\(batches)\n]}"
  }

  @Test func survivesWritingAndReading() throws {
    let requests = [
      try Request(id: 7 << 20, promptLength: 2, outputLength: 4, tokens: [5, 6]),
      try Request(id: 7 << 20 + 1, promptLength: 1, outputLength: 3, tokens: [9]),
    ]
    let original = try BatchFile(
      source: "a \"quoted\"\n\u{1}name\\",
      batches: [Batch(id: 7, requests: requests), Batch(id: 1, lengths: [3, 4])])
    #expect(try BatchFile(json: original.encoded(), path: "b") == original)
  }

  @Test func matchesTheCommittedChatFile() throws {
    let path = SharedData.packageFolder + "/jobs/batches/chat-128.json"
    let data = try #require(FileManager.default.contents(atPath: path))
    let generated = try BatchFile.chat128()
    #expect([UInt8](data) == generated.encoded())
    #expect(try BatchFile(contentsOf: path) == generated)
    #expect(generated.batches.count == 8 && generated.batches.allSatisfy { $0.count == 16 })
  }

  @Test(arguments: [
    ("{\"id\": 0, \"lengths\": []}", "b.json:4: batches[0].lengths: the batch is empty"),
    (
      "{\"id\": 0,\n \"lengths\": [3,\n 0]}", "b.json:6: batches[0].lengths[1]: the prompt has zero"
    ),
    (
      "{\"id\": 0, \"lengths\": [-3]}", "batches[0].lengths[0]: a prompt of -3 tokens is impossible"
    ),
    (
      "{\"id\": 0, \"lengths\": [2.5]}",
      "b.json:4: batches[0].lengths[0] must be an integer, found 2.5"
    ),
    ("{\"id\": 0, \"lengths\": [1e300]}", "must be an integer, found 1e300"),
    ("{\"id\": 0, \"lengths\": [\"3\"]}", "must be an integer, found \"3\""),
    (
      "{\"id\": 0, \"lengths\": [3],\n\"ouputs\": [1]}",
      "b.json:5: unknown key 'ouputs'; valid keys:"
    ),
    ("{\"id\": 0, \"lengths\": [3], \"outputs\": []}", "outputs: 0 entries for 1 lengths"),
    ("{\"id\": 0, \"lengths\": [3], \"outputs\": [0]}", "outputs[0]: an output of 0 tokens"),
    ("{\"id\": 0, \"lengths\": [3], \"tokens\": [[4]]}", "tokens[0]: request 0 has 1 token ids"),
    ("{\"id\": 0, \"lengths\": [1], \"tokens\": [[4294967296]]}", "tokens[0]"),
    ("{\"lengths\": [3]}", "key 'id' is missing in batches[0]"),
    ("{\"id\": -1, \"lengths\": [3]}", "batches[0].id"),
    ("{\"id\": 9223372036854775807, \"lengths\": [3]}", "batches[0].id"),
    ("{\"id\": 0, \"lengths\": [3]}, {\"id\": 0, \"lengths\": [3]}", "batch 0 is there twice"),
    ("", "at least one batch"), ("{\"id\": 0, \"lengths\": [3],}", "b.json:4: is not valid JSON"),
  ])
  func refusesMalformedBatchesByLineAndKey(batches: String, words: String) throws {
    let found = try #require(fileError { _ = try read(file(batches)) })
    #expect(found.description.contains(words), "\(found)")
    #expect(found.file == "b.json" && found.line != nil)
  }

  @Test func refusesOtherSchemasAndVersions() {
    let other = "{\"schema\": \"padtax/job\", \"version\": 1, \"kind\": 3}"
    #expect(
      fileError { _ = try read(other) }?.message.contains("expected 'padtax/batches'") == true)
    let later = file("").replacing("\"version\": 1", with: "\"version\": 2")
    #expect(fileError { _ = try read(later) }?.message.contains("version 2") == true)
    #expect(
      fileError { _ = try BatchFile(contentsOf: "no/such") }?.description == "no/such: no such file"
    )
  }
}

@Suite struct TraceTests {
  func read(_ rows: String, _ limits: LengthLimits = .init()) throws -> RequestList {
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n" + rows
    return try RequestList.trace(csv: Array(text.utf8), path: "t.csv", limits: limits)
  }

  @Test func readsRowsWithEitherLineEnd() throws {
    let rows = "2023-11-16 23:59:59.5000000,374,44\r\n2023-11-17 00:00:01.2500000,396,109"
    let list = try read(rows)
    #expect(list.requests.map(\.promptLength) == [374, 396])
    #expect(list.requests.map(\.outputLength) == [44, 109])
    #expect(list.requests.map(\.arrival) == [0, 1.75])
    #expect(try read(rows.replacing("\r\n", with: "\n") + "\n").requests == list.requests)
  }

  @Test(arguments: [
    ("2023-11-16 18:15:46,3,4\n2023-11-16 18:15:46,x,4", "t.csv:3: ContextTokens must be a whole"),
    ("2023-11-16 18:15:46,-3,4", "t.csv:2: ContextTokens must be"),
    ("2023-11-16 18:15:46,3.5,4", "t.csv:2"), ("2023-11-16 18:15:46,3", "needs 3 fields, found 2"),
    ("2023-11-16 18:15:46,0,4", "t.csv:2: the prompt has zero tokens"),
    ("2023-11-16 18:15:46,3,0", "t.csv:2: an output of 0 tokens"),
    ("2023-11-16 18:15:46,99999999999,4", "impossible"),
    ("\n2023-11-16 18:15:46,3,4", "line is empty"),
    ("2023-11-16 18:15:46,99999999999999999999,4", "whole number"),
    ("2023-02-29 18:15:46,3,4", "TIMESTAMP must look like"), ("yesterday,3,4", "TIMESTAMP"),
    ("2023-11-16 18:15:46,3,4\n2023-11-16 18:15:45,3,4", "t.csv:3: TIMESTAMP is earlier"),
    ("", "has no rows"),
  ])
  func refusesMalformedRowsByLine(rows: String, words: String) throws {
    let found = try #require(fileError { _ = try read(rows) })
    #expect(found.description.contains(words), "\(found)")
  }

  @Test func refusesOtherHeaders() {
    let found = fileError { _ = try RequestList.trace(csv: Array("a,b\n1,2\n".utf8), path: "t") }
    #expect(found?.description.hasPrefix("t:1: the header must be TIMESTAMP") == true)
  }

  @Test func clipsDropsOrRejectsLongPrompts() throws {
    let rows = "2023-11-16 18:15:46,300,44\n2023-11-16 18:15:47,5,9\n"
    let clip = try read(rows, LengthLimits(maximumPrompt: 100, overlong: .clip, maximumOutput: 10))
    #expect(clip.requests.map(\.promptLength) == [100, 5] && clip.clipped == 1)
    #expect(clip.requests.map(\.outputLength) == [10, 9])
    let drop = try read(rows, LengthLimits(maximumPrompt: 100, overlong: .drop))
    #expect(drop.requests.map(\.id) == [1] && drop.dropped == 1)
    let found = fileError { _ = try read(rows, LengthLimits(maximumPrompt: 100)) }
    #expect(found?.description == "t.csv:2: a prompt of 300 tokens exceeds the limit of 100")
    #expect(throws: WorkloadError.self) { try read(rows, LengthLimits(maximumPrompt: 0)) }
    #expect(throws: WorkloadError.self) {
      try read(rows, LengthLimits(maximumPrompt: 1, overlong: .drop))
    }
  }
}

@Suite struct ImportedLengthsTests {
  @Test func dropsOrRefusesEmptyShareGPTPrompts() throws {
    let text = "{\"source\": \"s\", \"prompt_tokens\": [4,\n 0, 6], \"answer_tokens\": [1, 2, 3]}"
    let list = try RequestList.shareGPT(json: Array(text.utf8), path: "s.json")
    #expect(list.requests.map(\.id) == [0, 2] && list.dropped == 1)
    let found = fileError {
      _ = try RequestList.shareGPT(json: Array(text.utf8), path: "s.json", limits: .init())
    }
    #expect(found?.description.hasPrefix("s.json:2: prompt_tokens[1]: the prompt has zero") == true)
    let uneven = text.replacing("2, 3]", with: "2]")
    #expect(throws: WorkloadError.self) {
      try RequestList.shareGPT(json: Array(uneven.utf8), path: "s.json")
    }
  }

  @Test func refusesMalformedStudyCells() {
    func message(_ text: String) -> String? {
      fileError { _ = try StudyCell(json: Array(text.utf8), path: "c") }?.description
    }
    let head =
      "{\"batch_id\": 0, \"target_pad_ratio\": 0.2, \"target_cov\": 0.1, "
      + "\"actual_pad_ratio\": 0.2, \"actual_cov\": 0.1,\n\"prompts\": "
    #expect(message("[\(head)[]}]")?.contains("is empty") == true)
    #expect(
      message("[\(head)[{\"token_length\": 0}]}]")?
        .hasPrefix("c:2: [0].prompts[0].token_length: the prompt has zero") == true)
    #expect(message("[]") == "c:1: has no batches")
    #expect(message("{}")?.contains("must be a list") == true)
    #expect(message("[\(head)[{\"token_length\": 4}]}]") == nil)
  }

  @Test(
    .enabled(
      if: SharedData.folder != nil,
      "shared data is absent; set PADTAX_SHARED or put it into ../shared"))
  func readsTheStudysCells() throws {
    let root = try #require(SharedData.folder)
    for pad in [20, 30, 50, 70] {
      for cov in [15, 25, 35, 45] {
        let path = "\(root)/study/benchmark_dataset_v2/pad\(pad)_cov\(cov).json"
        let cell = try StudyCell(contentsOf: path)
        #expect(cell.batches.count == 5)
        for entry in cell.batches {
          #expect(entry.batch.count == 128)
          #expect(abs(entry.batch.padRatio(to: 128) - entry.actualPadRatio) < 6e-4)
          #expect(abs((entry.batch.covPadding ?? 0) - entry.actualCoV) < 2e-2)
          #expect(abs(entry.targetPadRatio - Double(pad) / 100) < 1e-9)
        }
      }
    }
  }

  @Test(
    .enabled(
      if: SharedData.folder != nil,
      "shared data is absent; set PADTAX_SHARED or put it into ../shared"))
  func readsShareGPTAndTheAzureTraces() throws {
    let root = try #require(SharedData.folder)
    let limits = LengthLimits(maximumPrompt: 1024, overlong: .clip, empty: .drop)
    let list = try RequestList.shareGPT(
      contentsOf: "\(root)/real/sharegpt_lengths_qwen.json", limits: limits)
    #expect(list.requests.count + list.dropped == 10_000 && list.dropped > 0 && list.clipped > 0)
    // real/README.md: random batches padded to their longest have pad ratio 0.74 at B = 8.
    let batches = try list.batches(size: 8, count: 1200, order: .random(seed: 1))
    let mean = batches.reduce(0) { $0 + $1.padRatio } / 1200
    #expect(abs(mean - 0.74) < 0.02, "\(mean)")
    for (name, rows, pad) in [("code", 8_819, 0.60), ("conv", 19_366, 0.55)] {
      let trace = try RequestList.trace(contentsOf: "\(root)/traces/azure_2023_\(name).csv")
      #expect(trace.requests.count == rows)
      let eights = try trace.batches(size: 8, count: rows / 8, order: .consecutive(offset: 0))
      let mean = eights.reduce(0) { $0 + $1.padRatio } / Double(rows / 8)
      #expect(abs(mean - pad) < 0.03, "\(name) \(mean)")
    }
  }
}
