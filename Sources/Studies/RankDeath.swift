/// A rank that a signal ended, as its launcher tells it.
public struct RankDeath: Hashable, Sendable, CustomStringConvertible {
  /// Its number in the launch; nil where the launcher does not say.
  public let rank: Int?
  public let host: String
  /// Such as `signal 9 (Killed)` or, from srun, `Killed`.
  public let signal: String
  /// The kernel, or Slurm, said that memory ran out.
  public var isOutOfMemory = false

  /// Reads a line of mpirun's (Open MPI's, prterun's too) or srun's.
  public init?(parsing line: String) {
    if let death = Self.openMPI(line) ?? Self.slurm(line) {
      self = death
    } else {
      return nil
    }
  }

  init(rank: Int?, host: String, signal: String, isOutOfMemory: Bool = false) {
    self.rank = rank
    self.host = host
    self.signal = signal
    self.isOutOfMemory = isOutOfMemory
  }

  /// `mpirun noticed that process rank 1 with PID 77 on node box exited on signal 9 (Killed).`
  private static func openMPI(_ line: String) -> RankDeath? {
    let words = line.split(separator: " ")
    guard let start = words.firstIndex(of: "noticed"), words.count > start + 13,
      words[start + 1...start + 3].elementsEqual(["that", "process", "rank"]),
      let rank = Int(words[start + 4]),
      let node = words.firstIndex(of: "node"), node + 4 < words.count,
      words[node + 2...node + 4].elementsEqual(["exited", "on", "signal"])
    else { return nil }
    var signal = words[(node + 4)...].joined(separator: " ")
    if signal.hasSuffix(".") { signal.removeLast() }
    return RankDeath(rank: rank, host: String(words[node + 1]), signal: signal)
  }

  /// `srun: error: n2: task 3: Killed`; of several tasks (`tasks 2-3,5`) the first. Not
  /// `Exited with exit code 1`, which no signal causes, nor `Terminated`, which Slurm does to the others.
  private static func slurm(_ line: String) -> RankDeath? {
    guard line.hasPrefix("srun: error: ") else { return nil }
    let parts = line.dropFirst("srun: error: ".count).split(separator: ": ").map(String.init)
    guard parts.count >= 3, parts[1].hasPrefix("task") else { return nil }
    let digits = parts[1].drop { !$0.isNumber }.prefix { $0.isNumber }
    let reason = parts[2...].joined(separator: ": ")
    guard !reason.hasPrefix("Exited"), reason != "Terminated", let rank = Int(digits) else {
      return nil
    }
    return RankDeath(
      rank: rank, host: parts[0], signal: reason, isOutOfMemory: reason == "Out Of Memory")
  }

  public var description: String {
    let who = rank.map { "rank \($0) on \(host)" } ?? "a rank on \(host)"
    if isOutOfMemory { return "\(who) ran out of memory and was killed" }
    let isKilled = signal.hasPrefix("signal 9") || signal.hasPrefix("Killed")
    let hint =
      isKilled
      ? "; if nobody sent it, memory ran out: `dmesg` on \(host) tells, and --dry-run what a rank needs"
      : ""
    return "\(who) was ended by \(signal)\(hint)"
  }
}

/// What the launcher of one cell said about ranks that died.
struct RankDeaths {
  /// The first: the launcher kills the others because of it.
  private(set) var first: RankDeath?
  private var ranOutOfMemory = false

  mutating func read(_ line: String) {
    if line.contains("oom_kill") || line.contains("oom-kill") { ranOutOfMemory = true }
    if first == nil { first = RankDeath(parsing: line) }
  }

  var text: String? {
    guard var death = first else { return nil }
    if ranOutOfMemory { death.isOutOfMemory = true }
    return death.description
  }
}
