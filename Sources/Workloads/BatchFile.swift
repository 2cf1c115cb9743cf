import JSONReading

/// padtax's own file of batches, schema `padtax/batches`, version 1.
///
/// ```
/// {"schema": "padtax/batches", "version": 1, "source": "…", "batches": [
///   {"id": 0, "lengths": [24, 7], "outputs": [16, 16], "tokens": [[…], […]],
///    "target": {"pad_ratio": 0.35, "cov_pad": 1.0}}]}
/// ```
/// `outputs` and `tokens` may be left out; each has one entry per length. `target` is the padding that
/// was asked for, with one of `cov_pad` and `cov_len`. Request ids are id·2²⁰ + row. An unknown key
/// is an error.
public struct BatchFile: Sendable, Hashable {
  public static let schema = "padtax/batches"
  public static let version = 1

  /// Where the batches come from, for people.
  public let source: String
  public let batches: [Batch]

  /// Throws when there are no batches or two with one id.
  public init(source: String, batches: [Batch]) throws(WorkloadError) {
    guard !batches.isEmpty else { throw WorkloadError("a batch file has at least one batch") }
    var seen = Set<Int>()
    for batch in batches where !seen.insert(batch.id).inserted {
      throw WorkloadError("batch \(batch.id) is there twice")
    }
    self.source = source
    self.batches = batches
  }

  public init(contentsOf path: String) throws(WorkloadError) {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    try self.init(json: bytes, path: path)
  }

  /// Eight batches of 16 prompts of chat shape, seed 1: the content of `jobs/batches/chat-128.json`.
  public static func chat128() throws(WorkloadError) -> BatchFile {
    let list = try RequestList.generated(.chat128, count: 8 * 16, seed: 1)
    var batches: [Batch] = []
    for batch in try list.batches(size: 16, count: 8, order: .consecutive(offset: 0)) {
      batches.append(try Batch(id: batch.id, lengths: batch.lengths))
    }
    return try BatchFile(source: list.source, batches: batches)
  }
}
