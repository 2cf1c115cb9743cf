/// A request-level batch under way: a rectangle of rows that is held together until the last row
/// is done.
struct RequestBatch: Sendable {
  /// Rows that go through an iteration together.
  struct Group: Sendable {
    var rows: Range<Int>
    /// Decode steps planned.
    var steps = 0
    var isInFlight = false
  }

  /// Slots of the rows.
  var slots: [Int] = []
  /// Columns of the prefill: the longest prompt.
  var width = 0
  var longestOutput = 0
  /// First rows of the batch that were fed their prompts, and that have their first token.
  var fed = 0
  var prefilled = 0
  /// Groups of the decode; empty before.
  var groups: [Group] = []

  /// KV slots of a row when `prompt` columns and `output` tokens are in.
  static func capacity(width: Int, output: Int) -> Int { width + output - 1 }

  /// KV slots of a row that hold padding.
  func padding(of length: Int) -> Range<Int> { length == width ? 0..<0 : length..<width }

  var isDone: Bool {
    prefilled == slots.count
      && groups.allSatisfy { !$0.isInFlight && $0.steps == longestOutput - 1 }
  }

  /// Rows cut into at most `count` groups of nearly equal size.
  mutating func startDecode(groups count: Int) {
    groups = BatchPlan.groups(of: slots.count, into: count).map { Group(rows: $0) }
  }
}
