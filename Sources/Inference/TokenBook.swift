import Scheduling

/// Prompts and generated tokens of a batch as the first stage knows them, and the micro-batches
/// whose tokens are still on their way back.
struct TokenBook {
  private let prompts: [[Int32]]
  private(set) var generated: [[Int32]]
  private var expected: [[PlanRow]] = []
  private var received = 0

  init(_ batch: PreparedBatch) {
    prompts = batch.prompts
    generated = batch.plan.outputLengths.map {
      var tokens: [Int32] = []
      tokens.reserveCapacity($0)
      return tokens
    }
    expected.reserveCapacity(batch.steps.reduce(0) { $0 + $1.micro.count })
  }

  /// True when every real token of the rows is known. A finished row feeds padding alone.
  func canFeed(_ rows: [PlanRow]) -> Bool {
    rows.allSatisfy {
      $0.tokens == 0
        || $0.firstToken + $0.tokens <= prompts[$0.sequence].count + generated[$0.sequence].count
    }
  }

  /// One token id per slot.
  func feed(_ rows: [PlanRow], padding: Int32) -> [Int32] {
    var out: [Int32] = []
    out.reserveCapacity(rows.reduce(0) { $0 + $1.slots })
    for row in rows {
      guard row.tokens > 0 else {
        out += repeatElement(padding, count: row.slots)
        continue
      }
      let prompt = prompts[row.sequence]
      for slot in 0..<row.slots {
        guard row.real.contains(slot) else {
          out.append(padding)
          continue
        }
        let index = row.firstToken + slot - row.leading
        out.append(
          index < prompt.count ? prompt[index] : generated[row.sequence][index - prompt.count])
      }
    }
    return out
  }

  /// Notes that a micro-batch's tokens will come, in this order.
  mutating func expect(_ rows: [PlanRow]) {
    if rows.contains(where: \.samples) { expected.append(rows) }
  }

  var isExpecting: Bool { received < expected.count }

  mutating func nextExpected() -> [PlanRow]? {
    guard isExpecting else { return nil }
    defer { received += 1 }
    return expected[received]
  }

  /// Takes one token per row that samples.
  mutating func take(_ tokens: [Int32], for rows: [PlanRow]) {
    for (row, token) in zip(rows.lazy.filter(\.samples), tokens) {
      generated[row.sequence].append(token)
    }
  }
}
