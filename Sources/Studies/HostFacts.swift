import FoundationEssentials
import Glibc

/// What the launcher must know about this machine.
public struct HostFacts: Sendable, Hashable {
  /// Physical cores that this process may use, capped by the control group's CPU quota.
  public var cores: Int
  public var memoryBytes: Int
  /// Memory that can be had without swapping.
  public var availableBytes: Int
  public var isRoot: Bool
  public var name: String
  public var cpuModel: String

  public init(
    cores: Int, memoryBytes: Int, availableBytes: Int, isRoot: Bool, name: String, cpuModel: String
  ) {
    self.cores = cores
    self.memoryBytes = memoryBytes
    self.availableBytes = availableBytes
    self.isRoot = isRoot
    self.name = name
    self.cpuModel = cpuModel
  }

  public static func detect() -> HostFacts {
    let memory = memory()
    return HostFacts(
      cores: usableCores(), memoryBytes: memory.total, availableBytes: memory.available,
      isRoot: geteuid() == 0, name: hostName(), cpuModel: cpuModel())
  }

  /// CPUs of the affinity mask, those that share a core counted once.
  private static func usableCores() -> Int {
    let status = (text("/proc/self/status") ?? "").split(separator: "\n")
    let line = status.first { $0.hasPrefix("Cpus_allowed_list:") }
    let cpus = cpuList(String(line?.drop { $0 != ":" }.dropFirst() ?? "0"))
    let cores = Set(
      cpus.map { cpu in
        text("/sys/devices/system/cpu/cpu\(cpu)/topology/thread_siblings_list") ?? "cpu\(cpu)"
      })
    return max(1, min(cores.count, quota() ?? .max))
  }

  /// The CPUs of a list in Linux's format: `0-3,8`.
  static func cpuList(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { end in
        Int(end.filter { $0.isNumber })
      }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }

  /// Whole CPUs of the control group's quota.
  private static func quota() -> Int? {
    let fields = text("/sys/fs/cgroup/cpu.max")?.split(separator: " ") ?? []
    guard fields.count == 2, let limit = Double(fields[0]), let period = Double(fields[1]),
      period > 0
    else { return nil }
    return max(1, Int(limit / period))
  }

  private static func memory() -> (total: Int, available: Int) {
    var values: [String: Int] = [:]
    for line in (text("/proc/meminfo") ?? "").split(separator: "\n") {
      let fields = line.split(whereSeparator: { $0 == ":" || $0 == " " })
      if fields.count >= 2, let kibibytes = Int(fields[1]) {
        values[String(fields[0])] = kibibytes * 1024
      }
    }
    var total = values["MemTotal"] ?? 0
    var available = values["MemAvailable"] ?? total
    if let limit = text("/sys/fs/cgroup/memory.max").flatMap({ Int($0) }) {
      let used = text("/sys/fs/cgroup/memory.current").flatMap { Int($0) } ?? 0
      total = min(total, limit)
      available = min(available, max(0, limit - used))
    }
    return (total, available)
  }

  private static func cpuModel() -> String {
    let lines = (text("/proc/cpuinfo") ?? "").split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("model name") }),
      let colon = line.firstIndex(of: ":")
    else { return "unknown CPU" }
    return String(line[line.index(after: colon)...].drop { $0 == " " })
  }

  private static func hostName() -> String {
    text("/proc/sys/kernel/hostname") ?? "unknown host"
  }

  /// A small text file without its last line end.
  static func text(_ path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let text = String(decoding: data, as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}
