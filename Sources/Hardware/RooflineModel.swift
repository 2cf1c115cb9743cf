/// Kernels from a data sheet: the slower of computing and moving bytes, each with an efficiency,
/// after a launch.
public struct RooflineModel: KernelModel {
  /// The device's name, for errors.
  public let name: String
  public let peaks: [NumberFormat: Double]
  public let bandwidth: Double
  public let efficiency: Efficiency

  /// Shares of the data sheet's rates that kernels reach.
  public struct Efficiency: Hashable, Sendable {
    /// Of the peak, by products.
    public var gemm: Double
    /// Of the peak, by attention.
    public var attention: Double
    /// Of the memory bandwidth, by products and elementwise kernels.
    public var memory: Double
    /// Seconds that the smallest product or elementwise kernel takes.
    public var launch: Double
    /// Of the memory bandwidth, by attention.
    public var attentionMemory: Double
    /// Seconds that the smallest attention takes.
    public var attentionLaunch: Double

    /// - Parameters:
    ///   - attentionMemory: as `memory` when nil.
    ///   - attentionLaunch: as `launch` when nil.
    public init(
      gemm: Double, attention: Double, memory: Double, launch: Double,
      attentionMemory: Double? = nil, attentionLaunch: Double? = nil
    ) {
      self.gemm = gemm
      self.attention = attention
      self.memory = memory
      self.launch = launch
      self.attentionMemory = attentionMemory ?? memory
      self.attentionLaunch = attentionLaunch ?? launch
    }

    /// Kernels that reach the data sheet, launched in no time.
    public static let ideal = Efficiency(gemm: 1, attention: 1, memory: 1, launch: 0)
  }

  public init(
    name: String, peaks: [NumberFormat: Double], bandwidth: Double, efficiency: Efficiency
  ) {
    self.name = name
    self.peaks = peaks
    self.bandwidth = bandwidth
    self.efficiency = efficiency
  }

  public func time(
    of call: KernelCall, in format: NumberFormat
  ) throws(HardwareError) -> KernelTime {
    KernelTime(seconds: try seconds(call, format), basis: .roofline)
  }

  private func seconds(
    _ call: KernelCall, _ format: NumberFormat
  ) throws(HardwareError) -> Double {
    let work = KernelWork(call, format)
    let isAttention = work.isAttention
    let launch = isAttention ? efficiency.attentionLaunch : efficiency.launch
    let memoryShare = isAttention ? efficiency.attentionMemory : efficiency.memory
    let moving = work.bytes / (bandwidth * memoryShare)
    guard work.flops > 0 else { return launch + moving }
    guard let peak = peaks[work.format.peakFormat] else {
      throw HardwareError(
        .precision,
        "\(name) has no peak for \(work.format.rawValue); valid: "
          + Accelerator.formats(peaks).joined(separator: " "))
    }
    let share = isAttention ? efficiency.attention : efficiency.gemm
    return launch + max(work.flops / (peak * share), moving)
  }
}
