import Glibc

extension MPIEnvironment {
  /// Where launchers of processes tell that there are others.
  private static let launched = [
    "PMIX_RANK", "PMI_RANK", "PMI_ID", "PMI_FD", "PALS_RANKID", "FLUX_TASK_RANK", "SLURM_PROCID",
  ]

  /// Whether a process with these variables is the only one of its job: no launcher started it, or
  /// Open MPI's says so.
  static func isAlone(_ variable: (String) -> String?) -> Bool {
    if let ranks = variable("OMPI_COMM_WORLD_SIZE") { return ranks == "1" }
    return launched.allSatisfy { variable($0) == nil }
  }

  /// Runs `start` with Open MPI told not to look for a fabric, if nobody can be reached by one: its
  /// Omni-Path driver waits 0.2 s for a device. What the user set stays as it is.
  static func withoutFabric(_ start: () -> CInt) -> CInt {
    let name = "OMPI_MCA_pml"
    let value = { (name: String) in getenv(name).map { String(cString: $0) } }
    guard value(name) == nil && isAlone(value) else { return start() }
    setenv(name, "^cm,ucx", 1)
    defer { unsetenv(name) }
    return start()
  }
}
