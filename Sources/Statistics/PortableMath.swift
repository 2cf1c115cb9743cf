/// Elementary functions from IEEE basic operations alone, so that every machine gives the same bits.
///
/// The C library's `log` and `exp` may differ in the last bit between versions; additions,
/// multiplications, divisions and square roots may not.
public enum PortableMath {
  static let ln2High = 6.93147180369123816490e-01  // 32 leading bits of ln 2 (fdlibm e_log.c)
  static let ln2Low = 1.90821492927058770002e-10  // the rest

  /// Natural logarithm of a positive normal number, within a few units of the last place.
  ///
  /// x = m·2^k with m in [√½, √2); ln m = 2·atanh(s), s = (m − 1)/(m + 1), |s| ≤ 0.172, by its
  /// series up to s²³ (next term below 1e-19).
  public static func log(_ x: Double) -> Double {
    precondition(x > 0 && x.isNormal, "PortableMath.log takes positive normal numbers")
    var k = Double(x.exponent)
    var m = x.significand
    if m > 1.4142135623730951 {
      m /= 2
      k += 1
    }
    let s = (m - 1) / (m + 1)
    let z = s * s
    var series = 0.0
    var divisor = 23.0
    while divisor >= 3 {
      series = (series + 1 / divisor) * z
      divisor -= 2
    }
    return k * ln2High + (2 * s + (2 * s * series + k * ln2Low))
  }

  /// e^x for |x| ≤ 700, within a few units of the last place.
  ///
  /// x = k·ln 2 + r, |r| ≤ 0.347; e^r by its Taylor series up to r¹⁷ (next term below 1e-23).
  public static func exp(_ x: Double) -> Double {
    precondition(x.magnitude <= 700, "PortableMath.exp takes arguments up to 700")
    let k = (x / (ln2High + ln2Low)).rounded()
    let r = (x - k * ln2High) - k * ln2Low
    var series = 1.0
    var divisor = 17.0
    while divisor >= 1 {
      series = 1 + series * r / divisor
      divisor -= 1
    }
    return Double(sign: .plus, exponent: Int(k), significand: series)
  }

  /// The standard normal quantile of `p` in (0, 1), relative error about 1e-16.
  ///
  /// Source: Wichura, "Algorithm AS 241: the percentage points of the normal distribution",
  /// Applied Statistics 37 (1988), routine PPND16.
  public static func normalQuantile(_ p: Double) -> Double {
    precondition(p > 0 && p < 1, "a normal quantile is asked for 0 < p < 1")
    let q = p - 0.5
    if q.magnitude <= 0.425 {
      let r = 0.180625 - q * q
      return q * rational(r, central)
    }
    let tail = (-log(q < 0 ? p : 1 - p)).squareRoot()
    let size = tail <= 5 ? rational(tail - 1.6, middle) : rational(tail - 5, far)
    return q < 0 ? -size : size
  }

  // Numerator and denominator in pairs, highest power first.
  private typealias Coefficients = [(Double, Double)]

  private static func rational(_ r: Double, _ coefficients: Coefficients) -> Double {
    var (top, bottom) = (0.0, 0.0)
    for (a, b) in coefficients {
      top = top * r + a
      bottom = bottom * r + b
    }
    return top / bottom
  }

  private static let central: Coefficients = [
    (2.5090809287301226727e+3, 5.2264952788528545610e+3),
    (3.3430575583588128105e+4, 2.8729085735721942674e+4),
    (6.7265770927008700853e+4, 3.9307895800092710610e+4),
    (4.5921953931549871457e+4, 2.1213794301586595867e+4),
    (1.3731693765509461125e+4, 5.3941960214247511077e+3),
    (1.9715909503065514427e+3, 6.8718700749205790830e+2),
    (1.3314166789178437745e+2, 4.2313330701600911252e+1),
    (3.3871328727963666080e+0, 1.0),
  ]
  private static let middle: Coefficients = [
    (7.74545014278341407640e-4, 1.05075007164441684324e-9),
    (2.27238449892691845833e-2, 5.47593808499534494600e-4),
    (2.41780725177450611770e-1, 1.51986665636164571966e-2),
    (1.27045825245236838258e+0, 1.48103976427480074590e-1),
    (3.64784832476320460504e+0, 6.89767334985100004550e-1),
    (5.76949722146069140550e+0, 1.67638483018380384940e+0),
    (4.63033784615654529590e+0, 2.05319162663775882187e+0),
    (1.42343711074968357734e+0, 1.0),
  ]
  private static let far: Coefficients = [
    (2.01033439929228813265e-7, 2.04426310338993978564e-15),
    (2.71155556874348757815e-5, 1.42151175831644588870e-7),
    (1.24266094738807843860e-3, 1.84631831751005468180e-5),
    (2.65321895265761230930e-2, 7.86869131145613259100e-4),
    (2.96560571828504891230e-1, 1.48753612908506148525e-2),
    (1.78482653991729133580e+0, 1.36929880922735805310e-1),
    (5.46378491116411436990e+0, 5.99832206555887937690e-1),
    (6.65790464350110377720e+0, 1.0),
  ]
}
