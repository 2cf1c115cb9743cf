import CKernels
import Kernels
import Tensors

extension Bench {
  private typealias RowKernel = (
    name: String, listed: Double?, bytes: Int, multiplyAdds: Int, body: () -> Void
  )

  /// Row kernels on one row in the caches: microseconds, the column of the project's table of another
  /// machine (AVX-512 C on an Emerald Rapids at 3.5 GHz) over them, and a bound of this machine over
  /// them.
  ///
  /// The bound is the longer of moving the kernel's bytes at the rate at which this machine adds one row
  /// to another in the caches, and of the multiply-adds of its exponentials (degree 5, and two to
  /// reduce the argument) at the peak. It is lower than what can be reached: it knows no other
  /// operation.
  func rowKernels() throws {
    print(
      "\nrow kernels: us; table of another machine / us (at least 0.77, which is 1.3 x its time); bound "
        + "of this machine / us")
    let table = ck_best_kernels().pointee
    let length = 9728
    let (a, b) = (try filled(1, length), try filled(1, length))
    let (x, y, source) = (a.pointer, b.pointer, try filled(1, length))
    let angles = try filled(1, 128)
    let (cosines, sines) = (angles.pointer, angles.pointer + 64)
    // A rotation, so that what is turned often does not vanish.
    for index in 0..<64 { (cosines[index], sines[index]) = (0.8, 0.6) }
    func norm(_ n: Int, _ listed: Double?) -> RowKernel {
      ("rmsNorm \(n)", listed, 16 * n, 0, { table.rms_norm(y, x, source.pointer, n, 1e-6) })
    }
    func softmax(_ n: Int, _ listed: Double) -> RowKernel {
      (
        "softmax \(n), copy included", listed, 28 * n, 7 * n,
        {
          y.update(from: source.pointer, count: n)
          table.softmax(y, n)
        }
      )
    }
    let kernels: [RowKernel] = [
      norm(896, nil), norm(2048, 0.18), norm(5120, 0.48),
      (
        "addRMSNorm 896", nil, 24 * 896, 0,
        { table.add_rms_norm(y, a.pointer + 4096, source.pointer, x, 896, 1e-6) }
      ),
      softmax(1024, 0.28), softmax(4096, 1.03),
      (
        "siluMultiply 4864", 1.26, 12 * 4864, 7 * 4864,
        { table.silu_multiply(y, x, x + 4864, 4864) }
      ),
      ("rotate 16 x 128", 0.06, 8 * 2048, 0, { table.rotate(y, cosines, sines, 16, 128) }),
    ]
    let calls = 500
    for kernel in kernels {
      let elements = kernel.bytes / 12
      let best = interleaved(
        20,
        [
          { _ in for _ in 0..<calls { kernel.body() } },
          { _ in for _ in 0..<calls { table.add(y, source.pointer, min(elements, length)) } },
          multiplyAdds,
        ])
      let moved = best[1] * Double(elements) / Double(min(elements, length))
      let computed =
        Double(2 * calls * kernel.multiplyAdds) * best[2] / multiplyAddOperations
      let seconds = best[0] / Double(calls)
      let listed = kernel.listed.map { fixed($0 * 1e-6 / seconds) } ?? "----"
      print(
        "  \(kernel.name): \(fixed(seconds * 1e6)); \(listed); "
          + fixed(max(moved, computed) / best[0]))
    }
    let logits = try filled(2, 151_936)
    let best = interleaved(20, [{ _ in _ = cpu.argmax(logits) }])[0]
    print("  argmax 151936: \(fixed(best * 0.5e6))")
  }
}
