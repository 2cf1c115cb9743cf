import Models
import Scheduling

/// The clocks of a replica's stages while they walk a plan.
struct TimelineWalk {
  private let deployment: Deployment
  private let replica: Int
  private var timeline: PlanTimeline
  private var clocks: [Double]
  /// When the link to the next stage, and that of the last stage to the first, is free again.
  private var linkFree: [Double]
  /// When messages with tokens arrive at the first stage, in order, and how many it has taken.
  private var returns: [Double] = []
  private var taken = 0
  private var isDecoding = false

  init(_ deployment: Deployment, replica: Int) {
    self.deployment = deployment
    self.replica = replica
    let stages = deployment.layout.pipeline
    timeline = PlanTimeline(stages: stages)
    clocks = Array(repeating: 0, count: stages)
    linkFree = clocks
  }

  /// Makes the first stage wait for all others.
  mutating func synchronise() { clocks[0] = clocks.max() ?? 0 }

  /// When the first stage is free again.
  var now: Double { clocks[0] }

  /// Lets the first stage rest until then.
  mutating func rest(until time: Double) { clocks[0] = max(clocks[0], time) }

  /// When the tokens of the micro-batch that was added last, if it returned any, are on the first stage.
  var tokensReturned: Double { returns.last ?? clocks[0] }

  /// Passes the next micro-batch through all stages.
  /// - Parameters:
  ///   - traffic: what it sends and waits for, by stage.
  ///   - compute: its kernels, by stage.
  mutating func add(
    phase: Phase, hostSeconds: Double, traffic: (Int) -> StageTraffic.Micro,
    compute: (Int) -> KernelPricing.Cost
  ) {
    let first = traffic(0)
    take(first.awaited)
    if phase == .decode, !isDecoding {
      isDecoding = true
      timeline.batchTTFT = clocks[0]
    }
    clocks[0] += hostSeconds
    account(0) { $0.overhead += hostSeconds }
    var arrival = 0.0
    var sent = 0.0
    let last = clocks.count - 1
    for stage in clocks.indices {
      if stage > 0 { wait(stage, until: arrival, sent: sent) }
      let micro = stage == 0 ? first : traffic(stage)
      work(stage, micro, compute(stage))
      if stage < last {
        sent = clocks[stage]
        arrival = send(micro.passed, from: stage, to: stage + 1)
      } else if micro.returned > 0 {
        returns.append(send([micro.returned], from: last, to: 0))
      }
    }
  }

  /// Takes what is still on its way.
  /// - Parameter awaited: messages with tokens.
  consuming func finish(awaited: Int) -> PlanTimeline {
    take(awaited)
    if !isDecoding { timeline.batchTTFT = clocks[0] }
    timeline.total = clocks[0]
    // Sends do not block, so the last stage's end counts where no token returns (an encoder's head).
    if let last = clocks.max(), returns.isEmpty, last > timeline.total {
      timeline.total = last
      if !isDecoding { timeline.batchTTFT = last }
    }
    return timeline
  }

  private mutating func account(_ stage: Int, _ change: (inout PlanTimeline.Account) -> Void) {
    if isDecoding { change(&timeline.decode[stage]) } else { change(&timeline.prefill[stage]) }
  }

  private mutating func work(
    _ stage: Int, _ micro: StageTraffic.Micro, _ cost: KernelPricing.Cost
  ) {
    let overheads = deployment.hardware.overheads
    let overhead =
      overheads.perKernel * Double(cost.kernels)
      + overheads.perCollective * Double(micro.collectiveCount)
    let hidden = min(deployment.settings.overlap * micro.collectives, cost.seconds)
    let collectives = micro.collectives - hidden
    clocks[stage] += cost.seconds + overhead + collectives
    account(stage) {
      $0.kernels += cost.seconds
      $0.overhead += overhead
      $0.collectives += collectives
    }
  }

  /// Waits for activations; what they travel while the stage waits is transfer.
  private mutating func wait(_ stage: Int, until arrival: Double, sent: Double) {
    guard arrival > clocks[stage] else { return }
    let transfer = arrival - max(clocks[stage], sent)
    account(stage) { $0.transfers += transfer }
    clocks[stage] = arrival
  }

  private mutating func take(_ count: Int) {
    for _ in 0..<count {
      precondition(taken < returns.count, "a token is taken after it was sent")
      clocks[0] = max(clocks[0], returns[taken])
      taken += 1
    }
  }

  /// When messages that follow each other over one link have all arrived.
  private mutating func send(_ messages: [Int], from: Int, to: Int) -> Double {
    let layout = deployment.layout
    let ranks = [from, to].map {
      layout.rank(of: .init(tensor: 0, stage: $0, replica: replica))
    }
    var arrival = clocks[from]
    for bytes in messages {
      let price = deployment.prices.message(bytes: bytes, from: ranks[0], to: ranks[1])
      let start = max(clocks[from], linkFree[from])
      linkFree[from] = start + price.occupied
      arrival = start + price.travel
    }
    return arrival
  }
}
