/// Something that keeps a study from starting or going on, with the exit code that it means.
public struct StudyError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public let exitCode: ExitCode

  public init(_ description: String, _ exitCode: ExitCode = .badInput) {
    self.description = description
    self.exitCode = exitCode
  }
}

/// Exit codes of padtax and of its ranks.
public enum ExitCode: Int32, Hashable, Sendable, CaseIterable {
  case fine = 0
  /// The job failed.
  case failed = 1
  /// Usage or bad input; nothing was started.
  case badInput = 2
  /// A gate, such as a verification, was not passed.
  case gateFailed = 3
  /// A rank was ended because another one failed.
  case abortedByPeer = 4
  /// Stopped by a signal before it was finished; `run --resume` goes on.
  case stopped = 5

  /// The code of a study whose cells ended with `codes`: bad input only when every cell was refused
  /// for it, 5 when a signal stopped it, 4 when a rank aborted the others, else 1.
  public static func combined(_ codes: [ExitCode]) -> ExitCode {
    let failures = codes.filter { $0 != .fine }
    if failures.isEmpty { return .fine }
    if failures.count == codes.count, failures.allSatisfy({ $0 == .badInput }) { return .badInput }
    if failures.contains(.stopped) { return .stopped }
    return failures.contains(.abortedByPeer) ? .abortedByPeer : .failed
  }
}
