/// The element types of the safetensors format that take whole bytes.
///
/// Source: the `Dtype` list of the safetensors reference implementation. Its types below one byte
/// (F4, F6_E2M3, F6_E3M2) are refused when a file is opened.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
  case bool = "BOOL"
  case uint8 = "U8"
  case int8 = "I8"
  case float8e5m2 = "F8_E5M2"
  case float8e4m3 = "F8_E4M3"
  case float8e8m0 = "F8_E8M0"
  case int16 = "I16"
  case uint16 = "U16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case int32 = "I32"
  case uint32 = "U32"
  case float32 = "F32"
  case float64 = "F64"
  case int64 = "I64"
  case uint64 = "U64"
  case complex64 = "C64"

  /// Bytes of one element.
  public var bytes: Int {
    switch self {
    case .bool, .uint8, .int8, .float8e5m2, .float8e4m3, .float8e8m0: 1
    case .int16, .uint16, .float16, .bfloat16: 2
    case .int32, .uint32, .float32: 4
    case .float64, .int64, .uint64, .complex64: 8
    }
  }

  /// Whether the elements can be read as `Float` without loss: F32, F16 and BF16.
  public var isReadableAsFloat: Bool {
    switch self {
    case .float32, .float16, .bfloat16: true
    default: false
    }
  }
}

/// One tensor as a file's header describes it.
public struct TensorDescription: Hashable, Sendable {
  public let name: String
  public let elementType: ElementType
  /// Outermost dimension first; empty for a scalar.
  public let shape: [Int]
  /// Where its bytes are in the file, counted from the start of the file.
  public let byteRange: Range<Int>
  /// Path of the file.
  public let file: String

  /// Product of the shape.
  public var elementCount: Int { byteRange.count / elementType.bytes }
}
