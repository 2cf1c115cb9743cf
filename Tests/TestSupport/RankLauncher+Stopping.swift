import Glibc

extension RankLauncher {
  /// Waits until `program` runs with `word` among its arguments and has computed for some moments, and
  /// stops the youngest of these processes (SIGSTOP).
  /// - Returns: false when there is none within 60 s.
  public static func stopLastRank(_ program: String, with word: String) async -> Bool {
    for _ in 0..<1200 {
      try? await Task.sleep(for: .milliseconds(50))
      let ranks = processes(of: program, with: word).filter { processorSeconds($0) > 0.5 }
      guard ranks.count > 1, let last = ranks.max() else { continue }
      return kill(last, SIGSTOP) == 0
    }
    return false
  }

  private static func processes(of program: String, with word: String) -> [pid_t] {
    var found: [pid_t] = []
    guard let folder = opendir("/proc") else { return [] }
    defer { closedir(folder) }
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let process = pid_t(name) else { continue }
      let words = text("/proc/\(name)/cmdline").split(separator: "\0")
      if words.first?.hasSuffix("/" + program) == true, words.contains(Substring(word)) {
        found.append(process)
      }
    }
    return found
  }

  private static func processorSeconds(_ process: pid_t) -> Double {
    // Fields 14 and 15 of proc_pid_stat(5), counted behind the name in parentheses.
    let fields = text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ")
    guard let fields, fields.count > 12, let user = Double(fields[11]),
      let system = Double(fields[12])
    else { return 0 }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func text(_ path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&buffer, 1, buffer.count, file)
    return String(decoding: buffer[..<count], as: UTF8.self)
  }
}
