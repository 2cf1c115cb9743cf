import Communication
import MPI
import Scheduling

/// Holds the ledger of a run of iterations against the model of traffic, some iterations at a time, so
/// that neither grows with the run; adds up control traffic apart.
final class IterationTraffic {
  /// Events after which those that are there are looked at.
  private static let most = 1 << 15

  private enum Act {
    case ran(IterationPlan)
    case took(IterationPlan)
  }

  private let context: RankContext
  private let model: TrafficModel
  private var acts: [Act] = []
  /// Acts compared before.
  private var compared = 0
  private(set) var sums = TrafficSums()
  private(set) var difference: TrafficCheck.Difference?
  /// Plans and the like: messages that this rank sent (or the root of a broadcast), and their bytes.
  private(set) var controlMessages = 0
  private(set) var controlBytes = 0
  private(set) var account = IterationAccount()

  init(_ context: RankContext, _ model: TrafficModel) {
    self.context = context
    self.model = model
  }

  /// Notes that this rank has run an iteration, in so many nanoseconds.
  func ran(_ plan: IterationPlan, nanoseconds: UInt64) {
    account.add(plan, nanoseconds: nanoseconds)
    add(.ran(plan))
  }

  /// Notes that the coordinator has taken the tokens of an iteration.
  func took(_ plan: IterationPlan, nanoseconds: UInt64) {
    account.add(plan, nanoseconds: nanoseconds)
    add(.took(plan))
  }

  /// Control traffic of all ranks. Collective.
  func controlSums() throws -> (messages: Int, bytes: Int) {
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    var sums = [Int64(controlMessages), Int64(controlBytes)]
    try context.control.allReduce(inPlace: &sums, .sum)
    return (Int(sums[0]), Int(sums[1]))
  }

  /// Takes in the rest. Collective over a stage.
  func finish() throws {
    compare()
    try account.finish(context)
  }

  private func add(_ act: Act) {
    acts.append(act)
    if context.ledger.count >= Self.most { compare() }
  }

  /// Compares what is there and clears the ledger.
  private func compare() {
    let before = sums.operations
    context.ledger.withEvents { events in
      let found = TrafficCheck.firstDifference(events: events) { body in
        func each(_ operation: PlannedOperation) {
          sums.add(operation)
          body(operation)
        }
        for act in acts {
          switch act {
          case .ran(let plan): model.walk(plan, rank: context.rank, each)
          case .took(let plan): model.walkTokens(of: plan, each)
          }
        }
      }
      if difference == nil, let found {
        difference = (before + found.index, found.expected, found.found)
      }
      account.add(events)
      for event in events where event.label == Traffic.control.raw {
        switch event.operation {
        case .send, .startSend: break
        case .broadcast where context.isCoordinator: break
        default: continue
        }
        controlMessages += 1
        controlBytes += event.bytes
      }
    }
    acts.removeAll(keepingCapacity: true)
    context.ledger.clear()
  }
}
