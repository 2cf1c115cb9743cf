import Glibc

/// Rotary position embedding: base and, for Llama 3.1 and later, the frequency scaling.
public struct RotaryEmbedding: Sendable, Hashable, Codable {
  public var theta: Double
  public var scaling: Llama3RopeScaling?

  public init(theta: Double, scaling: Llama3RopeScaling? = nil) {
    self.theta = theta
    self.scaling = scaling
  }

  /// Radians per position for each of the headDimension/2 pairs, fastest first: θ^(−2i/d).
  ///
  /// Pair i turns elements i and i + d/2 (half-split, Hugging Face `rotate_half`).
  public func inverseFrequencies(headDimension: Int) -> [Double] {
    precondition(
      headDimension > 0 && headDimension % 2 == 0, "rotary embedding needs an even head dimension")
    return (0..<(headDimension / 2)).map { pair in
      let frequency = pow(theta, -Double(2 * pair) / Double(headDimension))
      return scaling?.apply(to: frequency) ?? frequency
    }
  }
}

/// Llama 3's rope scaling: long wavelengths slowed by `factor`, short ones kept, a ramp between.
///
/// Source: `rope_type: "llama3"` of Hugging Face transformers (`modeling_rope_utils.py`,
/// `_compute_llama3_parameters`), after Meta's reference code for Llama 3.1.
public struct Llama3RopeScaling: Sendable, Hashable, Codable {
  public var factor: Double
  public var lowFrequencyFactor: Double
  public var highFrequencyFactor: Double
  public var originalMaxPositions: Int

  public init(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
    originalMaxPositions: Int
  ) {
    self.factor = factor
    self.lowFrequencyFactor = lowFrequencyFactor
    self.highFrequencyFactor = highFrequencyFactor
    self.originalMaxPositions = originalMaxPositions
  }

  func apply(to frequency: Double) -> Double {
    let wavelength = 2 * Double.pi / frequency
    let original = Double(originalMaxPositions)
    if wavelength < original / highFrequencyFactor { return frequency }
    if wavelength > original / lowFrequencyFactor { return frequency / factor }
    let smooth =
      (original / wavelength - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor)
    return (1 - smooth) * frequency / factor + smooth * frequency
  }
}

extension RotaryEmbedding {
  /// What a model without rotation carries.
  public static let unused = RotaryEmbedding(theta: 1)
}
