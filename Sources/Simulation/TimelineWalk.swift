import Models
import Scheduling

/// The clocks of a replica's stages while they walk a plan.
struct TimelineWalk {
  private let deployment: Deployment
  private let replica: Int
  private let traffic: [StageTraffic]
  private var timeline: PlanTimeline
  private var clocks: [Double]
  /// When the link to the next stage, and that of the last stage to the first, is free again.
  private var linkFree: [Double]
  /// When messages with tokens arrive at the first stage, in order, and how many it has taken.
  private var returns: [Double] = []
  private var taken = 0
  private var isDecoding = false

  init(_ deployment: Deployment, replica: Int, traffic: [StageTraffic]) {
    self.deployment = deployment
    self.replica = replica
    self.traffic = traffic
    timeline = PlanTimeline(stages: traffic.count)
    clocks = Array(repeating: 0, count: traffic.count)
    linkFree = clocks
  }

  /// Makes the first stage wait for all others.
  mutating func synchronise() { clocks[0] = clocks.max() ?? 0 }

  /// Passes the next micro-batch through all stages.
  mutating func add(
    _ index: Int, phase: Phase, hostSeconds: Double,
    compute: (Int) -> KernelPricing.Cost
  ) {
    take(traffic[0].micros[index].awaited)
    if phase == .decode, !isDecoding {
      isDecoding = true
      timeline.batchTTFT = clocks[0]
    }
    clocks[0] += hostSeconds
    account(0) { $0.overhead += hostSeconds }
    var arrival = 0.0
    var sent = 0.0
    for stage in traffic.indices {
      if stage > 0 { wait(stage, until: arrival, sent: sent) }
      work(stage, traffic[stage].micros[index], compute(stage))
      if stage + 1 < traffic.count {
        sent = clocks[stage]
        arrival = send(traffic[stage].micros[index].passed, from: stage, to: stage + 1)
      }
    }
    let last = traffic.count - 1
    let returned = traffic[last].micros[index].returned
    if returned > 0 { returns.append(send([returned], from: last, to: 0)) }
  }

  /// Takes what is still on its way.
  consuming func finish() -> PlanTimeline {
    take(traffic[0].micros.last?.awaited ?? 0)
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
