import Glibc
import Synchronization

/// Zeroed memory in huge pages, which Linux is asked for (`MADV_HUGEPAGE`) and gives on first touch.
///
/// Reading ahead in hardware ends at a page's end, and pages of 4 KiB want a translation each: a
/// matrix of 1.6 MB on small pages was read at 0.8 of the speed. So blocks that would not fill pages
/// of their own share a region, one behind the other; it is unmapped when the last of them is gone.
final class HugeRegion: @unchecked Sendable {
  /// Bytes of a huge page of x86-64, and of arm64 with pages of 4 KiB.
  static let page = 2 << 20
  /// Bytes of a region that blocks share.
  static let sharedBytes = 32 << 20

  /// Begins a huge page.
  let address: UnsafeMutableRawPointer
  private let bytes: Int

  /// - Parameter elements: that were asked for, to be named where there is no memory.
  init(bytes: Int, elements: Int) throws(StorageError) {
    let (wanted, overflow) = bytes.addingReportingOverflow(Self.page)
    guard !overflow else { throw StorageError(count: elements, code: ENOMEM) }
    // MAP_FAILED is a macro cast that does not import: it is the all-ones address.
    let mapped = mmap(nil, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped, UInt(bitPattern: mapped) != UInt.max else {
      throw StorageError(count: elements, code: errno)
    }
    let before = -Int(bitPattern: mapped) & (Self.page - 1)
    let small = Int(sysconf(Int32(_SC_PAGESIZE)))
    self.bytes = (bytes + small - 1) / small * small
    address = mapped + before
    if before > 0 { munmap(mapped, before) }
    let behind = before + self.bytes
    if behind < wanted { munmap(mapped + behind, wanted - behind) }
    #if os(Linux)
      // Advice only: without huge pages the block works all the same.
      _ = madvise(address, self.bytes, Int32(MADV_HUGEPAGE))
    #endif
  }

  deinit { munmap(address, bytes) }

  private struct Open {
    var region: HugeRegion
    var used = 0
  }

  private static let open = Mutex<Open?>(nil)

  /// A part of a region, aligned as a storage is: memory that nobody has had before.
  static func part(
    bytes: Int, elements: Int
  ) throws(StorageError) -> (address: UnsafeMutableRawPointer, region: HugeRegion) {
    precondition(bytes <= sharedBytes, "a larger block has a region of its own")
    return try open.withLock { (open) throws(StorageError) in
      let size = (bytes + Storage.alignment - 1) / Storage.alignment * Storage.alignment
      var current =
        if let open, open.used + size <= sharedBytes { open } else {
          Open(region: try HugeRegion(bytes: sharedBytes, elements: elements))
        }
      let address = current.region.address + current.used
      current.used += size
      open = current
      return (address, current.region)
    }
  }
}
