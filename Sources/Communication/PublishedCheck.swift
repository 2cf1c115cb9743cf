import Models

/// A published table held against the rows that a model of the engine gives.
public struct PublishedCheck: Sendable {
  /// One row of the table and what we have in its place.
  public struct Line: Sendable {
    /// Line of the file.
    public let line: Int
    public let expected: PublishedRow
    /// The same operation as we count it: the equal row where there is one; none when the engine
    /// does no such operation.
    public let found: [PublishedRow]
    public var passed: Bool { found.contains { $0.isEqual(to: expected) } }

    public var text: String {
      let ours = found.map { "\($0.count),\($0.shape),\($0.messageBytes)" }
      return "\(passed ? "PASS" : "FAIL") line \(line): \(expected.csv): ours "
        + (ours.isEmpty ? "no such operation" : ours.joined(separator: " and "))
    }
  }

  public let lines: [Line]
  /// Rows of ours, for the layouts of the table, that it does not have.
  public let unlisted: [PublishedRow]
  /// Rows that cannot be judged, each with its place and what would be valid.
  public let problems: [String]
  public var passed: Bool { lines.allSatisfy(\.passed) && problems.isEmpty }

  /// - Parameter source: name of the table, for errors.
  public init(
    _ table: PublishedTable, source: String, prompt: Int = 128, generate: Int = 128,
    batch: Int = 1, activations: ElementFormat = .bfloat16
  ) {
    var known: [Place: MessageTable] = [:]
    var problems = table.problems
    var lines: [Line] = []
    for (line, row) in table.rows {
      let place = Place(model: row.model, tensor: row.tensor, pipeline: row.pipeline)
      do {
        let ours =
          if let table = known[place] { table } else {
            try MessageTable(
              .vllm(
                model: .preset(row.model),
                layout: ParallelLayout(tensor: row.tensor, pipeline: row.pipeline),
                activations: activations), prompt: prompt, generate: generate, batch: batch)
          }
        known[place] = ours
        let same = (ours.rows + ours.receives).filter { $0.isSameOperation(as: row) }
        let equal = same.filter { $0.isEqual(to: row) }
        lines.append(Line(line: line, expected: row, found: equal.isEmpty ? same : equal))
      } catch {
        problems.append("\(source):\(line): \(error)")
      }
    }
    self.lines = lines
    self.problems = problems
    unlisted = known.values.flatMap(\.rows).filter { ours in
      !table.rows.contains { $0.row.isSameOperation(as: ours) }
    }.sorted { $0.csv < $1.csv }
  }

  private struct Place: Hashable {
    var model: String
    var tensor: Int
    var pipeline: Int
  }

  /// What a reader of arXiv:2507.14392 must know to get its numbers, found by making them.
  public static let notes = [
    "Pipeline parallelism sends two tensors, not one: vLLM passes hidden state and residual between "
      + "stages (the factor 2 of Tables V and VI). With tensor parallelism inside stages each rank "
      + "sends a 1/t slice and all-gathers both tensors on arrival.",
    "128 generated tokens are 127 decode steps: the prefill gives the first one. Tables count decode "
      + "messages 127 times; a formula with 128 steps is one too many.",
    "Table VI merges ranks: its all-reduces are the first stage's (2·16 layers + the embedding = 33), "
      + "its gathers the last stage's and its all-gathers the receiving stage's; no rank does all of "
      + "them. Its sends are those of one tensor rank; t times as many cross each pair of stages. "
      + "Where stages differ, the largest count of a rank is taken here.",
    "Adding up count · message bytes mixes conventions: collectives are counted per rank, sends over "
      + "all links, and an all-reduce moves 2(t−1)/t of its bytes per rank. `padtax comm` prints "
      + "volumes by each convention apart.",
  ]
}
