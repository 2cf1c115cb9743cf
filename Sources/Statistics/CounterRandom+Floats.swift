extension CounterRandom {
  /// A standard normal variate from the 32 bits of `word(at:)`; |value| stays below 6.4.
  ///
  /// Cheaper than `normal(at:)` (one block gives four) and fine for weights.
  public func normalFloat(at index: UInt64) -> Float { Self.normalFloat(word(at: index)) }

  /// Writes mean + standardDeviation · `normalFloat(at:)` for indices `index`, `index` + 1, …
  ///
  /// Element i depends on its index only: a part of a tensor filled from its own first index equals
  /// that part of the whole.
  public func fillNormal(
    _ buffer: UnsafeMutableBufferPointer<Float>, from index: UInt64, mean: Float = 0,
    standardDeviation: Float = 1
  ) {
    var position = 0
    while position < buffer.count {
      let at = index &+ UInt64(position)
      let lanes = block(at >> 2)
      var lane = Int(at & 3)
      while lane < 4, position < buffer.count {
        buffer[position] = mean + standardDeviation * Self.normalFloat(lanes[lane])
        lane += 1
        position += 1
      }
    }
  }

  @inline(__always)
  private static func normalFloat(_ word: UInt32) -> Float {
    Float(PortableMath.normalQuantile((Double(word) + 0.5) * 0x1p-32))
  }
}
