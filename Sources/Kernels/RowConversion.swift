import CKernels

/// Between float32 and bfloat16 in memory, by the widest kernels of the machine.
public enum RowConversion {
  /// Rounds `count` floats to nearest even into as many 16-bit elements.
  public static func round(
    _ x: UnsafePointer<Float>, _ count: Int, into y: UnsafeMutableRawPointer
  ) {
    ck_best_bf16().pointee.round(y.assumingMemoryBound(to: UInt16.self), x, count)
  }

  /// Widens `count` 16-bit elements, exactly.
  public static func widen(
    _ x: UnsafeRawPointer, _ count: Int, into y: UnsafeMutablePointer<Float>
  ) {
    ck_best_bf16().pointee.widen(y, x.assumingMemoryBound(to: UInt16.self), count)
  }
}
