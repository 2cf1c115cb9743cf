import Hardware
import Scheduling

/// What kernels depend on of a micro-batch: its slots, and the rows that attend alike.
struct MicroShape: Hashable, Sendable {
  var slots = 0
  var rows = 0
  /// Rows that pass the head.
  var headRows = 0
  /// Rows of several new slots.
  var prefill: [AttentionSpan] = []
  /// Rows of one new slot after others.
  var decode: [AttentionSpan] = []
  var isBidirectional = false

  init() {}

  init(_ micro: MicroBatch, phase: Phase) {
    for row in micro.rows {
      slots += row.slots
      if row.samples { headRows += 1 }
      isBidirectional = isBidirectional || row.isBidirectional
      add(count: 1, queries: row.slots, context: row.context, isDecode: phase == .decode)
    }
    rows = micro.rows.count
    if phase == .score { headRows = slots }
  }

  /// Adds rows of one shape; neighbours that attend alike become one span.
  mutating func add(count: Int, queries: Int, context: Int, isDecode: Bool = false) {
    guard queries > 0 else { return }
    // A row that fills up a graph's size sees itself alone.
    if queries == 1, context > 0 || isDecode {
      Self.append(count, queries, context, to: &decode)
    } else {
      Self.append(count, queries, context, to: &prefill)
    }
  }

  private static func append(
    _ count: Int, _ queries: Int, _ context: Int, to spans: inout [AttentionSpan]
  ) {
    let last = spans.count - 1
    if last >= 0, spans[last].queries == queries, spans[last].context == context {
      spans[last].count += count
    } else {
      spans.append(AttentionSpan(count: count, queries: queries, context: context))
    }
  }
}
