import Glibc
import Kernels
import Tensors

extension Bench {
  /// Shapes beside the library's and MKL's products: (name, inputs, outputs, largest rows).
  private static let libraryShapes =
    layers.map { ("0.5b " + $0.0, $0.1, $0.2, 2048) } + [
      ("7b output", 3584, 3584, 512), ("7b gate|up", 3584, 37_888, 512),
      ("7b down", 18_944, 3584, 512),
    ]

  /// Other CBLAS libraries than the one in use: those that PADTAX_BENCH_BLAS names (paths between
  /// colons), else MKL where the loader finds it.
  private func otherLibraries() -> [CPUBackend] {
    guard let named = getenv("PADTAX_BENCH_BLAS").map({ String(cString: $0) }) else {
      let found = ["libmkl_rt.so", "libmkl_rt.so.3", "libmkl_rt.so.2"].lazy
        .compactMap { try? CPUBackend(blas: .path($0)) }
      return found.prefix(1).map { $0 }
    }
    return named.split(separator: ":").compactMap { path in
      do {
        return try CPUBackend(blas: .path(String(path)))
      } catch {
        print("\n\(error)")
        return nil
      }
    }
  }

  /// One thread: this run's products over those of other libraries, sgemm over sgemm, and where the
  /// other is MKL also over its packed ones: own bf16 over MKL's. More than 1 is faster than the other.
  func otherProducts() throws {
    let others = otherLibraries()
    guard !others.isEmpty else {
      print("\nother libraries: none (PADTAX_BENCH_BLAS=PATH/libmkl_rt.so; PyPI: mkl)")
      return
    }
    let half = try CPUBackend(weights: .bfloat16)
    for other in others {
      let p = other.provenance
      print("\nspeed over that of \(p.library), \(p.core) \(p.version)")
      print("  bf16 here: \(half.bfloat16Dispatch.notes.joined(separator: "; "))")
      if other.hasMKLProducts { print("  required with AMX from 512 rows: 0.80 of bf16, packed") }
      for shape in Bench.libraryShapes {
        for rows in [1, 8, 64, 512, 2048] where rows <= shape.3 {
          print("  \(shape.0), \(rows) rows: " + (try speeds(half, other, rows, shape.1, shape.2)))
        }
      }
    }
  }

  private func speeds(
    _ half: CPUBackend, _ other: CPUBackend, _ rows: Int, _ inputs: Int, _ outputs: Int
  ) throws -> String {
    // Few rows wait for the weights, so there are more of them than caches hold.
    let copies = rows < 64 ? max(1, (64 << 20) / (2 * inputs * outputs)) : 1
    let (x, y) = (try filled(rows, inputs), try cpu.matrix(rows: rows, columns: outputs))
    let weights = try (0..<copies).map { _ in try filled(outputs, inputs) }
    let packed = try weights.map { try half.makeLinear($0, bias: nil) }
    let halves = MKLWeight.rounded(x)
    var bodies: [(Int) -> Void] = [
      { _ in for weight in packed { half.linear(x, weight, into: y) } },
      { _ in for weight in weights { _ = cpu.secondsOfSgemm(x, weight, into: y) } },
      { _ in for weight in weights { _ = other.secondsOfSgemm(x, weight, into: y) } },
    ]
    let forms = other.hasMKLProducts ? MKLWeight.Form.allCases : []
    for form in forms {
      let mkl = weights.compactMap { other.mklWeight($0, form: form, rows: rows) }
      bodies.append { _ in for weight in mkl { weight.multiply(x, halves: halves, into: y) } }
    }
    let work = 2e-9 * Double(copies * rows) * Double(inputs * outputs)
    let best = interleaved(work > 100 ? 2 : 4, bodies)
    let ratios = forms.enumerated().map { index, form in
      let own = form == .singlePacked ? best[1] : best[0]
      return ", \(form == .singlePacked ? "sgemm over " : "bf16 over ")\(form.rawValue) "
        + fixed(best[3 + index] / own)
    }
    return "sgemm over sgemm \(fixed(best[2] / best[1]))" + ratios.joined()
      + " (GFLOP/s: bf16 \(fixed(work / best[0])), sgemm \(fixed(work / best[1])))"
  }
}
