import JSONReading

extension RequestList {
  /// Reads a file of prompt and answer lengths: `{"source", "prompt_tokens", "answer_tokens"}`.
  ///
  /// Request i has prompt_tokens[i] and answer_tokens[i]. ShareGPT has conversations that open with
  /// an empty turn; by default they are dropped and counted.
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
