import FoundationEssentials
import Records
import Reporting
import Studies

/// What reports need from outside: the bundle that draws charts, and the Python that renders them.
enum ReportFiles {
  /// The bundle, nil when there is none.
  /// - Throws: `RecordError` when the one that PADTAX_VEGA names is missing or is none.
  static func bundle() throws(RecordError) -> VegaBundle? {
    try VegaBundle.find(
      variables: ProcessInfo.processInfo.environment,
      programFolder: ExecutableSearch.folderOfRunningProgram())
  }

  /// Where the page of several runs goes; nil for a single one, which has its own.
  static func joinedPath(_ runs: [RunDirectory]) -> String? {
    runs.count > 1 ? runs[0].path + "/report-joined.html" : nil
  }

  /// Writes the specification of every chart and has vl-convert render them.
  /// - Returns: the number of charts.
  static func render(_ page: HTMLReport, into folder: String) throws -> Int {
    let charts = try page.specifications()
    guard !charts.isEmpty else { return 0 }
    let python = try self.python()
    try AtomicFile.createFolder(folder)
    for chart in charts {
      try AtomicFile.write(chart.json + "\n", to: "\(folder)/\(chart.name).vl.json")
    }
    let child = try ChildProcess(
      ChildCommand(
        executable: python,
        arguments: ["-c", HTMLReport.renderingProgram, folder] + charts.map(\.name),
        environment: ProcessInfo.processInfo.environment))
    var errors: [String] = []
    let status = child.wait(signals: nil) { line in
      if case .error(let text) = line { errors.append(text) }
    }
    guard status == .exited(0) else {
      throw StudyError(
        "--images: \(errors.last ?? "\(status)"); scripts/fetch-vega makes a Python that has "
          + "vl_convert, PADTAX_PYTHON names another", .failed)
    }
    return charts.count
  }

  /// The Python that PADTAX_PYTHON names, the one beside the bundle, or the system's.
  private static func python() throws -> String {
    let variables = ProcessInfo.processInfo.environment
    if let named = variables["PADTAX_PYTHON"], !named.isEmpty {
      guard let found = ExecutableSearch.find(named, path: variables["PATH"]) else {
        throw StudyError("PADTAX_PYTHON is '\(named)', which is not a program")
      }
      return found
    }
    let beside = VegaBundle.candidates(
      variables: variables, programFolder: ExecutableSearch.folderOfRunningProgram()
    ).map { $0.dropLast(VegaBundle.fileName.count) + "python/bin/python" }
    for path in beside {
      if let found = ExecutableSearch.find(String(path), path: nil) { return found }
    }
    guard let found = ExecutableSearch.find("python3", path: variables["PATH"]) else {
      throw StudyError("--images needs python3 with vl_convert; scripts/fetch-vega makes one")
    }
    return found
  }
}
