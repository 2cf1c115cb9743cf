/// A device's rates, as far as kernels are measured against them.
public struct KernelRoofline: Hashable, Sendable {
  /// FLOP/s by format, dense.
  public let peaks: [NumberFormat: Double]
  /// Bytes per second of memory.
  public let bandwidth: Double

  public init(peaks: [NumberFormat: Double], bandwidth: Double) {
    self.peaks = peaks
    self.bandwidth = bandwidth
  }

  /// Seconds of computing and of moving bytes at the full rates; nil without a peak.
  @inline(__always)
  func seconds(_ work: KernelWork) -> (computing: Double, moving: Double)? {
    guard work.flops > 0 else { return (0, work.bytes / bandwidth) }
    guard let peak = peaks[work.format.peakFormat] else { return nil }
    return (work.flops / peak, work.bytes / bandwidth)
  }
}
