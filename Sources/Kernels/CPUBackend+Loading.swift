/// Large weights are loaded by several threads: what takes time is the first use of memory, and a
/// disk.
extension CPUBackend {
  /// Bytes of a weight that a thread loads at a time.
  static let loadedBytes = 1 << 20

  /// Who loads a weight of so many bytes: the threads of the rank, but two where it has one and there
  /// is more than a thread loads at a time. The second one ends with the weight.
  func team(loading bytes: Int) throws -> ThreadTeam {
    team.threads == 1 && bytes > Self.loadedBytes ? try ThreadTeam(threads: 2) : team
  }

  /// `body(rows, thread)` of ranges that make up the outputs of a weight, in whole panels.
  /// - Throws: The error of the first rows that have one.
  func load(
    _ outputs: Int, bytes: Int, by team: ThreadTeam,
    _ body: (_ rows: Range<Int>, _ thread: Int) throws -> Void
  ) throws {
    let parts = bytes / Self.loadedBytes + 1
    var results = [Result<Void, any Error>](repeating: .success(()), count: parts)
    results.withUnsafeMutableBufferPointer { results in
      team.run(parts) { part, thread in
        let rows = ThreadTeam.share(part, of: parts, in: outputs, unit: 16)
        if !rows.isEmpty { results[part] = Result { try body(rows, thread) } }
      }
    }
    for result in results { try result.get() }
  }
}
