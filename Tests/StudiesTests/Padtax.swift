import FoundationEssentials
import Glibc
import Studies

/// The built executable.
enum Padtax {
  struct Result {
    var code: Int32
    var output: [String] = []
    var errors: [String] = []
  }

  static func start(
    _ arguments: [String], in folder: TestFolder, tick: (ChildProcess) -> Void = { _ in }
  ) throws -> Result {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = RelativePath.folder(of: own) + "/padtax"
    var variables = ProcessInfo.processInfo.environment
    variables["PADTAX_RANK"] = folder.path + "/padtax-rank"
    variables["SLURM_JOB_ID"] = nil
    let line = ["cd", folder.path, "&&", "exec", program] + arguments
    let child = try ChildProcess(
      ChildCommand(
        executable: "/bin/sh", arguments: ["-c", line.joined(separator: " ")],
        environment: variables))
    var result = Result(code: -1)
    let status = child.wait(
      signals: nil, tick: { tick(child) },
      line: { line in
        switch line {
        case .output(let text): result.output.append(text)
        case .error(let text): result.errors.append(text)
        }
      })
    if case .exited(let code) = status { result.code = code }
    return result
  }
}
