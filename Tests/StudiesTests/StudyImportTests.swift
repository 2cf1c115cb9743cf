import FoundationEssentials
import Models
import Records
import Studies
import TestSupport
import Testing
import Workloads

@Suite struct StudyImportTests {
  private static let cell = """
    [{"batch_id": 0, "target_pad_ratio": 0.2, "target_cov": 0.15, "actual_pad_ratio": 0.2,
    "actual_cov": 0.15, "prompts": [{"token_length": 4}, {"token_length": 2}]},
    {"batch_id": 2, "target_pad_ratio": 0.2, "target_cov": 0.15, "actual_pad_ratio": 0.2,
    "actual_cov": 0.15, "prompts": [{"token_length": 5}, {"token_length": 3}]}]
    """
  private static func result(_ configuration: String, batch: Int = 2, real: Int = 8) -> String {
    """
    [{"config": "\(configuration)", "cell": "pad20_cov15", "batch_id": \(batch),
    "target_pad_ratio": 0.2, "target_cov": 0.15, "actual_pad_ratio": 0.2, "actual_cov": 0.15,
    "actual_mean_len": 4, "actual_std_len": 1, "num_prompts": 2, "num_decode_tokens": 3,
    "real_tokens": \(real), "total_tokens": 10, "pad_tokens": \(10 - real), "generated_tokens": 6,
    "ttft_s": 1.5, "generation_time_s": 2.5, "wall_clock_s": 4, "prefill_raw_tps": 1,
    "prefill_effective_tps": 1, "decode_tps": 1.6, "end_to_end_tps": 1, "raw_tps": 1,
    "effective_tps": 1, "max_memory_gb": 3}]
    """
  }

  private func makeStudy(_ changed: String? = nil) throws -> TestFolder {
    let folder = try TestFolder()
    try folder.write(Self.cell, "study/benchmark_dataset_v2/pad20_cov15.json")
    for name in ["config_a", "config_b", "config_c"] {
      let text = name == "config_b" ? changed : nil
      try folder.write(
        text ?? Self.result(name), "study/results_v2/\(name)_results.json")
    }
    return folder
  }

  private func read(_ folder: TestFolder, version: String = "v2") throws -> StudyImport {
    try StudyImport(
      folder: folder.path + "/study", version: version, model: .preset("qwen2.5-32b"))
  }

  @Test("measurements become imported records of the study's engine")
  func records() throws {
    let folder = try makeStudy()
    #expect(try StudyImport.versions(in: folder.path + "/study") == ["v2"])
    let study = try read(folder)
    #expect(study.count == 3)
    let run = RunDirectory(path: folder.path + "/run")
    try study.write(to: run, arguments: [], version: "0")
    #expect(run.cells() == ["pp4", "tp2pp2", "tp4"])
    let cell = run.cell("tp2pp2")
    #expect(cell.state() == .done)
    let records = try JSONLines.read(BatchRecord.self, path: cell.batches)
    let record = try #require(records.first)
    #expect(records.count == 1 && record.origin == .imported && record.tokenDigest.isEmpty)
    #expect(record.policy == "megatron-iterative" && record.layout == "tp2pp2")
    #expect(record.batchTTFTSeconds == 1.5 && record.totalSeconds == 4)
    // 3 slots in bulk and 2 steps for both rows; 3 tokens each.
    #expect(record.inputTokens == 8 && record.prefillSlots == 10 && record.outputTokens == 6)
    #expect(Metrics.decodeTPS(record) == 1.6)
    #expect(record.batchPadding?.target?.spread == PaddingSpread(.covPadding, 0.15))
  }

  @Test("its job runs: the same cells without the warm-up batches")
  func job() throws {
    let folder = try makeStudy()
    let run = RunDirectory(path: folder.path + "/run")
    try read(folder).write(to: run, arguments: [], version: "0")
    let settings = ["workload.first=1", "layouts=[tp1]", "model.scale=1/2048"]
    let job = try JobFile.read(path: run.job, settings: settings)
    let resolved = try ResolvedJob(job, file: run.job, settings: settings)
    #expect(resolved.batches.map(\.lengths) == [[5, 3]] && job.outputTokens == 3)
    #expect(resolved.batches.first?.target?.padRatio == 0.2)
  }

  @Test("results that do not belong to the lengths are refused")
  func refuses() throws {
    func message(_ changed: String) throws -> String {
      let folder = try makeStudy(changed)
      do {
        try read(folder).write(
          to: RunDirectory(path: folder.path + "/run"), arguments: [], version: "0")
        return "none"
      } catch {
        return "\(error)".replacing(folder.path + "/", with: "")
      }
    }
    #expect(
      try message(Self.result("config_b", batch: 7))
        == "config_b_results.json has batch 7 of pad20_cov15, which "
        + "study/benchmark_dataset_v2/pad20_cov15.json does not")
    #expect(
      try message(Self.result("config_b", real: 9))
        == "pad20_cov15, batch 2: 2 prompts of 8 tokens, but its result has 2 of 9")
    #expect(throws: StudyError.self) {
      try StudyImport.versions(in: makeStudy().path + "/study/results_v2")
    }
    #expect(throws: WorkloadError.self) { try read(makeStudy(), version: "v9") }
  }

  @Test(
    .enabled(
      if: SharedData.path("study/results_v2") != nil, "\(SharedData.missing("study/results_v2"))"))
  func readsThePublishedStudy() throws {
    let root = try #require(SharedData.folder)
    let study = try StudyImport(
      folder: root + "/study", version: "v2", model: .preset("qwen2.5-32b"))
    #expect(study.count == 144 && study.job.outputTokens == 512)
  }
}
