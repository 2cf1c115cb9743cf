/// Element types that travel. Raw values are those of the `CMPI_*` constants in the C shim.
public enum ElementKind: UInt8, Sendable, Hashable, Codable, CaseIterable {
  case float = 0
  case double = 1
  case int32 = 2
  case int64 = 3
  case uint8 = 4
  case uint64 = 5
  case bfloat16 = 6

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float, .int32: 4
    case .double, .int64, .uint64: 8
    case .uint8: 1
    case .bfloat16: 2
    }
  }
}

/// A Swift type with an MPI datatype of the same size and meaning.
public protocol MPIElement: BitwiseCopyable, Sendable {
  static var kind: ElementKind { get }
}

extension Float: MPIElement {
  @inlinable public static var kind: ElementKind { .float }
}
extension Double: MPIElement {
  @inlinable public static var kind: ElementKind { .double }
}
extension Int32: MPIElement {
  @inlinable public static var kind: ElementKind { .int32 }
}
extension Int64: MPIElement {
  @inlinable public static var kind: ElementKind { .int64 }
}
extension UInt8: MPIElement {
  @inlinable public static var kind: ElementKind { .uint8 }
}
extension UInt64: MPIElement {
  @inlinable public static var kind: ElementKind { .uint64 }
}

/// The bits of a bfloat16: the upper half of a float. Sums are rounded to nearest even, each.
@frozen public struct BFloat16Word: MPIElement {
  public var bits: UInt16
  @inlinable public init(bits: UInt16) { self.bits = bits }
  @inlinable public static var kind: ElementKind { .bfloat16 }
}

/// How elements of different ranks are combined. Raw values are those of `cmpi_op` in the C shim.
public enum ReduceOperation: UInt8, Sendable, Hashable, Codable, CaseIterable {
  case sum = 0
  case max = 1
  case min = 2
}
