import CGPU

/// What a step's operations are, raw: each answers with the driver's code, so that whoever records a
/// graph can go back.
extension GPUContext {
  /// - Throws: which function the driver lacks.
  static func loadGraphs() throws(GPUError) {
    guard gp_load_graphs() == 0 else {
      throw .unavailable("\(error); decode steps can do without: leave backend.graphs out")
    }
  }

  func startLaunch(
    _ function: UnsafeMutableRawPointer, x: UInt32, y: UInt32, z: UInt32, threads: UInt32,
    sharedBytes: UInt32, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  ) -> Int32 {
    gp_launch(handle, function, x, y, z, threads, sharedBytes, arguments)
  }

  func startMultiply(
    _ product: OpaquePointer, x: UInt64, w: UInt64, bias: UInt64, y: UInt64
  ) -> Int32 {
    gp_multiply(handle, product, x, w, bias, y)
  }

  func startCopy(_ source: UInt64, to address: UInt64, bytes: Int) -> Int32 {
    gp_copy(handle, address, source, bytes)
  }

  func beginCapture() -> Int32 { gp_begin_capture(handle) }

  /// What was asked for since `beginCapture` as a graph, or the driver's code.
  func endCapture() -> (code: Int32, graph: UnsafeMutableRawPointer?) {
    var graph: UnsafeMutableRawPointer?
    let code = gp_end_capture(handle, &graph)
    return (code, graph)
  }

  func launch(graph: UnsafeMutableRawPointer) { demand(gp_launch_graph(handle, graph)) }

  func free(graph: UnsafeMutableRawPointer) { gp_free_graph(graph) }
}
