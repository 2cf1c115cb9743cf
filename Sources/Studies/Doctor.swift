import FoundationEssentials
import Glibc

/// Looks for what a run needs, cheaply: nothing is started but `mpirun --version` and
/// `srun --mpi=list` and `padtax-rank gpus`. `DoctorTrial` starts ranks.
public struct Doctor: Sendable {
  /// One thing that a run needs or may use.
  public struct Finding: Hashable, Sendable {
    public enum State: String, Hashable, Sendable {
      case ok
      case missing
      /// There, but worse than it should be.
      case poor
      /// Not there and not needed on this machine.
      case absent
    }
    public let subject: String
    public let state: State
    /// What was found, or what to do.
    public let text: String
  }

  public let findings: [Finding]

  /// True when nothing that a run needs is missing.
  public var isHealthy: Bool { !findings.contains { $0.state == .missing } }

  public init(
    host: HostFacts, variables: [String: String], mpirun: String?,
    version: (String) -> String = Doctor.version(of:),
    gpus: (String) -> (isThere: Bool, text: String) = Doctor.gpus(of:),
    plugins: (String) -> String = { Doctor.output(of: $0, ["--mpi=list"]) },
    libraryFolders: [String] = Doctor.libraryFolders
  ) {
    var findings = [
      Finding(
        subject: "cores", state: .ok, text: "\(host.cores) usable (\(host.cpuModel))"),
      Finding(
        subject: "memory", state: .ok,
        text: "\(host.availableBytes >> 20) of \(host.memoryBytes >> 20) MiB available"),
    ]
    findings.append(Self.launcher(mpirun, variables, version))
    var cards: Finding?
    do {
      let program = try ExecutableSearch.rankProgram(variables: variables)
      let found = gpus(program)
      cards = Finding(subject: "GPU", state: found.isThere ? .ok : .absent, text: found.text)
      findings.append(Finding(subject: "padtax-rank", state: .ok, text: program))
    } catch {
      findings.append(
        Finding(subject: "padtax-rank", state: .missing, text: error.description))
    }
    // The loader looks there first.
    let named = variables["LD_LIBRARY_PATH"]?.split(separator: ":").map(String.init) ?? []
    let folders = named + libraryFolders
    findings.append(Self.library("BLAS", "libopenblas.so.0", "libopenblas0", folders))
    findings.append(Self.library("hwloc", "libhwloc.so.15", "libhwloc15", folders))
    if let cards { findings.append(cards) }
    findings.append(Self.slurm(variables, plugins))
    self.findings = findings
  }

  private static func launcher(
    _ mpirun: String?, _ variables: [String: String], _ version: (String) -> String
  ) -> Finding {
    guard let path = ExecutableSearch.find(mpirun ?? "mpirun", path: variables["PATH"]) else {
      return Finding(
        subject: "mpirun", state: .missing,
        text: "not in PATH; Debian, Ubuntu: apt-get install openmpi-bin libopenmpi-dev")
    }
    let text = version(path).split(separator: "\n").first.map(String.init) ?? "no version"
    return Finding(subject: "mpirun", state: .ok, text: "\(path): \(text)")
  }

  private static func library(
    _ subject: String, _ file: String, _ package: String, _ folders: [String]
  ) -> Finding {
    let path = folders.map { "\($0)/\(file)" }.first {
      FileManager.default.fileExists(atPath: $0)
    }
    guard let path else {
      return Finding(
        subject: subject, state: .missing,
        text: "no \(file) in the system's folders; Debian, Ubuntu: apt-get install \(package)")
    }
    return Finding(subject: subject, state: .ok, text: path)
  }

  private static func slurm(
    _ variables: [String: String], _ plugins: (String) -> String
  ) -> Finding {
    guard let path = ExecutableSearch.find("srun", path: variables["PATH"]) else {
      return Finding(
        subject: "Slurm", state: .absent, text: "no srun; only needed for runs on a cluster")
    }
    let job = variables["SLURM_JOB_ID"].map { "inside allocation \($0)" } ?? "no allocation"
    let list = plugins(path)
    if let reason = list.split(separator: "\n").first(where: { $0.hasPrefix("srun: fatal: ") }) {
      return Finding(
        subject: "Slurm", state: .absent,
        text: "\(path), which finds no cluster here (\(reason)); only needed for runs on one")
    }
    guard list.contains("pmi") else {
      return Finding(
        subject: "Slurm", state: .poor,
        text:
          "\(path), \(job); --mpi=list shows no pmix and no pmi2: run with --mpirun mpirun inside "
          + "allocations, or have Slurm's PMIx plugin installed")
    }
    return Finding(subject: "Slurm", state: .ok, text: "\(path), \(job)")
  }

  /// Folders in which Linux distributions keep shared libraries.
  public static var libraryFolders: [String] {
    let machine = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
    let parents = ["/usr/local/lib", "/usr/lib", "/lib"]
    return parents + ["/usr/lib64", "/lib64"]
      + parents.flatMap { parent in machine.map { "\(parent)/\($0)" } }
  }

  /// What `PROGRAM --version` prints; empty when it cannot be started.
  public static func version(of program: String) -> String { output(of: program, ["--version"]) }

  /// The cards that a rank program can compute on, or what it lacks for that.
  public static func gpus(of program: String) -> (isThere: Bool, text: String) {
    let (status, lines) = run(program, ["gpus"])
    if status == .exited(0), !lines.isEmpty { return (true, lines.joined(separator: "; ")) }
    let reason = lines.first.map { $0.replacing("padtax: error: ", with: "") }
    return (false, "only needed for backend.kind: cuda; \(reason ?? "no answer from \(program)")")
  }

  /// What a program prints on both outputs; empty when it cannot be started.
  public static func output(of program: String, _ arguments: [String]) -> String {
    run(program, arguments).lines.joined(separator: "\n")
  }

  /// How a program ends and what it prints; nothing when it cannot be started.
  private static func run(
    _ program: String, _ arguments: [String]
  ) -> (status: ChildStatus?, lines: [String]) {
    let command = ChildCommand(
      executable: program, arguments: arguments,
      environment: ProcessInfo.processInfo.environment)
    guard let child = try? ChildProcess(command) else { return (nil, []) }
    var lines: [String] = []
    let status = child.wait(signals: nil) { line in
      switch line {
      case .output(let text), .error(let text): lines.append(text)
      }
    }
    return (status, lines)
  }
}
