import Scheduling

extension JobFile {
  /// What computes: the section `backend`.
  static func backend(
    _ job: inout JobNode, _ mode: JobMode
  ) throws(RecordError) -> BackendChoice {
    guard var node = try job.child("backend") else { return BackendChoice() }
    let kind = try node.choice("kind", BackendChoice.Kind.self) ?? .cpu
    let messages = try node.choice("messages", BackendChoice.Messages.self)
    guard kind == .cuda || (messages ?? .auto) == .auto else {
      throw node.error("messages", "how messages leave a GPU's memory; it needs kind: cuda")
    }
    let choice = BackendChoice(
      kind: kind, blas: try node.text("blas") ?? "openblas",
      threads: try node.integer("threads", in: 1...4096) ?? 1, messages: messages ?? .auto,
      graphs: try graphs(&node, mode))
    try node.finish()
    return choice
  }

  private static func graphs(
    _ node: inout JobNode, _ mode: JobMode
  ) throws(RecordError) -> GraphSizes? {
    let key = "graphs"
    guard let texts = try node.texts(key)?.map(\.text), texts != ["off"] else { return nil }
    if mode == .score { throw node.error(key, "phase score has no decode steps; leave it out") }
    var sizes: [Int] = []
    for text in texts {
      guard let size = Int(text) else {
        throw node.error(
          key, "'\(text)' is no number of rows; take off, or sizes such as [1, 2, 4, 8]")
      }
      sizes.append(size)
    }
    do { return try GraphSizes(sizes) } catch { throw node.error(key, "\(error)") }
  }
}
