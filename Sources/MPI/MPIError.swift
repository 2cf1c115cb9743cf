import CMPI

/// A failed MPI call: what was asked, what MPI answered, on which communicator, with which peer.
public struct MPIError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The MPI function, such as `MPI_Send`.
  public let operation: String
  /// MPI's error code; implementation defined, see `text`.
  public let code: Int32
  /// MPI's text of the code, or ours where the mistake was found before the call.
  public let text: String
  /// Name of the communicator's label, with this process's rank and the size, if there is one.
  public let communicator: String?
  /// The other rank (or the root), if the call names one.
  public let peer: Int?

  init(operation: String, code: Int32, text: String, communicator: String?, peer: Int?) {
    self.operation = operation
    self.code = code
    self.text = text
    self.communicator = communicator
    self.peer = peer
  }

  public var description: String {
    var line = operation
    if let communicator { line += " on \(communicator)" }
    if let peer { line += ", peer rank \(peer)" }
    return line + ": \(text) (code \(code))"
  }
}

/// Turns a return code into an error. Each MPI call of this module passes through here.
///
/// The closure-free form keeps the good path at one comparison.
@inline(__always)
func check(
  _ code: CInt, _ operation: StaticString, _ communicator: borrowing Communicator, peer: Int? = nil
) throws(MPIError) {
  if code != cmpi_success() {
    throw failure(code, operation, communicator: communicator.place, peer: peer)
  }
}

/// The same where no communicator of ours is involved.
func check(
  _ code: CInt, _ operation: StaticString, communicator: String? = nil
) throws(MPIError) {
  if code != cmpi_success() {
    throw failure(code, operation, communicator: communicator, peer: nil)
  }
}

@inline(never)
func failure(
  _ code: CInt, _ operation: StaticString, communicator: String?, peer: Int?
) -> MPIError {
  MPIError(
    operation: operation.description, code: code, text: errorText(code),
    communicator: communicator, peer: peer)
}

/// MPI's own text for a code (MPI 3.1, section 8.4).
func errorText(_ code: CInt) -> String {
  readText { text, length in cmpi_error_string(code, text, length) }
    ?? "MPI has no text for this code"
}

/// Reads one of MPI's fixed-size strings; nil where the call fails.
func readText(
  _ call: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<CInt>) -> CInt
) -> String? {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(cmpi_text_capacity())) { buffer in
    guard let text = buffer.baseAddress else { return nil }
    var length: CInt = 0
    guard call(text, &length) == cmpi_success() else { return nil }
    let bytes = UnsafeRawBufferPointer(start: text, count: max(0, Int(length)))
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
