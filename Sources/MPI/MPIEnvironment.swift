import CMPI
import Glibc

/// What threads may do with MPI (MPI 3.1, section 12.4.3).
public enum ThreadLevel: Int, Sendable, Hashable, CaseIterable, Comparable {
  case single, funneled, serialized, multiple

  public static func < (a: ThreadLevel, b: ThreadLevel) -> Bool { a.rawValue < b.rawValue }

  var mpiValue: CInt {
    switch self {
    case .single: cmpi_thread_single()
    case .funneled: cmpi_thread_funneled()
    case .serialized: cmpi_thread_serialized()
    case .multiple: cmpi_thread_multiple()
    }
  }
}

/// MPI from initialisation to finalisation: own exactly one, in the scope of `main`.
///
/// Communicators and requests must end before it does; never store it in a top-level global, whose
/// `deinit` would not run. Initialisation makes errors return instead of killing the process.
public struct MPIEnvironment: ~Copyable {
  /// The thread level MPI granted, at least the one asked for.
  public let threads: ThreadLevel

  /// Initialises MPI. Throws when it was initialised before in this process, or when the library
  /// grants less than `threads`.
  public init(threads: ThreadLevel = .funneled) throws(MPIError) {
    self.threads = try Self.start(threads)
  }

  private static func start(_ threads: ThreadLevel) throws(MPIError) -> ThreadLevel {
    var initialized: CInt = 0
    try check(cmpi_initialized(&initialized), "MPI_Initialized")
    guard initialized == 0 else {
      throw MPIError(
        operation: "MPI_Init_thread", code: cmpi_err_other(),
        text: "MPI can be initialised only once in a process", communicator: nil, peer: nil)
    }
    var provided: CInt = 0
    let code = withoutFabric { cmpi_init(threads.mpiValue, &provided) }
    try check(code, "MPI_Init_thread")
    try check(cmpi_comm_errors_return(cmpi_comm_world()), "MPI_Comm_set_errhandler")
    try check(cmpi_comm_errors_return(cmpi_comm_self()), "MPI_Comm_set_errhandler")
    // The standard orders the levels (section 12.4.3), so <= is meaningful.
    let granted = ThreadLevel.allCases.last { $0.mpiValue <= provided } ?? .single
    guard granted >= threads else {
      _ = cmpi_finalize()  // The error below is the one that matters.
      throw MPIError(
        operation: "MPI_Init_thread", code: cmpi_err_other(),
        text: "asked for thread level \(threads), this MPI grants \(granted)",
        communicator: nil, peer: nil)
    }
    return granted
  }

  deinit {
    let code = cmpi_finalize()
    if code != cmpi_success() { complain("MPI_Finalize", code) }
  }

  /// The library's name and version, one line, such as `Open MPI v4.1.4, ...`.
  public static var libraryVersion: String {
    let text = readText { text, length in cmpi_library_version(text, length) } ?? "unknown"
    return String(text.split(whereSeparator: \.isNewline).first ?? "unknown")
  }

  /// Whether the library says that it can follow addresses of a GPU's memory; nil where it has no
  /// such answer (`MPIX_Query_cuda_support`, an extension of Open MPI, MPICH and others).
  public static var isCUDAAware: Bool? {
    // The library is linked: the loader's default scope has its symbols.
    guard let found = dlsym(nil, "MPIX_Query_cuda_support") else { return nil }
    return unsafeBitCast(found, to: (@convention(c) () -> CInt).self)() == 1
  }

  /// The version of the MPI standard, such as `3.1`.
  public static var standardVersion: String {
    var major: CInt = 0
    var minor: CInt = 0
    guard cmpi_standard_version(&major, &minor) == cmpi_success() else { return "unknown" }
    return "\(major).\(minor)"
  }

  /// MPI's name of this host.
  public var processorName: String {
    readText { text, length in cmpi_processor_name(text, length) } ?? "unknown"
  }

  /// Ends all ranks of the job at once with `code`; where MPI is not running, this process.
  public static func abort(code: Int32) -> Never {
    if isRunning {
      // MPI_Abort may be asynchronous; its code tells nothing that `exit` does not.
      _ = cmpi_abort(code)
    }
    exit(code)
  }

  /// True between initialisation and finalisation.
  public static var isRunning: Bool {
    var initialized: CInt = 0
    var finalized: CInt = 0
    guard cmpi_initialized(&initialized) == cmpi_success(),
      cmpi_finalized(&finalized) == cmpi_success()
    else { return false }
    return initialized != 0 && finalized == 0
  }
}

/// Reports a failure where throwing is impossible (a `deinit`).
func complain(_ operation: StaticString, _ code: CInt) {
  let line = "\(failure(code, operation, communicator: nil, peer: nil))\n"
  // The answer of a write to standard error changes nothing that could still be done.
  _ = line.utf8.withContiguousStorageIfAvailable { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}
