import MPI

extension Communicator {
  /// Runs `body` on every rank; when it fails on one, it fails on all, so that no rank goes on
  /// alone. The first failing rank's error is thrown everywhere, with the rank named. Collective.
  package func together<Value>(_ what: String, _ body: () throws -> Value) throws -> Value {
    let (value, failure) = RankContext.attempt(body)
    var first = [Int32(failure == nil ? Int32.max : Int32(rank))]
    try allReduce(inPlace: &first, .min)
    if first[0] == Int32.max, let value { return value }
    let root = Int(first[0])
    let kind = try broadcastArray([failure?.kind.rawValue ?? 0], root: root)[0]
    let text = try broadcastArray(Array((failure?.description ?? "").utf8), root: root)
    let from = size > 1 ? "rank \(root), \(what): " : "\(what): "
    throw InferenceError(
      InferenceError.Kind(rawValue: kind) ?? .failed, from + String(decoding: text, as: UTF8.self))
  }
}

extension RankContext {
  /// `Communicator.together` of all ranks, unseen by the ledger.
  func together<Value>(_ what: String, _ body: () throws -> Value) throws -> Value {
    // `body` may record; what follows may not.
    let outcome = Result { try body() }
    ledger.isRecording = false
    defer { ledger.isRecording = true }
    return try control.together(what) { try outcome.get() }
  }

  /// Runs `body` on the coordinator and gives its bytes to every rank; an error there is thrown on
  /// all.
  static func fromCoordinator(
    _ world: borrowing Communicator, _ body: () throws -> [UInt8]
  ) throws -> [UInt8] {
    var message: [UInt8] = []
    if world.rank == 0 {
      let (value, failure) = attempt(body)
      message =
        failure.map { [UInt8($0.kind.rawValue)] + Array($0.description.utf8) }
        ?? [0] + (value ?? [])
    }
    message = try world.broadcastArray(message, root: 0)
    guard let kind = message.first, kind != 0 else { return Array(message.dropFirst()) }
    throw InferenceError(
      InferenceError.Kind(rawValue: Int32(kind)) ?? .failed,
      String(decoding: message.dropFirst(), as: UTF8.self))
  }

  fileprivate static func attempt<Value>(_ body: () throws -> Value) -> (Value?, InferenceError?) {
    do {
      return (try body(), nil)
    } catch let error as InferenceError {
      return (nil, error)
    } catch {
      return (nil, InferenceError(.badInput, "\(error)"))
    }
  }
}
