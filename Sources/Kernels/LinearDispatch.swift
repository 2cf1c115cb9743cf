import CKernels

/// Which code computes `y = x W^T`, by the number of rows of x.
///
/// A fixed rule, not a calibration at start: ranks that measured differently would compute the
/// same product in different orders, and a run would not repeat bit for bit. `kernel-bench`
/// measures both sides of each limit, so that the rule can be checked on a new machine.
public struct LinearDispatch: Sendable, Hashable, Codable {
  /// Weights are packed when they are made, and padtax's kernel takes any number of rows, where the
  /// instruction set has one for it; what follows is of weights that are not.
  public var isPacked: Bool
  /// One row: padtax's kernel (true), or `cblas_sgemv` (false).
  public var ownVectorProduct: Bool
  /// Largest number of rows that padtax's skinny kernel takes; from there on `cblas_sgemm`.
  public var ownRows: Int

  public init(ownVectorProduct: Bool, ownRows: Int, isPacked: Bool = false) {
    self.isPacked = isPacked
    self.ownVectorProduct = ownVectorProduct
    self.ownRows = ownRows
  }

  /// The rule for a variant of padtax's kernels.
  ///
  /// Measured on Zen 4 beside OpenBLAS 0.3.21 (docs/SPEED.md): on packed weights padtax's AVX-512
  /// and AVX2 kernels are ahead of the library and of its own other kernel with any number of rows.
  /// Intel's CPUs, on which that was not measured, keep the library. There `ownRows` holds, which was
  /// measured on Zen 4 too (`kernel-bench crossover`): the AVX-512 kernel is 3 to 3.7 times as fast
  /// with 8 rows, 1.2 to 1.3 times with 32, equal with 64. The AVX2 limit is an estimate from its
  /// speed in the cache, two thirds of the AVX-512 kernel's.
  public static func rule(for instructionSet: InstructionSet) -> LinearDispatch {
    let isPacked = ck_is_amd() == 1
    return switch instructionSet {
    case .avx512: LinearDispatch(ownVectorProduct: true, ownRows: 32, isPacked: isPacked)
    case .avx2: LinearDispatch(ownVectorProduct: true, ownRows: 16, isPacked: isPacked)
    case .portable: LinearDispatch(ownVectorProduct: false, ownRows: 1)
    }
  }

  /// The rule in words, for provenance.
  var note: String {
    if isPacked { return "linear: own kernel on packed weights" }
    let one = ownVectorProduct ? "own kernel" : "cblas_sgemv"
    guard ownRows > 1 else { return "linear: 1 row \(one), more cblas_sgemm" }
    return "linear: 1 row \(one), 2...\(ownRows) rows own kernel, more cblas_sgemm"
  }
}
