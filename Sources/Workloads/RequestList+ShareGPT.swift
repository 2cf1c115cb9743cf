import JSONReading

extension RequestList {
  /// Reads prompt and answer lengths of conversations, in one of two layouts.
  ///
  /// `{"source", "prompt_tokens", "answer_tokens"}`: request i has prompt_tokens[i] and
  /// answer_tokens[i]. A list of objects: each has a length under one of the names of
  /// `Conversation`, such as `[{"prompt_len": 34, "output_len": 210}, {"token_length": 5}]`. ShareGPT
  /// has conversations that open with an empty turn; by default they are dropped and counted.
  public static func shareGPT(
    contentsOf path: String, limits: LengthLimits = LengthLimits(empty: .drop)
  ) throws(WorkloadError) -> RequestList {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    return try shareGPT(json: bytes, path: path, limits: limits)
  }

  /// The same from the file's bytes; `path` is for messages.
  public static func shareGPT(
    json: [UInt8], path: String, limits: LengthLimits = LengthLimits(empty: .drop)
  ) throws(WorkloadError) -> RequestList {
    let document = JSONDocument(bytes: json, path: path)
    if json.first(where: { ![9, 10, 13, 32].contains($0) }) == UInt8(ascii: "[") {
      return try conversations(document, limits: limits)
    }
    let file: ShareGPTFile
    do { file = try document.decode(ShareGPTFile.self) } catch { throw WorkloadError(error) }
    guard file.promptTokens.count == file.answerTokens.count else {
      throw WorkloadError(
        file: path, line: document.line(of: [.key("answer_tokens")]),
        "\(file.promptTokens.count) prompt_tokens but \(file.answerTokens.count) answer_tokens")
    }
    var collector = try RequestCollector(limits: limits)
    for (index, lengths) in zip(file.promptTokens, file.answerTokens).enumerated() {
      let (prompt, answer) = (lengths.0.value, lengths.1.value)
      if let reason = try collector.add(id: index, prompt: prompt, output: answer) {
        let key =
          Request.problem(prompt: prompt) == nil && reason.hasPrefix("an output")
          ? "answer_tokens" : "prompt_tokens"
        throw WorkloadError(
          file: path, line: document.line(of: [.key(key), .index(index)]),
          "\(key)[\(index)]: \(reason)")
      }
    }
    return try collector.list(source: file.source, file: path)
  }

  private static func conversations(
    _ document: JSONDocument, limits: LengthLimits
  ) throws(WorkloadError) -> RequestList {
    let path = document.path
    let entries: [Conversation]
    do { entries = try document.decode([Conversation].self) } catch { throw WorkloadError(error) }
    var collector = try RequestCollector(limits: limits)
    for (index, entry) in entries.enumerated() {
      let reason = try collector.add(
        id: index, prompt: entry.promptLength, output: entry.outputLength)
      guard let reason else { continue }
      let isOutput = reason.hasPrefix("an output")
      let name = (isOutput ? entry.outputName : nil) ?? entry.promptName
      let place: [JSONStep] = [.index(index), .key(name)]
      throw WorkloadError(document.problem(at: place, "\(JSONDocument.name(place)): \(reason)"))
    }
    guard !entries.isEmpty else { throw WorkloadError(file: path, line: 1, "has no entries") }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return try collector.list(source: "conversations \(name)", file: path)
  }
}

private struct ShareGPTFile: Decodable {
  var source: String
  var promptTokens: [JSONInteger]
  var answerTokens: [JSONInteger]

  enum CodingKeys: String, CodingKey {
    case source
    case promptTokens = "prompt_tokens"
    case answerTokens = "answer_tokens"
  }
}
