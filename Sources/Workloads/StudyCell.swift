import JSONReading

/// One batch of the published padding study with its target and actual figures.
public struct StudyBatch: Sendable, Hashable {
  public let batch: Batch
  public let targetPadRatio: Double
  /// Of the padding's spread, `cov_pad` (version 2 of the study's data).
  public let targetCoV: Double
  public let actualPadRatio: Double
  public let actualCoV: Double
}

/// A cell of the study's `benchmark_dataset_v2`: batches with one target pad ratio and CoV.
///
/// Source: github.com/divide-by-zer0/llm-inference-padding-study, commit c97a958. Layout: a list of
/// `{batch_id, target_pad_ratio, target_cov, actual_pad_ratio, actual_cov, actual_mean_len,
/// actual_std_len, prompts: [{prompt, token_length}]}`.
public struct StudyCell: Sendable, Hashable {
  public let batches: [StudyBatch]

  public init(contentsOf path: String) throws(WorkloadError) {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    try self.init(json: bytes, path: path)
  }

  /// Reads the file's bytes; `path` is for messages.
  public init(json: [UInt8], path: String) throws(WorkloadError) {
    let document = JSONDocument(bytes: json, path: path)
    let entries: [Entry]
    do { entries = try document.decode([Entry].self) } catch { throw WorkloadError(error) }
    guard !entries.isEmpty else { throw WorkloadError(file: path, line: 1, "has no batches") }
    var batches: [StudyBatch] = []
    var seen = Set<Int>()
    for (index, entry) in entries.enumerated() {
      func fail(_ steps: [JSONStep], _ message: String) -> WorkloadError {
        let place = [.index(index)] + steps
        return WorkloadError(
          file: path, line: document.line(of: place), "\(JSONDocument.name(place)): \(message)")
      }
      guard seen.insert(entry.batchId.value).inserted else {
        throw fail([.key("batch_id")], "batch \(entry.batchId.value) is there twice")
      }
      for (row, prompt) in entry.prompts.enumerated() {
        if let reason = Request.problem(prompt: prompt.tokenLength.value) {
          throw fail([.key("prompts"), .index(row), .key("token_length")], reason)
        }
      }
      var batch: Batch
      do {
        batch = try Batch(id: entry.batchId.value, lengths: entry.prompts.map(\.tokenLength.value))
        batch.target = PaddingPair(
          padRatio: entry.targetPadRatio, spread: PaddingSpread(.covPadding, entry.targetCov))
      } catch {
        throw fail([.key("batch_id")], error.message)
      }
      batches.append(
        StudyBatch(
          batch: batch, targetPadRatio: entry.targetPadRatio, targetCoV: entry.targetCov,
          actualPadRatio: entry.actualPadRatio, actualCoV: entry.actualCov))
    }
    self.batches = batches
  }

  private struct Entry: Decodable {
    var batchId: JSONInteger
    var targetPadRatio: Double
    var targetCov: Double
    var actualPadRatio: Double
    var actualCov: Double
    var prompts: [Prompt]

    enum CodingKeys: String, CodingKey {
      case batchId = "batch_id"
      case targetPadRatio = "target_pad_ratio"
      case targetCov = "target_cov"
      case actualPadRatio = "actual_pad_ratio"
      case actualCov = "actual_cov"
      case prompts
    }
  }

  private struct Prompt: Decodable {
    var tokenLength: JSONInteger

    enum CodingKeys: String, CodingKey {
      case tokenLength = "token_length"
    }
  }
}
