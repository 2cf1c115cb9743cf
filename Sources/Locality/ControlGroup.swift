/// Reads limits that control groups put on this process: version 2, or version 1 where mounted.
///
/// A limit may stand at any level above the process, so each one up to the root is read and the
/// tightest counts. Sources: the kernel's admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst,
/// scheduler/sched-bwc.rst.
struct ControlGroup {
  /// Text of a file, nil where it is not there; tests put their own here.
  var read: (String) -> String? = readSmallFile

  /// CPUs' worth of time granted, such as 1.5; nil without a limit.
  func cpuQuota() -> Double? {
    let unified = folders(controller: nil).compactMap { folder -> Double? in
      // "max 100000" or "150000 100000", in microseconds.
      let words = read(folder + "/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
      guard words.count == 2, let quota = Double(words[0]), let period = Double(words[1]),
        quota > 0, period > 0
      else { return nil }
      return quota / period
    }
    let classic = folders(controller: "cpu").compactMap { folder -> Double? in
      guard let quota = read(folder + "/cpu.cfs_quota_us").flatMap({ Double($0.trimmed) }),
        let period = read(folder + "/cpu.cfs_period_us").flatMap({ Double($0.trimmed) }),
        quota > 0, period > 0
      else { return nil }
      return quota / period
    }
    return (unified + classic).min()
  }

  /// The level with the least memory left: its limit and what is used of it, bytes.
  func memory() -> (limit: Int, used: Int)? {
    let unified = folders(controller: nil).compactMap { folder in
      pair(folder + "/memory.max", folder + "/memory.current")
    }
    let classic = folders(controller: "memory").compactMap { folder in
      pair(folder + "/memory.limit_in_bytes", folder + "/memory.usage_in_bytes")
    }
    return (unified + classic).min { $0.limit - $0.used < $1.limit - $1.used }
  }

  private func pair(_ limitPath: String, _ usedPath: String) -> (limit: Int, used: Int)? {
    guard let limit = read(limitPath).flatMap({ Int($0.trimmed) }),
      let used = read(usedPath).flatMap({ Int($0.trimmed) })
    else { return nil }
    // Version 1 says "no limit" with a number near 2^63.
    return limit < 1 << 60 ? (limit, used) : nil
  }

  /// The process's folder and those above it; nil asks for version 2.
  func folders(controller: String?) -> [String] {
    guard let table = read("/proc/self/cgroup") else { return [] }
    for line in table.split(separator: "\n") {
      // "0::/path" (version 2) or "4:cpu,cpuacct:/path" (version 1).
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let root: String
      if let controller {
        guard parts[1].split(separator: ",").contains(Substring(controller)) else { continue }
        root = "/sys/fs/cgroup/\(controller)"
      } else {
        guard parts[0] == "0", parts[1].isEmpty else { continue }
        root = "/sys/fs/cgroup"
      }
      var steps = parts[2].split(separator: "/")
      var result: [String] = []
      while !steps.isEmpty {
        result.append(([root] + steps.map(String.init)).joined(separator: "/"))
        steps.removeLast()
      }
      return result + [root]
    }
    return []
  }
}
