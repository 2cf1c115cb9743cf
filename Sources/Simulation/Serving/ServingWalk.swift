import Hardware
import Scheduling
import Serving

/// Serves a session's requests on a deployment in virtual time: the plans that its scheduler makes go
/// through the pipeline one behind another, each priced as one packed micro-batch.
///
/// Time passes as on the engine's ranks (`Inference/ServingLoop`). The coordinator is the first stage:
/// it makes a plan, does its part and looks again. Up to as many plans as stages are under way; while the
/// oldest is awaited, an arrival starts another where a place is free. Decode tokens and prompt
/// chunks attend by their own contexts, everything else goes by the slots of all together.
public struct ServingWalk {
  public let deployment: Deployment
  private var pricing: MicroPricing

  public init(_ deployment: Deployment) throws(SimulationError) {
    self.deployment = deployment
    pricing = try MicroPricing(deployment)
  }

  /// How trustworthy the least trustworthy kernel so far is.
  public var basis: KernelTime.Basis { pricing.basis }

  private struct Flight {
    let plan: IterationPlan
    /// When its tokens are there.
    let end: Double
  }

  /// Runs until every request is answered or refused.
  /// - Throws: `SimulationError` where a kernel has no price.
  public mutating func run(_ session: inout ServingSession) throws(SimulationError) {
    var walk = TimelineWalk(deployment, replica: 0)
    var flights: [Flight] = []
    while true {
      let step = try SimulationError.wrap { try session.next(now: walk.now) }
      switch step {
      case .run(let plan, _):
        flights.append(Flight(plan: plan, end: try pass(plan, &walk)))
        if deployment.layout.pipeline > 1 { continue }
      case .wait(let until):
        let isFull = flights.count == session.scheduler.limits.iterationsInFlight
        if let until, flights.first.map({ !isFull && until < $0.end }) ?? true {
          walk.rest(until: until)
          continue
        }
      case .done: return
      }
      precondition(!flights.isEmpty, "something runs while nobody is to come")
      let flight = flights.removeFirst()
      walk.rest(until: flight.end)
      session.complete(flight.plan.id, sampled: Self.tokens(of: flight.plan), now: walk.now)
    }
  }

  /// Sends a plan through all stages; says when its tokens are on the first.
  private mutating func pass(
    _ plan: IterationPlan, _ walk: inout TimelineWalk
  ) throws(SimulationError) -> Double {
    let shape = MicroShape(plan.microBatch, phase: plan.phase)
    let price: MicroPricing.Price
    do { price = try pricing.price(shape) } catch {
      throw SimulationError(.configuration, "\(error)")
    }
    let overheads = deployment.hardware.overheads
    walk.add(
      phase: .prefill,
      hostSeconds: overheads.step + overheads.perSequence * Double(plan.requestItems.count)
    ) {
      price.traffic[$0]
    } compute: {
      price.compute(deployment, stage: $0)
    }
    return shape.headRows > 0 ? walk.tokensReturned : walk.now
  }

  /// In place of what a model would say: a token for each request that samples, so that plans are
  /// as long as the engine's.
  private static func tokens(of plan: IterationPlan) -> [Int: Int32] {
    guard !plan.tokens.isEmpty else { return [:] }
    var sampled: [Int: Int32] = [:]
    for item in plan.items where item.samples { sampled[item.request] = 0 }
    return sampled
  }
}
