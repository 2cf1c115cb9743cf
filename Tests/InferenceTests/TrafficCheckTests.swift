import Communication
import Models
import Scheduling
import Testing

@testable import Inference
@testable import MPI

@Suite struct TrafficCheckTests {
  private let batch: PreparedBatch
  private let traffic: TrafficModel
  /// A ledger as rank 3 of tp2pp2 should have it, with waits between.
  private let events: [TrafficEvent]

  init() throws {
    let model = try ModelConfiguration(
      name: "tiny", family: .llama, hiddenSize: 8, feedForwardSize: 12, layerCount: 2,
      queryHeads: 4, kvHeads: 4, headDimension: 2, vocabularySize: 11, maxPositions: 64,
      rmsNormEpsilon: 1e-5, rope: RotaryEmbedding(theta: 1e4), tiedEmbeddings: false)
    traffic = try TrafficModel(model: model, layout: ParallelLayout(parsing: "tp2pp2"))
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [3, 1], outputLengths: [1, 2], microBatches: 2)
    batch = PreparedBatch(plan: plan, prompts: [[1, 2, 3], [4]])
    events = traffic.operations(of: plan, rank: 3).flatMap { [Self.event($0), Self.wait] }
  }

  private static let wait = TrafficEvent(
    operation: .wait, element: .uint8, label: Traffic.pipeline.raw, peer: -1, count: 0, bytes: 0,
    context: TrafficContext(), start: 0, end: 1)

  private static func event(_ operation: PlannedOperation) -> TrafficEvent {
    let kinds: [OperationKind: TrafficOperation] = [
      .allReduce: .allReduce, .gather: .gather, .broadcast: .broadcast, .send: .startSend,
      .receive: .startReceive,
    ]
    return TrafficEvent(
      operation: kinds[operation.kind] ?? .barrier,
      element: operation.element == .float ? .float : .int32,
      label: (operation.communicator == .tensor ? Traffic.tensor : Traffic.pipeline).raw,
      peer: Int32(operation.peer), count: operation.count, bytes: operation.bytes,
      context: TrafficContext(
        phase: operation.phase == .decode ? Traffic.decode : Traffic.prefill,
        units: Int32(operation.units), usefulUnits: Int32(operation.usefulUnits)),
      start: 5, end: 9)
  }

  private func difference(
    _ events: [TrafficEvent]
  ) -> (index: Int, expected: String, found: String)? {
    events.withUnsafeBufferPointer {
      TrafficCheck.firstDifference(traffic, batch, rank: 3, events: $0)
    }
  }

  @Test func theSameOperationsAreEqualWhateverTheirTimesAndWaits() {
    #expect(difference(events) == nil)
    #expect(difference(events.filter { $0.operation != .wait }) == nil)
  }

  @Test("Each field counts, and the first event that differs is the one named")
  func fields() throws {
    let place = try #require(events.firstIndex { $0.operation == .gather })
    let own = events[place]
    func changed(
      operation: TrafficOperation? = nil, element: ElementKind? = nil, label: UInt8? = nil,
      peer: Int32? = nil, count: Int? = nil, bytes: Int? = nil, phase: UInt8? = nil,
      units: Int32? = nil, useful: Int32? = nil
    ) -> TrafficEvent {
      TrafficEvent(
        operation: operation ?? own.operation, element: element ?? own.element,
        label: label ?? own.label, peer: peer ?? own.peer, count: count ?? own.count,
        bytes: bytes ?? own.bytes,
        context: TrafficContext(
          phase: phase ?? own.context.phase, units: units ?? own.context.units,
          usefulUnits: useful ?? own.context.usefulUnits), start: own.start, end: own.end)
    }
    let faults = [
      changed(operation: .allGather), changed(operation: .sendReceive), changed(element: .double),
      changed(element: .int64), changed(label: Traffic.pipeline.raw),
      changed(label: Traffic.control.raw), changed(peer: 1), changed(count: own.count + 1),
      changed(bytes: own.bytes + 4), changed(phase: Traffic.decode),
      changed(units: own.context.units + 1), changed(useful: own.context.usefulUnits - 1),
    ]
    let index = events[..<place].count { $0.operation != .wait }
    for fault in faults {
      var wrong = events
      wrong[place] = fault
      let found = try #require(difference(wrong), "\(fault)")
      #expect(
        found.index == index && found.expected.hasPrefix("prefill gather on tensor with root 0, 5"))
      #expect(found.found != found.expected, "\(fault)")
    }
  }

  @Test("An operation too few or too many is a difference at the end")
  func ends() throws {
    let operations = events.filter { $0.operation != .wait }
    let short = try #require(difference(operations.dropLast()))
    #expect(short.index == operations.count - 1 && short.found == "nothing")
    let long = try #require(difference(operations + [operations[0]]))
    #expect(long.index == operations.count && long.expected == "nothing")
    #expect(try #require(difference([])).index == 0)
  }
}
