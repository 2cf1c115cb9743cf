import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Cosines and sines of rotary position embedding, `[maxPositions, headDimension / 2]` each.
///
/// Pairs are half-split, as Hugging Face's `rotate_half` has it: element `i` turns with element
/// `i + headDimension / 2` by the angle `position * inverseFrequencies[i]` (Su et al. 2021,
/// arXiv:2104.09864, section 3.4).
public struct RotaryTable: Sendable {
  public let cosines: Matrix
  public let sines: Matrix

  public var maxPositions: Int { cosines.rows }
  public var headDimension: Int { 2 * cosines.columns }

  /// Computes the table in double precision, then rounds.
  public init(inverseFrequencies: [Double], maxPositions: Int) {
    let half = inverseFrequencies.count
    cosines = Matrix(rows: maxPositions, columns: half)
    sines = Matrix(rows: maxPositions, columns: half)
    for position in 0..<maxPositions {
      let cosineRow = cosines.row(position)
      let sineRow = sines.row(position)
      for (index, frequency) in inverseFrequencies.enumerated() {
        let angle = Double(position) * frequency
        cosineRow[index] = Float(cos(angle))
        sineRow[index] = Float(sin(angle))
      }
    }
  }

  /// Wraps tables that exist already, in device memory for instance.
  public init(cosines: Matrix, sines: Matrix) {
    precondition(
      cosines.rows == sines.rows && cosines.columns == sines.columns,
      "cosines and sines must have one shape")
    self.cosines = cosines
    self.sines = sines
  }
}
