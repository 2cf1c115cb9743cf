/// Memory of a device as messages need it: elements in the format in which they travel, and copies
/// that go on while the host does something else. All matrices are contiguous.
public protocol DeviceMessages: StagedMemory {
  /// Memory of the device for a message of `count` elements.
  func messageStorage(_ count: Int, _ format: StorageFormat) throws -> Storage
  /// The matrix as it travels: itself, or a matrix of its shape in shared room of the device. Each
  /// `room` (0 or 1) is used again by the next who asks.
  func wire(_ matrix: Matrix, _ format: StorageFormat, room: Int) -> Matrix
  /// Asks for the elements of one matrix in another of as many, whatever the formats; nothing where
  /// both are the same memory.
  func convert(_ source: Matrix, into target: Matrix)
  /// Waits for everything that was asked for.
  func settle()
  /// Asks for a copy into page-locked host memory; `ticket` in 0..<`copyTickets` is what to wait for.
  func startCopy(_ source: Matrix, toHost target: UnsafeMutableRawPointer, ticket: Int)
  func finish(ticket: Int)
  /// Asks for a copy from page-locked host memory, which must stay as it is until `settle`.
  func startCopy(fromHost source: UnsafeRawPointer, to target: Matrix)
}

/// Copies that can be waited for one by one.
public let copyTickets = 16

/// Ranks that exchange messages from device to device without the host; what fails there ends the
/// process. Each member calls the same in the same order.
public protocol DeviceGroup: AnyObject, Sendable {
  /// Sums all members' elements in place; done on return, as are the next two.
  func allReduce(_ matrix: Matrix)
  /// Fills in the other members' equal parts; this member's is in its place.
  func allGather(_ matrix: Matrix)
  /// Sums all members' [size · count] elements and leaves this member's block [count].
  func reduceScatter(_ matrix: Matrix, into block: Matrix)
  /// Starts sending, after what the device was asked for before; the number is for `finishSend`.
  func startSend(_ matrix: Matrix, to peer: Int) -> Int
  /// Waits until the memory of a send may be written again.
  func finishSend(_ number: Int)
  /// Receives; done on return.
  func receive(_ matrix: Matrix, from peer: Int)
}

/// How the messages of matrices in a device's memory go.
public struct DevicePath: Sendable {
  public enum Way: Sendable {
    /// Through page-locked host memory.
    case staged
    /// MPI follows the device's addresses.
    case direct
    /// From device to device.
    case group(any DeviceGroup)
  }
  public let memory: any DeviceMessages
  public let way: Way
  /// Bytes that are copied at once where a staged message overlaps its copies with its way.
  let part: Int

  /// - Parameter part: bytes, above 0.
  public init(memory: any DeviceMessages, way: Way, part: Int = 1 << 20) {
    self.memory = memory
    self.way = way
    self.part = part
  }

  /// Elements that are copied at once of a message: all ranks find the same.
  public func part(of count: Int, _ format: StorageFormat) -> Int {
    max(1, part / format.byteCount, (count + copyTickets - 1) / copyTickets)
  }
}

extension Matrix {
  /// Where the first element lies, of whatever format; host code follows it in host memory only.
  public var rawAddress: UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(storage.pointer) + offset * storage.format.byteCount
  }

  /// Consecutive elements of a contiguous matrix as one row.
  public func elements(_ range: Range<Int>) -> Matrix {
    precondition(isContiguous, "a strided view has no consecutive elements")
    return Matrix(
      storage: storage, offset: offset + range.lowerBound, rows: 1, columns: range.count)
  }
}
