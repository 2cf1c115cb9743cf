import Glibc
import MPI

/// Collects results: a check holds when it holds on every rank.
final class Checks {
  private let control: Communicator
  private var passed = 0
  private var failed = 0

  init(control: consuming Communicator) { self.control = control }

  /// Collective: every rank states the same check in the same order.
  func expect(
    _ name: String, _ holds: Bool, _ found: @autoclosure () -> Any? = nil
  ) throws(MPIError) {
    if !holds { complain("rank \(control.rank): \(name): \(String(describing: found()))") }
    var verdict: [Int32] = [holds ? 1 : 0]
    try control.allReduce(inPlace: &verdict, .min)
    if verdict[0] == 1 { passed += 1 } else { failed += 1 }
    if control.rank == 0 { print("\(verdict[0] == 1 ? "ok" : "FAIL") - \(name)") }
  }

  func equal<V: Equatable>(_ name: String, _ found: V, _ wanted: V) throws(MPIError) {
    try expect(name, found == wanted, "found \(found), wanted \(wanted)")
  }

  /// Prints the count; returns the number of failed checks, the same on every rank.
  func finish() -> Int {
    if control.rank == 0 {
      print("rank-checks on \(control.size) ranks: \(passed) passed, \(failed) failed")
    }
    return failed
  }

  private func complain(_ line: String) {
    let text = line + "\n"
    _ = text.utf8.withContiguousStorageIfAvailable {
      write(STDERR_FILENO, $0.baseAddress, $0.count)
    }
  }
}

/// The error a call throws; nil where it does not.
func errorOf(_ body: () throws(MPIError) -> Void) -> MPIError? {
  do throws(MPIError) {
    try body()
    return nil
  } catch {
    return error
  }
}

/// An element that can be made from a small integer, so that sums are exact in every type.
protocol SmallNumber: MPIElement, Equatable {
  init(_ value: Int)
}
extension Float: SmallNumber {}
extension Double: SmallNumber {}
extension Int32: SmallNumber {}
extension Int64: SmallNumber {}
extension UInt8: SmallNumber {}
extension UInt64: SmallNumber {}
extension BFloat16Word: SmallNumber {
  /// Exact below 256.
  init(_ value: Int) { self.init(bits: UInt16(Float(value).bitPattern >> 16)) }
  public static func == (a: Self, b: Self) -> Bool { a.bits == b.bits }
}

/// Memory at a fixed address, as operations that start want it.
///
/// Never freed: an optimised build may end an object right after its pointer was read, before the
/// call that uses the pointer, and the process is short.
struct Landing<T: SmallNumber> {
  let buffer: UnsafeMutableBufferPointer<T>
  init(_ values: [T]) {
    buffer = .allocate(capacity: values.count)
    _ = buffer.initialize(from: values)
  }
  init(count: Int) { self.init([T](repeating: T(99), count: count)) }
  var values: [T] { Array(buffer) }
  var constant: UnsafeBufferPointer<T> { UnsafeBufferPointer(buffer) }
}
