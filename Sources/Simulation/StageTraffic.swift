import Communication
import Costs
import Networks
import Scheduling

/// What one stage sends and waits for, micro-batch by micro-batch, priced: told from the list of
/// operations that Communication gives for its tensor rank 0.
struct StageTraffic {
  /// Of one micro-batch.
  struct Micro {
    /// Seconds and number of collectives among the stage's ranks.
    var collectives = 0.0
    var collectiveCount = 0
    /// Bytes of each message to the next stage, and of tokens or losses to the first.
    var passed: [Int] = []
    var returned = 0
    /// Messages with tokens that the first stage takes before it works on the micro-batch.
    var awaited = 0
  }

  /// One for each micro-batch, and one for what comes after the last.
  let micros: [Micro]

  init(_ micros: [Micro]) { self.micros = micros }

  /// - Parameter collective: seconds of a collective among the stage's ranks.
  init(
    _ traffic: TrafficModel, plan: BatchPlan, stage: Int, count: Int,
    collective: (CollectiveKind, Int) -> Double
  ) {
    var micros = [Micro](repeating: Micro(), count: count + 1)
    let rank = traffic.layout.rank(of: .init(tensor: 0, stage: stage, replica: 0))
    traffic.walkMicroBatches(plan, rank: rank) { operation, index in
      switch operation.kind {
      case .send:
        if operation.purpose == .activations {
          micros[index].passed.append(operation.bytes)
        } else {
          micros[index].returned += operation.bytes
        }
      case .receive:
        if operation.purpose != .activations { micros[index].awaited += 1 }
      case .allReduce, .reduceScatter, .allGather, .gather, .broadcast:
        guard let kind = operation.kind.collective else { return }
        micros[index].collectives += collective(kind, operation.bytes)
        micros[index].collectiveCount += 1
      }
    }
    self.micros = micros
  }
}

extension OperationKind {
  /// The collective as networks know it; nil for messages.
  var collective: CollectiveKind? {
    switch self {
    case .allReduce: .allReduce
    case .reduceScatter: .reduceScatter
    case .allGather: .allGather
    case .gather: .gather
    case .broadcast: .broadcast
    case .send, .receive: nil
    }
  }
}
