/// Which sequences go together, and how wide each row is: what a policy decides about a batch.
struct Arrangement {
  /// Sequences of each micro-batch, in order.
  var groups: [[Int]]
  /// Slots of each sequence's row in prefill.
  var widths: [Int]
  /// Prompt tokens kept of each sequence.
  var lengths: [Int]

  /// - Parameters:
  ///   - lengths: prompt tokens per sequence.
  ///   - microBatches: groups to make; policies with groups of their own cut those further only
  ///     where a group would be larger than the batch divided by `microBatches`.
  ///   - padding: how far the rows of one micro-batch are padded.
  init(
    _ policy: Policy, lengths: [Int], microBatches: Int, padding: MicroBatchPadding
  ) throws(SchedulingError) {
    let count = lengths.count
    let longest = lengths.max() ?? 0
    self.lengths = lengths
    widths = lengths
    groups = BatchPlan.groups(of: count, into: microBatches).map(Array.init)
    switch policy {
    case .fixed(let length):
      self.lengths = lengths.map { policy.kept(of: $0) }
      widths = lengths.map { _ in length }
    case .rightPad, .leftPad:
      widths = lengths.map { _ in longest }
      if padding == .own { padToOwnLongest() }
    case .megatronIterative:
      widths = lengths.map { _ in longest }
    case .bucketed(let edges):
      widths = try edges.widths(of: lengths)
      group(by: widths, microBatches: microBatches)
    case .sorted:
      let order = lengths.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
      groups = groups.map { $0.map { order[$0] } }
      padToOwnLongest()
    case .multiBin(let bins):
      let shortest = lengths.min() ?? 0
      let span = longest - shortest + 1
      group(by: lengths.map { ($0 - shortest) * bins / span }, microBatches: microBatches)
      padToOwnLongest()
    case .packed: break
    case .packedMicro: groups = Self.balanced(lengths, groups: microBatches)
    case .oneByOne: groups = lengths.indices.map { [$0] }
    }
  }

  /// Groups sequences with equal keys, ascending, and cuts groups that are too large for a
  /// pipeline of `microBatches`.
  private mutating func group(by keys: [Int], microBatches: Int) {
    let most = max(1, (keys.count + microBatches - 1) / microBatches)
    groups = Set(keys).sorted().flatMap { key -> [[Int]] in
      let members = keys.indices.filter { keys[$0] == key }
      let parts = (members.count + most - 1) / most
      return BatchPlan.groups(of: members.count, into: parts).map { part in
        part.map { members[$0] }
      }
    }
  }

  private mutating func padToOwnLongest() {
    for group in groups {
      let width = group.map { lengths[$0] }.max() ?? 0
      for sequence in group { widths[sequence] = width }
    }
  }

  /// Groups of nearly equal token count: longest first, each into the group with the fewest tokens
  /// (Graham 1969, LPT: at most 4/3 of the best).
  static func balanced(_ lengths: [Int], groups count: Int) -> [[Int]] {
    let count = min(count, lengths.count)
    var groups = [[Int]](repeating: [], count: count)
    var tokens = [Int](repeating: 0, count: count)
    for sequence in lengths.indices.sorted(by: { (lengths[$1], $0) < (lengths[$0], $1) }) {
      let target = tokens.indices.min { (tokens[$0], $0) < (tokens[$1], $1) } ?? 0
      groups[target].append(sequence)
      tokens[target] += lengths[sequence]
    }
    return groups.map { $0.sorted() }
  }
}

/// How far the rows of a micro-batch are padded under `right-pad` and `left-pad`.
public enum MicroBatchPadding: String, Sendable, Codable, CaseIterable {
  /// To the longest row of the batch.
  case global
  /// To the longest row of the micro-batch.
  case own
}
