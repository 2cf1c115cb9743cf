import Tensors

/// The residual of a micro-batch on its way through the layers, on one rank.
public struct ResidualStream {
  /// The sum so far: [slots, hidden], or this rank's block of the slots.
  public let residual: Matrix
  /// What the layer before gave and nobody has added yet [slots, hidden]: stages that pass both on
  /// add it in the first norm that follows. Nil where every stage adds what it has made.
  public let pending: Matrix?

  public init(residual: Matrix, pending: Matrix? = nil) {
    self.residual = residual
    self.pending = pending
  }
}
