/// How many KV blocks a pool has, and why.
///
/// The two settings are TensorRT-LLM's: a fraction of the memory that is free once weights and
/// scratch memory are there (`kv_cache_free_gpu_mem_fraction`), and a cap in tokens
/// (`max_tokens_in_paged_kv_cache`); where both are given the smaller pool counts.
public struct KVPoolSize: Hashable, Sendable {
  public let blockCount: Int
  public let blockSize: Int
  /// What the reader of a report should know about the choice.
  public let warnings: [String]

  public var tokens: Int { blockCount * blockSize }

  /// Above this share of the free memory a spike of anything else (long prompts' scratch memory,
  /// the host) finds none.
  public static let riskyFraction = 0.95

  /// - Parameters:
  ///   - freeBytes: memory that is free on the rank with the least.
  ///   - fraction: share of it that the pool takes, above 0 and at most 1.
  ///   - maxTokens: cap in tokens; nil for none.
  ///   - bytesPerToken: keys and values of one token on that rank.
  /// - Throws: `SchedulingError` with the numbers when a setting is out of range or not one block
  ///   fits.
  public init(
    freeBytes: Int, fraction: Double, maxTokens: Int?, bytesPerToken: Int, blockSize: Int
  ) throws(SchedulingError) {
    precondition(bytesPerToken > 0 && blockSize > 0, "a token has keys and values")
    guard fraction > 0, fraction <= 1 else {
      throw SchedulingError(
        "kv_cache_free_mem_fraction is \(fraction); it must be above 0 and at most 1")
    }
    let budget = Int(Double(max(0, freeBytes)) * fraction)
    let fitting = budget / (bytesPerToken * blockSize)
    guard fitting > 0 else {
      throw SchedulingError(
        "kv_cache_free_mem_fraction \(fraction) of \(freeBytes) free bytes is \(budget) bytes; one "
          + "KV block of \(blockSize) tokens takes \(bytesPerToken * blockSize)")
    }
    var warnings: [String] = []
    if fraction > Self.riskyFraction {
      warnings.append(
        "kv_cache_free_mem_fraction \(fraction) is above \(Self.riskyFraction): "
          + "\(freeBytes - budget) bytes are left for everything else, with the risk of running "
          + "out of memory during spikes")
    }
    var count = fitting
    if let maxTokens {
      guard maxTokens >= blockSize else {
        throw SchedulingError(
          "max_tokens_in_paged_kv_cache is \(maxTokens), less than one KV block of \(blockSize)")
      }
      if maxTokens / blockSize > fitting {
        warnings.append(
          "max_tokens_in_paged_kv_cache \(maxTokens) is more than memory holds: "
            + "kv_cache_free_mem_fraction \(fraction) gives \(fitting * blockSize) tokens, which "
            + "count")
      } else if maxTokens / blockSize < fitting {
        warnings.append(
          "max_tokens_in_paged_kv_cache \(maxTokens) keeps the pool below the "
            + "\(fitting * blockSize) tokens that kv_cache_free_mem_fraction \(fraction) allows: "
            + "more requests will wait or be preempted")
      }
      count = min(fitting, maxTokens / blockSize)
    }
    blockCount = min(count, 1 << 30)
    self.blockSize = blockSize
    self.warnings = warnings
  }
}
