/// Which code computes `y = x W^T`, by the number of rows of x.
///
/// A fixed rule, not a calibration at start: ranks that measured differently would compute the
/// same product in different orders, and a run would not repeat bit for bit. `kernel-bench`
/// measures both sides of each limit, so that the rule can be checked on a new machine.
public struct LinearDispatch: Sendable, Hashable, Codable {
  /// One row: padtax's kernel (true), or `cblas_sgemv` (false).
  public var ownVectorProduct: Bool
  /// Largest number of rows that padtax's skinny kernel takes; from there on `cblas_sgemm`.
  public var ownRows: Int

  public init(ownVectorProduct: Bool, ownRows: Int) {
    self.ownVectorProduct = ownVectorProduct
    self.ownRows = ownRows
  }

  /// The rule for a variant of padtax's kernels.
  ///
  /// Measured on Zen 4 beside OpenBLAS 0.3.21 (`kernel-bench crossover`): the AVX-512 kernel is
  /// 3 to 3.7 times as fast with 8 rows, 1.2 to 1.3 times with 32, equal with 64. The AVX2 limit
  /// is an estimate from its speed in the cache, two thirds of the AVX-512 kernel's.
  public static func rule(for instructionSet: InstructionSet) -> LinearDispatch {
    switch instructionSet {
    case .avx512: LinearDispatch(ownVectorProduct: true, ownRows: 32)
    case .avx2: LinearDispatch(ownVectorProduct: true, ownRows: 16)
    case .portable: LinearDispatch(ownVectorProduct: false, ownRows: 1)
    }
  }
}
