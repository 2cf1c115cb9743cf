import Models
import Scheduling
import Units

extension Advice {
  /// Prices every layout of the devices under every policy.
  /// - Throws: `SimulationError` where the question makes no sense; a configuration that does not fit is a
  ///   loser instead.
  public init(_ question: Question) throws(SimulationError) {
    guard question.devices >= 1, !question.lengths.isEmpty, !question.policies.isEmpty else {
      throw SimulationError(.configuration, "advice needs a device, a request and a policy")
    }
    var choices: [Choice] = []
    var losers: [Loser] = []
    for layout in Self.layouts(devices: question.devices, model: question.model) {
      let requests = question.service?.requests ?? question.lengths.count
      guard requests >= layout.data else {
        losers.append(
          .init(name: "\(layout)", reason: "\(requests) requests leave a replica without one"))
        continue
      }
      let deployment = try Deployment(
        model: question.model, layout: layout, hardware: question.hardware,
        network: question.network, settings: question.settings)
      func add(_ name: String, _ choice: () throws(SimulationError) -> Choice)
        throws(SimulationError)
      {
        do { choices.append(try choice()) } catch {
          guard error.kind == .memory else { throw error }
          losers.append(.init(name: name, reason: error.description))
        }
      }
      if let service = question.service {
        for system in service.systems {
          try add("\(layout) \(system)") { () throws(SimulationError) in
            try service.choice(system, question, deployment)
          }
        }
        continue
      }
      var estimator = try StaticEstimator(deployment)
      for policy in question.policies {
        for micro in layout.pipeline > 1 ? question.microBatches : [1] {
          let name = "\(layout) \(policy)" + (micro > 1 ? " in \(micro) micro-batches" : "")
          try add(name) { () throws(SimulationError) in
            try Self.choice(question, policy, micro, deployment, &estimator)
          }
        }
      }
    }
    let goal = question.goal
    // Of equals the policy that was named first, and the least complicated layout.
    let methods =
      question.service?.systems.map(\.description) ?? question.policies.map(\.description)
    func place(_ choice: Choice) -> Int { methods.firstIndex(of: choice.method) ?? 0 }
    choices.sort {
      ($0.rank(goal), place($0), $0.layout.pipeline, $0.microBatches, $0.name)
        < ($1.rank(goal), place($1), $1.layout.pipeline, $1.microBatches, $1.name)
    }
    var ranked: [Choice] = []
    var ties: [Loser] = []
    for choice in choices {
      if let miss = question.limits.miss(choice) {
        losers.append(.init(name: choice.name, reason: miss))
      } else if let other = ranked.first(where: { $0.isTied(with: choice) }) {
        ties.append(.init(name: choice.name, reason: "the same figures as \(other.name)"))
      } else {
        ranked.append(choice)
      }
    }
    let front = ranked.filter { choice in !ranked.contains { $0.dominates(choice) } }
    for choice in ranked {
      guard let winner = front.first(where: { $0.dominates(choice) }) else { continue }
      losers.append(.init(name: choice.name, reason: Self.comparison(choice, winner)))
    }
    self.ranked = ranked
    self.front = front
    self.losers = losers + ties
  }

  /// Every layout of exactly so many devices that the model can be divided by.
  static func layouts(devices: Int, model: ModelConfiguration) -> [ParallelLayout] {
    var layouts: [ParallelLayout] = []
    for tensor in 1...devices where devices % tensor == 0 {
      for pipeline in 1...(devices / tensor) where devices / tensor % pipeline == 0 {
        guard
          let layout = try? ParallelLayout(
            tensor: tensor, pipeline: pipeline, data: devices / tensor / pipeline),
          (try? layout.validate(for: model)) != nil
        else { continue }
        layouts.append(layout)
      }
    }
    return layouts
  }

  private static func choice(
    _ question: Question, _ policy: Policy, _ micro: Int, _ deployment: Deployment,
    _ estimator: inout StaticEstimator
  ) throws(SimulationError) -> Choice {
    var (ttft, latency, tpot, memory) = (0.0, 0.0, 0.0, 0.0)
    for replica in 0..<deployment.layout.data {
      let part = ShardPlan.split(
        question.lengths.count, into: deployment.layout.data, part: replica)
      let batch = try StaticBatch(
        lengths: Array(question.lengths[part]), policy: policy, generate: question.generate,
        microBatches: micro)
      let plan = estimator.memory(batch)
      try plan.check()
      let estimate = try estimator.estimate(batch)
      ttft = max(ttft, estimate.batchTTFT)
      latency = max(latency, estimate.total)
      tpot = max(tpot, estimate.tpot ?? 0)
      memory = max(memory, plan.stages[plan.fullest].total)
    }
    return Choice(
      layout: deployment.layout, method: "\(policy)", microBatches: micro, ttft: ttft,
      tpot: question.generate > 1 ? tpot : nil, latency: latency,
      outputRate: Double(question.lengths.count * question.generate) / latency, memory: memory)
  }

  private static func comparison(_ choice: Choice, _ winner: Choice) -> String {
    var parts = ["TTFT \((choice.ttft / winner.ttft).fixed(2)) times"]
    if let own = choice.tpot, let other = winner.tpot {
      parts.append("TPOT \((own / other).fixed(2)) times")
    }
    parts.append("output \((choice.outputRate / winner.outputRate).fixed(2)) times")
    return "\(parts.joined(separator: ", ")) that of \(winner.name)"
  }
}

extension Advice.Choice {
  /// Less is better.
  func rank(_ goal: Advice.Goal) -> Double {
    switch goal {
    case .throughput: -outputRate
    case .ttft: ttft
    case .tpot: tpot ?? ttft
    }
  }
}

extension Advice.Limits {
  /// The first objective that a choice misses, in words.
  func miss(_ choice: Advice.Choice) -> String? {
    for (name, value, limit) in [
      ("TTFT", choice.ttft, ttft), ("TPOT", choice.tpot ?? 0, tpot),
      ("latency", choice.latency, latency),
    ] {
      guard let limit, value > limit else { continue }
      return
        "\(name) \((value * 1000).significant(4)) ms misses \((limit * 1000).significant(4)) ms"
    }
    return nil
  }
}
