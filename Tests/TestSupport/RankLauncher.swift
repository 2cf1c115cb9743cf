import Glibc

/// Finds built executables and starts them under mpirun.
///
/// `PADTAX_MPIRUN` names another launcher; Open MPI's and MPICH's are known.
public enum RankLauncher {
  /// The path of an executable product, beside the running test bundle.
  public static func executable(_ name: String) throws(ProcessError) -> String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    guard length > 0 else { throw ProcessError(description: "cannot read /proc/self/exe") }
    let own = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = own.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let path = (folder + [Substring(name)]).joined(separator: "/")
    guard access(path, X_OK) == 0 else {
      throw ProcessError(
        description: "no executable \(path): the test target must depend on \(name)")
    }
    return path
  }

  /// Why ranks cannot be started here; nil if they can.
  public static let unavailableReason: String? = {
    do throws(ProcessError) {
      let answer = try runProcess([launcher, "--version"], environment: rootConsent, timeLimit: 20)
      return answer.exitCode == 0 ? nil : "\(launcher) --version: \(answer.summary)"
    } catch {
      return error.description
    }
  }()

  /// Runs an executable on `ranks` ranks; the time limit covers everything.
  public static func run(
    ranks: Int, _ executable: String, _ arguments: [String] = [],
    environment: [String: String] = [:], timeLimit: Double = 60
  ) throws(ProcessError) -> ProcessOutput {
    var all = rootConsent
    if ranks > processors {
      // Ranks that wait must leave the core to those that work.
      all["OMPI_MCA_mpi_yield_when_idle"] = "1"
    }
    all.merge(environment) { _, given in given }
    let command = [launcher, "-np", String(ranks)] + (isOpenMPI ? ["--oversubscribe"] : [])
    return try runProcess(
      command + [executable] + arguments, environment: all, timeLimit: timeLimit)
  }

  /// Open MPI refuses to run as root unless told twice; harmless for others.
  static let rootConsent = [
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
  ]

  static let launcher = environmentValue("PADTAX_MPIRUN") ?? "mpirun"

  static let isOpenMPI: Bool = {
    guard
      let answer = try? runProcess(
        [launcher, "--version"], environment: rootConsent, timeLimit: 20)
    else { return true }
    return answer.standardOutput.contains("Open MPI")
  }()

  /// Processors of this machine.
  static let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
}

func environmentValue(_ name: String) -> String? {
  guard let text = getenv(name) else { return nil }
  let value = String(cString: text)
  return value.isEmpty ? nil : value
}
