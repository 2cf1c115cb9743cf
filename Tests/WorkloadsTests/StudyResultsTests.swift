import TestSupport
import Testing
import Workloads

@Suite struct StudyResultsTests {
  static let entry = """
    {"config": "config_b", "cell": "pad20_cov15", "batch_id": 2, "target_pad_ratio": 0.2,
    "target_cov": 0.15, "actual_pad_ratio": 0.2043, "actual_cov": 0.1445, "actual_mean_len": 101.85,
    "actual_std_len": 3.78, "num_prompts": 128, "num_decode_tokens": 512, "real_tokens": 13037,
    "total_tokens": 16384, "pad_tokens": 3347, "generated_tokens": 65536, "ttft_s": 9.479059,
    "generation_time_s": 124.298601, "wall_clock_s": 133.77766, "prefill_raw_tps": 1728.44,
    "prefill_effective_tps": 1375.35, "decode_tps": 526.22, "end_to_end_tps": 587.34,
    "raw_tps": 122.47, "effective_tps": 97.45, "max_memory_gb": 34.637}
    """

  func message(_ text: String) -> String {
    fileError { _ = try StudyResults(json: Array(text.utf8), path: "r") }?.description ?? "none"
  }
  func message(replacing old: String, by new: String) -> String {
    message("[\(Self.entry.replacing(old, with: new))]")
  }

  @Test func readsOneResult() throws {
    let results = try StudyResults(json: Array("[\(Self.entry)]".utf8), path: "r").results
    let result = try #require(results.first)
    #expect(result.configuration == .b && result.configuration.layout == "tp2pp2")
    #expect(result.cell.description == "pad20_cov15" && result.cell.cov == 0.15)
    #expect(result.batchID == 2 && result.prompts == 128 && result.padTokens == 3347)
    #expect(result.batchTTFT == 9.479059 && result.maximumMemoryGB == 34.637)
    #expect(result.decodeTPS == 526.22 && result.actualLengthDeviation == 3.78)
  }

  @Test func refusesMalformedResultsByLineAndKey() {
    #expect(message(replacing: "config_b", by: "config_d").contains("known: config_a config_b"))
    #expect(
      message(replacing: "pad20_", by: "20_").contains("'20_cov15' must look like pad20_cov15"))
    #expect(message(replacing: "\"ttft_s\": 9.479059", by: "\"ttft_s\": 0").contains("above 0"))
    #expect(
      message(replacing: "9.479059", by: "null").hasPrefix("r:4: [0].ttft_s must be a number"))
    #expect(message(replacing: "\"ttft_s\"", by: "\"ttft\"").contains("key 'ttft_s' is missing"))
    #expect(
      message(replacing: "13037", by: "13038").contains("real_tokens and pad_tokens give 16385"))
    #expect(message(replacing: "13037", by: "9223372036854775807").contains("real_tokens"))
    #expect(message("[\(Self.entry),\n\(Self.entry)]").hasSuffix("batch 2 is there twice"))
    #expect(message("[]") == "r:1: has no results" && message("{}").contains("must be a list"))
    #expect(message("[\(Self.entry)]") == "none")
  }

  @Test func readsCellLabels() {
    #expect(StudyCellLabel("pad05_cov100")?.covPercent == 100)
    #expect(StudyCellLabel("pad05_cov100")?.description == "pad05_cov100")
    for text in [
      "", "pad20", "pad20_cov", "pad2_cov15", "pad20_cov1x", "cov15_pad20", "pad100_cov15",
    ] {
      #expect(StudyCellLabel(text) == nil, "\(text)")
    }
  }

  @Test(
    .enabled(
      if: SharedData.path("study/results_v2") != nil, "\(SharedData.missing("study/results_v2"))"))
  func thePublishedResultsAgreeWithTheirLengthsAndWithEachOther() throws {
    let folder = try #require(SharedData.path("study/results_v2"))
    let study = try StudyResults(folder: folder)
    #expect(study.results.count == 3 * 16 * 3 && study.cells.count == 16)
    #expect(study.cells.first?.description == "pad20_cov15")
    for result in study.results {
      let path = "study/benchmark_dataset_v2/\(result.cell).json"
      let cell = try StudyCell(contentsOf: try #require(SharedData.path(path)))
      let batch = try #require(cell.batches.first { $0.batch.id == result.batchID }).batch
      #expect(batch.realTokens == result.realTokens && batch.slots == result.totalTokens)
      #expect(batch.count == result.prompts)
      // METRICS.md: decode_tps = B·(n−1)/(t_total − batch_ttft).
      let decode =
        Double(result.prompts * (result.decodeTokens - 1))
        / (result.wallClock - result.batchTTFT)
      #expect(abs(decode / result.decodeTPS - 1) < 1e-3, "\(result.cell)")
    }
    #expect(study.results(of: study.cells[3], .c).map(\.batchID) == [2, 3, 4])
  }

  @Test func aFolderNeedsAllThreeFilesUnderTheirNames() throws {
    let folder = try TemporaryDirectory()
    #expect(
      fileError { _ = try StudyResults(folder: folder.path) }?.description
        .hasSuffix("config_a_results.json: no such file") == true)
    try folder.write("[\(Self.entry)]", to: "config_a_results.json")
    #expect(
      fileError { _ = try StudyResults(folder: folder.path) }?.message
        == "has results of config_b; its name promises config_a")
  }
}

@Suite struct WorkloadSummaryTests {
  @Test func printsTheMetricsOfEachBatch() throws {
    let batches = [
      try Batch(id: 0, lengths: [5, 17, 9, 32, 1, 64]), try Batch(id: 7, lengths: [4096, 16]),
      try Batch(id: 8, lengths: [3, 3]),
    ]
    let summary = try WorkloadSummary(batches, kvBytesPerToken: 1024)
    #expect(summary.rows[1].memoryWaste == 0.498046875)
    #expect(summary.rows[1].largestRowWaste == 0.99609375)
    let table = """
      batch  B  longest  shortest   real  padded       p  cov_len  cov_pad         ΣL²       W  row waste ≤   KV real  KV padded
          0  6       64         1    128     256  0.6667   1.0100   0.5050       5,516  0.6667       0.9844   128 KiB    256 KiB
          7  2    4,096        16  4,112   4,080  0.4980   0.9922   1.0000  16,777,472  0.4980       0.9961  4.02 MiB   3.98 MiB
          8  2        3         3      6       0  0.0000   0.0000        -          18  0.0000       0.0000  6.00 KiB        0 B
      """
    #expect(summary.lines.joined(separator: "\n") == table)
    let plain = try WorkloadSummary(batches)
    #expect(!plain.lines[0].contains("KV") && plain.lines.count == 4)
    #expect(try WorkloadSummary([]).lines.count == 1)
  }

  @Test func reservesMoreThanTheLongest() throws {
    let batch = try Batch(id: 0, lengths: [10, 20])
    let row = try WorkloadSummary([batch], reserved: 40).rows[0]
    #expect(row.memoryWaste == 0.625 && row.largestRowWaste == 0.75 && row.padRatio == 0.25)
    let found = fileError { _ = try WorkloadSummary([batch], reserved: 19) }?.message
    #expect(found == "batch 0 has a prompt of 20 tokens; rows that reserve 19 cannot hold it")
  }
}
