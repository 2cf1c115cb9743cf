/// Slurm's submission program.
public struct Sbatch: Sendable {
  private let path: String
  private let variables: [String: String]

  /// - Throws: `StudyError` when this machine has no sbatch.
  public init(variables: [String: String]) throws(StudyError) {
    guard let path = ExecutableSearch.find("sbatch", path: variables["PATH"]) else {
      throw StudyError(
        "sbatch is not in PATH; this works on a machine that submits to Slurm. Leave --submit and "
          + "--check out to make the scripts only")
    }
    self.path = path
    self.variables = variables
  }

  /// The exit code and what was printed, in one line.
  public func run(_ arguments: [String]) throws(StudyError) -> (code: Int32, text: String) {
    var lines: [String] = []
    let child = try ChildProcess(
      ChildCommand(executable: path, arguments: arguments, environment: variables))
    let status = child.wait(signals: nil) { line in
      switch line {
      case .output(let text), .error(let text): lines.append(text)
      }
    }
    let text = lines.filter { !$0.isEmpty }.joined(separator: "; ")
    switch status {
    case .exited(let code): return (code, text)
    case .killed(let signal): return (128 + signal, text)
    }
  }

  /// Submits and returns the job's number.
  /// - Throws: `StudyError` with what Slurm said.
  public func submit(_ arguments: [String]) throws(StudyError) -> String {
    let answer = try run(["--parsable"] + arguments)
    // `number` or `number;cluster`, behind warnings if there are any.
    let last = answer.text.split(separator: " ").last ?? ""
    let number = String(last.prefix { $0.isNumber })
    guard answer.code == 0, !number.isEmpty else {
      throw StudyError(
        "sbatch \(arguments.joined(separator: " ")): code \(answer.code): \(answer.text)")
    }
    return number
  }
}
