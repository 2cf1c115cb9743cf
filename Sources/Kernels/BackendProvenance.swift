/// Which code computes: what a record needs so that its numbers can be traced.
public struct BackendProvenance: Sendable, Hashable, Codable {
  /// `reference`, `cpu`, …
  public var name: String
  /// File of the BLAS that answered; empty where there is none.
  public var library: String
  /// Kernel family that the library chose, in its own words (OpenBLAS core name).
  public var core: String
  /// Version or configuration of the library, in its own words.
  public var version: String
  /// Instruction set of padtax's own kernels: `avx512`, `avx2`, `portable`, …
  public var instructionSet: String
  /// Threads of the library; padtax's own kernels run on the calling thread.
  public var threads: Int
  /// Choices that a reader of a result may want to know, in reading order.
  public var notes: [String]
  /// What makes the figures doubtful; to be shown, not just stored.
  public var warnings: [String]

  public init(
    name: String, library: String = "", core: String = "", version: String = "",
    instructionSet: String = "", threads: Int = 1, notes: [String] = [], warnings: [String] = []
  ) {
    self.name = name
    self.library = library
    self.core = core
    self.version = version
    self.instructionSet = instructionSet
    self.threads = threads
    self.notes = notes
    self.warnings = warnings
  }
}
