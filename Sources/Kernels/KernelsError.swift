/// What can go wrong when a backend is made or asked for memory.
public enum KernelsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No CBLAS could be loaded; `tried` lists each candidate with the loader's reason.
  case libraryNotFound(asked: String, tried: String)
  /// The machine lacks the instruction set that was asked for.
  case instructionSetMissing(asked: String, available: [String])
  case invalidThreads(Int)
  /// The system did not start so many threads.
  case threads(Int)
  /// Memory ran out; `reason` has the size.
  case allocation(reason: String)
  /// A weight and its bias, or another input, do not fit together.
  case invalidShape(String)

  public var description: String {
    switch self {
    case .libraryNotFound(let asked, let tried):
      "no CBLAS library could be loaded (asked for \(asked)); tried: \(tried). Install OpenBLAS "
        + "(Debian, Ubuntu: libopenblas0-pthread), or name a library file such as libmkl_rt.so "
        + "or libblis.so"
    case .instructionSetMissing(let asked, let available):
      "this machine has no \(asked) kernels; valid choices: \(available.joined(separator: ", "))"
    case .invalidThreads(let threads):
      "\(threads) threads were asked for; valid choices: 1...1024"
    case .threads(let threads):
      "the system did not start \(threads) threads; take fewer, or raise its limit (ulimit -u)"
    case .allocation(let reason): reason
    case .invalidShape(let text): text
    }
  }
}
