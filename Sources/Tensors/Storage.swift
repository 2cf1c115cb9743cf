#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory could not be obtained from the operating system.
public struct StorageError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The elements that were asked for.
  public let count: Int
  /// `errno` of the failed call.
  public let code: Int32

  public var description: String {
    "cannot allocate \(count) float32 elements of 4 bytes: "
      + "errno \(code) (\(String(cString: strerror(code)))); "
      + "use a smaller model, batch or context, or more ranks"
  }
}

/// An owned block of elements, float32 but for those of a device, aligned to 64 bytes and freed by
/// ARC.
///
/// Blocks of 128 KiB and more lie in huge pages (`HugeRegion`), which arrive on first touch. The
/// class does no synchronisation: one writer at a time, as with any memory.
public final class Storage: @unchecked Sendable {
  /// Elements in the block.
  public let count: Int
  /// The first element. Valid as long as this object lives.
  public let pointer: UnsafeMutablePointer<Float>
  /// How elements come to the host; nil where they are there.
  public let staging: (any StagedMemory)?
  /// What an element is where it lies. Always float32 in host memory, of which bfloat16 elements
  /// take half a float each.
  public let format: StorageFormat
  private let release: @Sendable () -> Void

  /// From this many bytes on a block lies in a region, which it shares with others up to as many.
  static let regionThreshold = 128 << 10
  static let ownRegionThreshold = 4 << 20
  static let alignment = 64

  /// Allocates zero-filled elements; traps where the system has no memory left.
  ///
  /// Use `init(allocating:)` for sizes that come from input.
  public convenience init(count: Int) {
    do {
      try self.init(allocating: count)
    } catch {
      preconditionFailure(error.description)
    }
  }

  /// Allocates zero-filled elements.
  public init(allocating count: Int) throws(StorageError) {
    precondition(count >= 0, "a storage cannot have \(count) elements")
    let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(
      by: MemoryLayout<Float>.stride)
    guard !overflow else { throw StorageError(count: count, code: ENOMEM) }
    let address: UnsafeMutableRawPointer
    if bytes >= Storage.regionThreshold {
      let region: HugeRegion
      if bytes < Storage.ownRegionThreshold {
        (address, region) = try HugeRegion.part(bytes: bytes, elements: count)
      } else {
        region = try HugeRegion(bytes: bytes, elements: count)
        address = region.address
      }
      // The region ends with its last holder.
      release = { withExtendedLifetime(region) {} }
    } else {
      var allocated: UnsafeMutableRawPointer?
      let code = posix_memalign(&allocated, Storage.alignment, bytes)
      guard code == 0, let allocated else { throw StorageError(count: count, code: code) }
      memset(allocated, 0, bytes)
      address = allocated
      let owned = UInt(bitPattern: allocated)
      release = { free(UnsafeMutableRawPointer(bitPattern: owned)) }
    }
    self.count = count
    staging = nil
    format = .float32
    pointer = address.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  /// Wraps memory that somebody else allocated: device memory, or a mapped file.
  ///
  /// - Parameters:
  ///   - count: Elements at `address`.
  ///   - address: Aligned for `Float`; it may be a device address, which no host code reads.
  ///   - format: of an element at that address.
  ///   - staging: how elements come to the host, where host code cannot read them.
  ///   - release: Called once, when the last reference is gone.
  public init(
    count: Int, address: UnsafeMutableRawPointer, format: StorageFormat = .float32,
    staging: (any StagedMemory)? = nil, release: @escaping @Sendable () -> Void
  ) {
    precondition(count >= 0, "a storage cannot have \(count) elements")
    precondition(
      UInt(bitPattern: address) % UInt(MemoryLayout<Float>.alignment) == 0,
      "the address of a storage must be aligned for Float")
    self.count = count
    self.format = format
    self.staging = staging
    pointer = address.assumingMemoryBound(to: Float.self)
    self.release = release
  }

  deinit { release() }
}
