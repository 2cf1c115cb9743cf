import Communication
import FoundationEssentials
import Records

extension ValidateCommand {
  /// Counts, shapes and sizes of messages: Xu et al., arXiv:2507.14392, Tables III, V and VI.
  func communicationPatterns() throws -> ValidationReport {
    let source = table ?? "Tables III, V and VI (built in)"
    do {
      let published = try PublishedTable(
        parsing: table.map(Self.contents) ?? PublishedTable.communicationPatterns, source: source)
      let check = try PublishedCheck(
        published, source: source, prompt: messages.prompt, generate: messages.generate,
        batch: messages.batch, activations: messages.format())
      let unlisted = check.unlisted.map { "ours, and not in the table: \($0.csv)" }
      return ValidationReport(
        name: "arXiv:2507.14392, messages of vLLM V0", source: source,
        lines: check.lines.map { .init(passed: $0.passed, text: $0.text) },
        problems: check.problems, notes: unlisted + PublishedCheck.notes)
    } catch let error as CommunicationError {
      throw RecordError("\(error)")
    }
  }

  static func contents(_ path: String) throws(RecordError) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RecordError("cannot read \(path): no such file or not readable")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
