extension SequentialRandom {
  /// Uniform in the open interval (0, 1), as `CounterRandom.uniform(at:)`.
  public mutating func uniform() -> Double { (Double(next() >> 12) + 0.5) * 0x1p-52 }

  /// A standard normal variate; one draw.
  public mutating func normal() -> Double { PortableMath.normalQuantile(uniform()) }

  /// An integer in 0..<bound.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "a random integer needs a positive bound")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// A gamma variate with scale 1; mean and variance are `shape` > 0. May be 0 for tiny shapes.
  ///
  /// Source: Marsaglia and Tsang, "A simple method for generating gamma variables", ACM TOMS 26
  /// (2000); shapes below 1 through shape + 1 and a power of a uniform, section 6 there.
  public mutating func gamma(shape: Double) -> Double {
    precondition(shape > 0 && shape.isFinite, "a gamma variate needs a positive shape")
    guard shape >= 1 else {
      let larger = gamma(shape: shape + 1)
      let exponent = PortableMath.log(uniform()) / shape
      return exponent < -700 ? 0 : larger * PortableMath.exp(exponent)
    }
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    while true {
      let x = normal()
      let root = 1 + c * x
      guard root > 0 else { continue }
      let v = root * root * root
      // v may underflow only for shapes that the guard above excludes (root ≥ 2⁻⁵² here).
      if PortableMath.log(uniform()) < x * x / 2 + d * (1 - v + PortableMath.log(v)) {
        return d * v
      }
    }
  }

  /// A beta variate in 0...1 with mean a/(a + b); a and b positive.
  public mutating func beta(_ a: Double, _ b: Double) -> Double {
    let (x, y) = (gamma(shape: a), gamma(shape: b))
    // Both are 0 for tiny a and b only, where the variate is 0 or 1 but for rounding.
    guard x + y > 0 else { return uniform() * (a + b) < a ? 1 : 0 }
    return x / (x + y)
  }
}
