import JSONReading

extension BatchFile {
  /// The file's bytes: one batch a line, keys in a fixed order, so that equal files are equal bytes.
  ///
  /// `outputs` and `tokens` are written for batches whose every request has them, `target` where
  /// there is one. Request ids and arrivals are not stored.
  public func encoded() -> [UInt8] {
    var text = "{\"schema\": \"\(Self.schema)\", \"version\": \(Self.version),\n"
    text += " \"source\": \(JSONLiteral.string(source)),\n \"batches\": [\n"
    text += batches.map { "  \(Self.line($0))" }.joined(separator: ",\n")
    text += "\n]}\n"
    return Array(text.utf8)
  }

  private static func line(_ batch: Batch) -> String {
    var text = "{\"id\": \(batch.id), \"lengths\": \(list(batch.lengths))"
    let outputs = batch.requests.compactMap(\.outputLength)
    if outputs.count == batch.count { text += ", \"outputs\": \(list(outputs))" }
    let tokens = batch.requests.compactMap(\.tokens)
    if tokens.count == batch.count {
      text += ", \"tokens\": [\(tokens.map { list($0) }.joined(separator: ", "))]"
    }
    if let target = batch.target {
      text += ", \"target\": {\"pad_ratio\": \(target.padRatio), "
      text += "\"\(target.spread.measure.rawValue)\": \(target.spread.value)}"
    }
    return text + "}"
  }

  private static func list(_ numbers: [some BinaryInteger]) -> String {
    "[" + numbers.map { "\($0)" }.joined(separator: ", ") + "]"
  }
}
