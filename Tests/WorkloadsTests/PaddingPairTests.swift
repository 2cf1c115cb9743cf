import TestSupport
import Testing
import Workloads

@Suite struct PaddingPairTests {
  private let pair = PaddingPair(padRatio: 0.35, spread: PaddingSpread(.covLength, 0.6))

  @Test("a batch file keeps the padding that was asked for")
  func roundTrip() throws {
    var batch = try Batch(id: 3, lengths: [9, 4])
    batch.target = pair
    let file = try BatchFile(source: "t", batches: [batch, Batch(id: 4, lengths: [2])])
    let read = try BatchFile(json: file.encoded(), path: "b")
    #expect(read == file && read.batches.map(\.target) == [pair, nil])
    #expect(String(decoding: file.encoded(), as: UTF8.self).contains("\"cov_len\": 0.6"))
  }

  @Test("a malformed target is refused by key")
  func refuses() {
    func message(_ target: String) -> String {
      let text =
        "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\",\"batches\":\n"
        + "[{\"id\":0,\"lengths\":[3],\"target\":\(target)}]}"
      return fileError { _ = try BatchFile(json: Array(text.utf8), path: "b") }?.description
        ?? "none"
    }
    #expect(message("{\"pad_ratio\":0.1,\"cov_pad\":1}") == "none")
    #expect(message("{\"pad_ratio\":0.1}").contains("exactly one of cov_len, cov_pad; found 0"))
    #expect(message("{\"pad_ratio\":0.1,\"cov_pad\":1,\"cov_len\":1}").contains("found 2"))
    #expect(message("{\"cov_pad\":1}").contains("'pad_ratio' is missing"))
    #expect(message("{\"pad_ratio\":0.1,\"cov\":1}").contains("unknown key 'cov'"))
  }

  @Test("the workload table shows what was asked for beside what came")
  func table() throws {
    var batch = try Batch(id: 0, lengths: [10, 5])
    let plain = try WorkloadSummary([batch]).lines
    #expect(!plain[0].contains("asked"))
    batch.target = pair
    let lines = try WorkloadSummary([batch]).lines
    #expect(lines[0].contains("asked p") && lines[1].contains("cov_len 0.6000"))
    #expect(lines[1].contains("0.3500") && lines[1].contains("0.2500"))
  }

  @Test("a study's folder gives the same batches of every cell, numbered by cell")
  func studyFolder() throws {
    let folder = try TemporaryDirectory()
    for (name, longest) in [("pad20_cov25", 8), ("pad20_cov15", 6)] {
      let entries = (0..<3).map {
        "{\"batch_id\": \($0), \"target_pad_ratio\": 0.2, \"target_cov\": 0.1, "
          + "\"actual_pad_ratio\": 0.2, \"actual_cov\": 0.1, "
          + "\"prompts\": [{\"token_length\": \(longest)}, {\"token_length\": \($0 + 1)}]}"
      }
      try folder.write("[\(entries.joined(separator: ","))]", to: "\(name).json")
    }
    try folder.write("[]", to: "notes.json")
    let study = try StudyFolder(folder.path)
    let batches = try study.batches(first: 1, count: 2)
    #expect(batches.map(\.id) == [1, 2, 1001, 1002])
    #expect(batches.map(\.lengths) == [[6, 2], [6, 3], [8, 2], [8, 3]])
    #expect(batches.allSatisfy { $0.target?.spread == PaddingSpread(.covPadding, 0.1) })
    #expect(throws: WorkloadError.self) { try study.batches(first: 2, count: 2) }
    #expect(throws: WorkloadError.self) { try StudyFolder(folder.path + "/none") }
  }
}
