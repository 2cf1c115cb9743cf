import Hardware
import Scheduling

/// When each stage of a replica does what of a plan, and where its time goes.
public struct PlanTimeline: Sendable, Hashable {
  /// Seconds of one stage in one phase. What is left of the phase is idle: waiting for other stages.
  public struct Account: Sendable, Hashable {
    public var kernels = 0.0
    /// What the engine adds to its kernels: host work and launches.
    public var overhead = 0.0
    /// Collectives that nothing hides.
    public var collectives = 0.0
    /// Activations and tokens on their way to a stage that waits for them.
    public var transfers = 0.0

    public var busy: Double { kernels + overhead + collectives + transfers }

    public static func + (a: Account, b: Account) -> Account {
      Account(
        kernels: a.kernels + b.kernels, overhead: a.overhead + b.overhead,
        collectives: a.collectives + b.collectives, transfers: a.transfers + b.transfers)
    }

    static func - (a: Account, b: Account) -> Account {
      Account(
        kernels: a.kernels - b.kernels, overhead: a.overhead - b.overhead,
        collectives: a.collectives - b.collectives, transfers: a.transfers - b.transfers)
    }
  }

  /// Seconds until every sequence has its first token; of a score pass until its end.
  public internal(set) var batchTTFT = 0.0
  /// Seconds until the last token is back at the first stage.
  public internal(set) var total = 0.0
  /// By stage.
  public internal(set) var prefill: [Account]
  public internal(set) var decode: [Account]
  /// Of the least trustworthy kernel.
  public internal(set) var basis = KernelTime.Basis.table

  /// The share of all stages' time up to the end in which they wait for each other.
  public var bubble: Double {
    let busy = zip(prefill, decode).reduce(0.0) { $0 + $1.0.busy + $1.1.busy }
    return total > 0 ? max(0, 1 - busy / (total * Double(prefill.count))) : 0
  }

  init(stages: Int) {
    prefill = Array(repeating: Account(), count: stages)
    decode = prefill
  }
}
