#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension GPUContext {
  /// Ends this process because its device, or a library of it, failed in the middle of a step: one
  /// line on standard error and exit code 1. No trap, so no core and no backtrace; the launcher ends
  /// the other ranks.
  /// - Parameter what: what was asked and what was answered.
  func stop(_ what: String) -> Never {
    let rank = Self.rank.map { "rank \($0), " } ?? ""
    let line = "padtax: error: backend cuda: \(rank)GPU \(number) (\(device.name)): \(what)\n"
    // One write, so that lines of several ranks do not mix; what it answers changes nothing.
    _ = Array(line.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    // Other ranks may wait for this one: nothing of MPI's may run at exit.
    _exit(1)
  }

  /// This process's rank, as its launcher says it; nil without one.
  private static var rank: Int? {
    for name in ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"] {
      if let value = getenv(name), let rank = Int(String(cString: value)) { return rank }
    }
    return nil
  }
}
