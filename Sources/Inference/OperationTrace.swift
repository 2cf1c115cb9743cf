import MPI
import Models
import Records

/// The calls of one execution, told from the rank's ledger.
struct OperationTrace {
  let context: RankContext
  let cell: String
  let policy: String
  let batch: Int

  /// Records of the last execution that `BatchRunner.run` made; `start` is when it began here.
  ///
  /// Ranks of one host share their clock; where starts lie more than a second apart they do not, and
  /// each rank counts from its own start, just after a barrier. Collective.
  func records(start: UInt64) throws -> [OperationRecord] {
    let events = context.ledger.events().filter { $0.context.phase != Traffic.outside }
    var bounds = [Int64(bitPattern: start), -Int64(bitPattern: start)]
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    try context.control.allReduce(inPlace: &bounds, .min)
    let isShared = -bounds[1] - bounds[0] < 1_000_000_000
    let origin = isShared ? bounds[0] : Int64(bitPattern: start)
    func seconds(_ time: UInt64) -> Double { Double(Int64(bitPattern: time) - origin) / 1e9 }
    return events.compactMap { event in
      // What came before the start, such as the end of the barrier, is not the execution's.
      guard event.start >= start else { return nil }
      let units = Int(event.context.units)
      let padded = units - Int(event.context.usefulUnits)
      return OperationRecord(
        cell: cell, policy: policy, batch: batch, rank: context.rank,
        phase: event.context.phase == Traffic.decode ? "decode" : "prefill",
        operation: event.operation == .startReceive ? "post-receive" : event.operation.recordName,
        communicator: Traffic.labels.first { $0.raw == event.label }?.name ?? "other",
        peer: peer(event), bytes: event.bytes,
        paddedBytes: units > 0 ? event.bytes / units * padded : 0,
        startSeconds: seconds(event.start), endSeconds: seconds(event.end))
    }
  }

  /// The peer as a rank of the launch.
  private func peer(_ event: TrafficEvent) -> Int? {
    guard event.peer >= 0 else { return nil }
    var place = context.coordinates
    switch event.label {
    case Traffic.tensor.raw: place.tensor = Int(event.peer)
    case Traffic.pipeline.raw: place.stage = Int(event.peer)
    default: return Int(event.peer)
    }
    return context.layout.rank(of: place)
  }
}
