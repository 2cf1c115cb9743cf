/// The program that starts ranks.
public enum RankLauncher: Hashable, Sendable {
  case openMPI(path: String)
  /// The process manager of MPICH and its relatives.
  case hydra(path: String)
  /// Slurm's own, inside an allocation.
  case srun(path: String)

  /// The launcher for this environment: srun inside a Slurm allocation, else mpirun.
  ///
  /// - Parameters:
  ///   - mpirun: the program that the user named; it wins over Slurm.
  ///   - variables: the environment.
  ///   - version: what `PROGRAM --version` prints.
  /// - Throws: `StudyError` when there is none, with the remedy.
  public static func choose(
    mpirun: String?, variables: [String: String], version: (String) -> String
  ) throws(StudyError) -> RankLauncher {
    let path = variables["PATH"]
    if mpirun == nil, variables["SLURM_JOB_ID"] != nil,
      let srun = ExecutableSearch.find("srun", path: path)
    {
      return .srun(path: srun)
    }
    guard let program = ExecutableSearch.find(mpirun ?? "mpirun", path: path) else {
      throw StudyError(
        mpirun.map { "--mpirun \($0): no such program" }
          ?? "mpirun is not in PATH; install Open MPI (Debian, Ubuntu: apt-get install "
          + "openmpi-bin) or name it with --mpirun")
    }
    return version(program).uppercased().contains("HYDRA")
      ? .hydra(path: program) : .openMPI(path: program)
  }

  public var path: String {
    switch self {
    case .openMPI(let path), .hydra(let path), .srun(let path): path
    }
  }
}

/// Everything that starting the ranks of one cell takes. A pure function of what is known
/// beforehand, so that `--dry-run` shows what `run` does.
public struct LaunchPlan: Hashable, Sendable {
  public let command: ChildCommand
  /// Variables that the launch adds to the environment.
  public let additions: [String: String]
  /// True when the ranks' threads are more than the usable cores.
  public let isOversubscribed: Bool

  /// What Open MPI moves messages of a host's ranks by, where it does not do so by itself: up to 32
  /// KiB through shared memory at once, without asking the receiver first. Its own limit of 4 KiB
  /// makes sums of a few rows of hidden states take twice as long; from 48 KiB on, gathers and
  /// messages one way are faster in one copy (docs/SPEED.md). Open MPI 5 takes the parameter's old
  /// name too.
  static let transport = ["OMPI_MCA_btl_vader_eager_limit": "32768"]

  /// - Parameters:
  ///   - ranks: processes to start.
  ///   - threads: threads of each.
  ///   - program: the rank's executable and its arguments.
  ///   - allocation: nodes over which the ranks are spread evenly, a block of ranks on each.
  ///   - variables: environment of the launcher; what the user set wins over what is added.
  public init(
    _ launcher: RankLauncher, ranks: Int, threads: Int, program: [String], host: HostFacts,
    variables: [String: String], allocation: Allocation? = nil
  ) {
    precondition(ranks > 0 && threads > 0 && !program.isEmpty, "a launch has ranks and a program")
    var added: [String: String] = [:]
    let nodes = allocation?.nodes ?? 1
    precondition(ranks % nodes == 0, "every node has as many ranks")
    var crowded = ranks / nodes * threads > host.cores
    var arguments: [String]
    switch launcher {
    case .openMPI:
      arguments = ["-np", String(ranks)]
      if nodes > 1 { arguments += ["--map-by", "ppr:\(ranks / nodes):node:PE=\(threads)"] }
      if crowded {
        arguments += ["--oversubscribe", "--bind-to", "none"]
        added["OMPI_MCA_mpi_yield_when_idle"] = "1"
      } else if threads > 1 && nodes == 1 {
        arguments += ["--map-by", "slot:PE=\(threads)", "--bind-to", "core"]
      } else {
        arguments += ["--bind-to", "core"]
      }
      added.merge(Self.transport) { $1 }
      if host.isRoot {
        added["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
        added["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
      }
    case .hydra:
      arguments = ["-n", String(ranks)]
      if !crowded { arguments += ["-bind-to", threads > 1 ? "core:\(threads)" : "core"] }
    case .srun:
      // Slurm knows the cores of the allocation; a rank tells when its host has too few. Output
      // of a pipe is buffered by srun unless it is told not to.
      crowded = false
      added.merge(Self.transport) { $1 }
      arguments = [
        "--mpi=pmix", "--unbuffered", "--kill-on-bad-exit=1", "-n", String(ranks),
        "--cpus-per-task=\(threads)",
      ]
      if allocation != nil {
        // -n alone may put three ranks on one node and one on the other.
        arguments += [
          "--nodes=\(nodes)", "--ntasks-per-node=\(ranks / nodes)", "--distribution=block:block",
        ]
      }
    }
    isOversubscribed = crowded
    additions = added.filter { variables[$0.key] == nil }
    command = ChildCommand(
      executable: launcher.path, arguments: arguments + program,
      environment: variables.merging(additions) { $1 })
  }

  /// The command as a shell takes it, with the variables that it adds.
  public var shellText: String {
    let words = [command.executable] + command.arguments
    let assignments = additions.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return (assignments + words.map(Self.quoted)).joined(separator: " ")
  }

  static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./=:,+@%".utf8.contains(byte)
      }
    }
    guard !plain || word.isEmpty else { return word }
    return "'"
      + word.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "'\\''") + "'"
  }
}
