import CKernels

/// Which of padtax's bfloat16 kernels to use, best first.
public enum BFloat16Variant: String, Sendable, Hashable, Codable, CaseIterable {
  /// Tile products.
  case amx
  /// `vdpbf16ps`.
  case avx512Dot = "avx512-bf16"
  /// Widening to float32 in registers.
  case avx512, avx2, portable

  /// What this machine can run, best first.
  public static var available: [BFloat16Variant] {
    allCases.filter { ck_bf16_named($0.rawValue) != nil }
  }

  /// Whether the machine has AMX tiles that work, in words.
  public static var amxState: String { String(cString: ck_amx_state()) }

  static func table(_ variant: BFloat16Variant?) throws(KernelsError) -> ck_bf16_kernels {
    guard let variant else { return ck_best_bf16().pointee }
    guard let table = ck_bf16_named(variant.rawValue) else {
      throw KernelsError.instructionSetMissing(
        asked: "bfloat16 \(variant.rawValue)", available: available.map(\.rawValue))
    }
    return table.pointee
  }
}

/// Which code computes `y = bf16(x) W^T` with a packed weight, by the number of rows of x.
///
/// A fixed rule as `LinearDispatch`, for the same reason.
public struct BFloat16Dispatch: Sendable, Hashable, Codable {
  /// Name of the kernels.
  public var kernels: String
  /// Largest number of rows that padtax's kernel takes; from there on blocks of the weight are
  /// widened to float32 and `cblas_sgemm` multiplies them.
  public var ownRows: Int

  public init(kernels: String, ownRows: Int) {
    self.kernels = kernels
    self.ownRows = ownRows
  }

  /// The rule for a table of kernels.
  ///
  /// Tiles take all. `vdpbf16ps` takes all where it does twice the work of a float32 multiply-add
  /// in its time (AMD's Zen 4: 236 against 118 GFLOP/s, `kernel-bench bf16`), and 16 rows where it
  /// does half of it (Intel: 114 against 228, measured on Emerald Rapids). Kernels that widen in
  /// registers take rows as long as the weight's way from memory is the longer one.
  static func rule(for table: ck_bf16_kernels) -> BFloat16Dispatch {
    let name = String(cString: table.name)
    let takesAll = table.blocked == 1 && (name != "avx512-bf16" || ck_dot_is_fast() == 1)
    return BFloat16Dispatch(kernels: name, ownRows: takesAll ? .max : Int(table.few))
  }

  /// What attention over a cache in bfloat16 computes with, for provenance.
  static func attentionNote(_ table: ck_bf16_kernels) -> String {
    "keys and values: bfloat16, "
      + (table.rounds_queries == 1
        ? "multiplied with queries and weights rounded to it" : "widened to fp32")
  }

  /// The rule in words, for provenance.
  public var notes: [String] {
    let state = "AMX: \(BFloat16Variant.amxState)"
    guard ownRows < .max else { return ["bf16 linear: own kernel \(kernels)", state] }
    return [
      "bf16 linear: 1...\(ownRows) rows own kernel \(kernels), more widened to fp32 for "
        + "cblas_sgemm", state,
    ]
  }
}
