import Glibc
import Records

/// Paths as one folder sees another.
public enum RelativePath {
  /// The folder that holds `path`.
  public static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `target` as seen from `folder`; both absolute, without `.`, `..` and symbolic links.
  public static func from(_ folder: String, to target: String) -> String {
    let start = folder.split(separator: "/")
    let end = target.split(separator: "/")
    let shared = zip(start, end).prefix { $0 == $1 }.count
    let steps =
      Array(repeating: "..", count: start.count - shared) + end[shared...].map(String.init)
    return steps.isEmpty ? "." : steps.joined(separator: "/")
  }

  /// The path without links, nil when it does not exist.
  public static func resolved(_ path: String) -> String? {
    guard let text = realpath(path, nil) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }
}

extension JobSpecification {
  /// The job with its relative paths as seen from `folder`, which must exist, so that a copy of
  /// the job file kept there works. Absolute paths stay; the run directory can then move together
  /// with what it refers to.
  public func rebased(to folder: String) -> JobSpecification {
    var job = self
    if model.kind != .preset { job.model.value = Self.rebase(model.value, folder) }
    if workload.kind != .generate { job.workload.value = Self.rebase(workload.value, folder) }
    if case .virtual(var time) = clock {
      time.network = VirtualTime.network(time.network) { Self.rebase($0, folder) }
      job.clock = .virtual(time)
    }
    job.simulation = simulation?.placed { Self.rebase($0, folder) }
    return job
  }

  static func rebase(_ path: String, _ folder: String) -> String {
    guard !path.hasPrefix("/"), let target = RelativePath.resolved(path),
      let start = RelativePath.resolved(folder)
    else { return path }
    return RelativePath.from(start, to: target)
  }
}
