/// Operations of a step that were asked for and not started: they start together, when something has
/// to wait for them, when they are many, or when the step ends.
///
/// A piece is known by what it would do: every kernel, product and copy with all its arguments. The first
/// time it is started as it is, so that libraries have made their choices and loaded their code; the
/// second time it is captured as a graph; from then on the graph is launched. So a graph can never
/// do something else than what was asked for, whatever moved in memory since, and what lies between
/// two messages is a graph of its own.
final class StepRecorder {
  // The context holds its recorder.
  private unowned let context: GPUContext
  /// Counts the graphs' memory.
  private unowned let memory: DeviceMemory
  /// True while a step's operations are taken.
  private(set) var isOpen = false
  private var piece = OperationList()
  /// Hashes of pieces that have run once.
  private var known: Set<UInt64> = []
  private var graphs: [UInt64: [Graph]] = [:]
  /// Operations of all graphs.
  private var kept = 0
  private(set) var captured = 0
  private(set) var launches = 0
  /// Device memory that the driver took for them.
  private(set) var bytes = 0
  /// What the driver answered when a capture failed; nothing is captured after that.
  private(set) var refusal: String?

  private struct Graph {
    let piece: OperationList
    let handle: UnsafeMutableRawPointer
    let bytes: Int
  }

  /// Operations of a piece at most, so that the device works on one while the host asks for the next.
  private static let longest = 128
  /// Operations in all graphs that are kept (some hundred steps of a large model), and hashes of pieces
  /// without one, at most.
  private static let most = 1 << 18
  private static let mostKnown = 1 << 16

  /// - Throws: which function the driver lacks.
  init(_ memory: DeviceMemory) throws(GPUError) {
    try GPUContext.loadGraphs()
    self.memory = memory
    context = memory.context
  }

  func open() { isOpen = true }

  func close() {
    start()
    isOpen = false
  }

  func launch(
    _ function: UnsafeMutableRawPointer, grid: (x: Int, y: Int, z: Int), threads: Int,
    sharedBytes: Int, _ arguments: LaunchArguments
  ) {
    piece.launch(function, grid: grid, threads: threads, sharedBytes: sharedBytes, arguments)
    startIfLong()
  }

  func multiply(_ product: OpaquePointer, x: UInt64, w: UInt64, bias: UInt64, y: UInt64) {
    piece.multiply(product, x: x, w: w, bias: bias, y: y)
    startIfLong()
  }

  func copy(_ source: UInt64, to address: UInt64, bytes: Int) {
    piece.copy(source, to: address, bytes: bytes)
    startIfLong()
  }

  private func startIfLong() { if piece.count >= Self.longest { start() } }

  /// Starts what was asked for.
  func start() {
    guard piece.count > 0 else { return }
    defer { piece.removeAll() }
    let hash = piece.hash
    if let graph = graphs[hash]?.first(where: { $0.piece == piece }) {
      launches += 1
      return context.launch(graph: graph.handle)
    }
    guard refusal == nil, known.contains(hash), let made = capture() else {
      if known.count >= Self.mostKnown { known = [] }
      known.insert(hash)
      return context.demand(piece.start(on: context))
    }
    if kept >= Self.most { forget() }
    graphs[hash, default: []].append(made)
    kept += made.piece.count
    captured += 1
    launches += 1
    bytes += made.bytes
    memory.charge(made.bytes)
    context.launch(graph: made.handle)
  }

  /// The piece as a graph; nil, with the reason kept, where the driver refuses it.
  private func capture() -> Graph? {
    let before = context.freeMemory().free
    var code = context.beginCapture()
    var reason = GPUContext.error
    if code == 0 {
      code = piece.start(on: context)
      reason = GPUContext.error
      // Ends the capture whatever was answered.
      let (last, graph) = context.endCapture()
      if code == 0, last == 0, let graph {
        // Others on the card may have given back meanwhile.
        let bytes = max(0, before - context.freeMemory().free)
        return Graph(piece: piece, handle: graph, bytes: bytes)
      }
      if code == 0 { reason = GPUContext.error }
      if let graph { context.free(graph: graph) }
    }
    refusal = reason
    return nil
  }

  /// Drops all graphs: products or addresses that they know may come to mean something else.
  func forget() {
    for graph in graphs.values.joined() {
      context.free(graph: graph.handle)
      bytes -= graph.bytes
      memory.charge(-graph.bytes)
    }
    graphs = [:]
    known = []
    kept = 0
  }
}
