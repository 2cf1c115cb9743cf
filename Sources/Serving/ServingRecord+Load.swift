import Records
import Workloads

extension ServingRecord {
  private var arrivals: ArrivalProcess? {
    (try? ArrivalProcess(parsing: run.load)) ?? (try? ArrivalProcess(parsingMultiples: run.load))
  }

  /// Requests a second that clients sent, as vLLM's `request_rate`: of a ramp its last; nil where
  /// nothing but answers held them back.
  var requestRate: Double? {
    // Of a record from before it was kept, the load's own.
    offeredRate ?? (try? ArrivalProcess(parsing: run.load))?.rate
  }

  /// vLLM's `burstiness`: 1 for exponential gaps.
  var burstiness: Double {
    if case .gamma(_, let burstiness) = arrivals { burstiness } else { 1 }
  }

  /// Users of a closed loop.
  var users: Int? { if case .closed(let users) = arrivals { users } else { nil } }

  /// The requests that the record's figures are of, by arrival.
  func window(of all: [RequestRecord]) -> [RequestRecord] {
    let own = all.filter { $0.run == run }
    return ServingWindow(own, warmup: own.count - windowRequests).requests
  }
}
