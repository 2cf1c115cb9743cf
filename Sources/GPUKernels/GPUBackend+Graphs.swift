import Kernels

/// What became of a backend's graphs.
public struct GPUGraphs: Sendable, Hashable {
  /// Rows of the steps that are kept as graphs.
  public let sizes: [Int]
  /// Graphs that were captured, and how often one was launched.
  public let captured: Int
  public let launches: Int
  /// Device memory that was free before they were captured and not after.
  public let bytes: Int
  /// What the driver answered where a capture failed, after which steps run without; nil where none did.
  public let refusal: String?
}

extension GPUBackend {
  public func beginStep(rows: Int) {
    guard let recorder = context.recorder, graphSizes.contains(rows) else { return }
    lists.beginStep()
    recorder.open()
  }

  public func endStep() {
    guard let recorder = context.recorder, recorder.isOpen else { return }
    recorder.close()
    lists.endStep()
  }

  /// Nil where no graphs were asked for.
  public var graphs: GPUGraphs? {
    context.recorder.map {
      GPUGraphs(
        sizes: graphSizes.sorted(), captured: $0.captured, launches: $0.launches,
        bytes: $0.bytes, refusal: $0.refusal)
    }
  }
}
