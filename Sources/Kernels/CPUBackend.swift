import CKernels
import Tensors

/// The CPU backend: a CBLAS library for large products, padtax's own C kernels for the rest.
///
/// Operations are cut into parts for the threads of the rank; the library is called from each of
/// them, and starts none of its own. Every operation is done when it returns.
public final class CPUBackend: HostBackend {
  public let provenance: BackendProvenance
  /// Which code computes linear layers, by the number of rows.
  public let dispatch: LinearDispatch
  let blas: CBLAS
  let kernels: ck_kernels
  public let weightFormat: StorageFormat
  public let cacheFormat: StorageFormat
  /// Which code computes products in bfloat16.
  public let bfloat16Dispatch: BFloat16Dispatch
  let bfloat16: ck_bf16_kernels
  let team: ThreadTeam
  /// Rounded inputs of a product.
  var operands: ThreadScratch
  /// Rounded inputs that all threads read, and each thread's block of a widened weight.
  var rounded = Storage(count: 0)
  var widened: ThreadScratch
  /// Rows of a weight on their way into it.
  var loading: ThreadScratch
  /// Bytes of keys and values that stay in a core's second-level cache from step to step.
  let cachedBytes = ck_second_level_cache() / 2
  /// Scratch memory of attention, and its tasks.
  var workspace: ThreadScratch
  var attentionTasks: [AttentionTask] = []
  /// What shares of long contexts gave, until they are put together.
  var shareMemory = Storage(count: 0)

  /// Loads the library and picks the kernels.
  ///
  /// - Parameters:
  ///   - threads: Threads of the rank, the caller's one of them.
  ///   - instructionSet: The kernels to use; the widest that the machine runs by default.
  ///   - dispatch: Overrides `LinearDispatch.rule`.
  ///   - weights: What weights are kept in.
  ///   - cache: What caches are made of.
  ///   - bfloat16: The kernels for it; the best that the machine runs by default.
  public init(
    blas selection: BLASSelection = .openBLAS, threads: Int = 1,
    instructionSet: InstructionSet? = nil, dispatch: LinearDispatch? = nil,
    weights: StorageFormat = .float32, cache: StorageFormat = .float32,
    bfloat16 variant: BFloat16Variant? = nil, bfloat16Dispatch: BFloat16Dispatch? = nil
  ) throws(KernelsError) {
    let name = instructionSet?.rawValue ?? String(cString: ck_instruction_set())
    guard let table = ck_kernels_named(name), let set = InstructionSet(rawValue: name) else {
      throw KernelsError.instructionSetMissing(
        asked: name, available: CPUBackend.availableInstructionSets.map(\.rawValue))
    }
    let half = try BFloat16Variant.table(variant)
    let halfRule = bfloat16Dispatch ?? BFloat16Dispatch.rule(for: half)
    let library = try CBLAS(selection)
    team = try ThreadTeam(threads: threads)
    (operands, widened, workspace, loading) = (
      ThreadScratch(threads: threads), ThreadScratch(threads: threads),
      ThreadScratch(threads: threads), ThreadScratch(threads: max(threads, 2))
    )
    weightFormat = weights
    cacheFormat = cache
    bfloat16 = half
    self.bfloat16Dispatch = halfRule
    blas = library
    kernels = table.pointee
    let rule = dispatch ?? LinearDispatch.rule(for: set)
    self.dispatch = rule
    provenance = BackendProvenance(
      name: "cpu", library: library.path, core: library.core, version: library.version,
      instructionSet: name, threads: threads,
      notes: (weights == .bfloat16 ? halfRule.notes : [rule.note])
        + (cache == .bfloat16 ? [BFloat16Dispatch.attentionNote(half)] : []),
      warnings: CPUBackend.warnings(library))
  }

  /// What this machine can run, widest first.
  public static var availableInstructionSets: [InstructionSet] {
    InstructionSet.allCases.filter { ck_kernels_named($0.rawValue) != nil }
  }

  private static func warnings(_ library: CBLAS) -> [String] {
    guard library.core == "Prescott", ck_has_avx2() == 1 else { return [] }
    return [
      "\(library.path) runs its SSE3 kernels (core Prescott) on a CPU with AVX2: products take "
        + "about five times as long as they should. Set OPENBLAS_CORETYPE=auto in the "
        + "environment before the program starts"
    ]
  }
}
