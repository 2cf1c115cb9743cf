/// Memory of this process, in bytes, from /proc/self/status.
public struct MemoryUsage: Sendable, Hashable, Codable {
  /// Resident now (VmRSS); shared mappings count in full.
  public let resident: Int
  /// The most that ever was resident (VmHWM).
  public let peakResident: Int

  /// Reads /proc/self/status.
  public static func current() throws(LocalityError) -> MemoryUsage {
    try parsing(readSmallFile("/proc/self/status"))
  }

  static func parsing(_ status: String?) throws(LocalityError) -> MemoryUsage {
    let table = try KibibyteTable(status, path: "/proc/self/status")
    return MemoryUsage(
      resident: try table.bytes("VmRSS"), peakResident: try table.bytes("VmHWM"))
  }
}

/// Memory of this host and the control groups' limit on it, in bytes.
public struct AvailableMemory: Sendable, Hashable, Codable {
  /// All memory of the host (MemTotal).
  public let total: Int
  /// What new work can have without swapping, in the kernel's estimate (MemAvailable).
  public let available: Int
  /// The tightest control group's limit; nil without one.
  public let cgroupLimit: Int?
  /// What that control group uses, page cache included.
  public let cgroupUsed: Int?

  init(total: Int, available: Int, cgroupLimit: Int?, cgroupUsed: Int?) {
    self.total = total
    self.available = available
    self.cgroupLimit = cgroupLimit
    self.cgroupUsed = cgroupUsed
  }

  /// What this process can still have: the available memory, at most what its control group leaves.
  public var usable: Int {
    guard let cgroupLimit, let cgroupUsed else { return available }
    return max(0, min(available, cgroupLimit - cgroupUsed))
  }

  /// Reads /proc/meminfo and the control groups.
  public static func current() throws(LocalityError) -> AvailableMemory {
    let table = try KibibyteTable(readSmallFile("/proc/meminfo"), path: "/proc/meminfo")
    let group = ControlGroup().memory()
    return AvailableMemory(
      total: try table.bytes("MemTotal"), available: try table.bytes("MemAvailable"),
      cgroupLimit: group?.limit, cgroupUsed: group?.used)
  }
}

/// Lines of the form `VmRSS:     1234 kB`.
struct KibibyteTable {
  private let path: String
  private var values: [String: Int] = [:]

  init(_ text: String?, path: String) throws(LocalityError) {
    guard let text else { throw LocalityError(path, "cannot be read: \(errnoText())") }
    self.path = path
    for line in text.split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let words = line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace)
      guard words.count == 2, words[1] == "kB", let value = Int(words[0]) else { continue }
      values[line[..<colon].trimmed] = value
    }
  }

  func bytes(_ key: String) throws(LocalityError) -> Int {
    guard let value = values[key] else {
      throw LocalityError(path, "holds no line \"\(key): N kB\"")
    }
    return value * 1024
  }
}
