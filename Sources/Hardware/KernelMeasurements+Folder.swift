import FoundationEssentials

extension KernelMeasurements {
  /// The tables of a folder, in order of their names; or of one file.
  ///
  /// Files that are no tables of kernels are left out; throws where none is left, and at the first row
  /// that is not valid.
  public static func read(_ path: String) throws(HardwareError) -> [KernelMeasurements] {
    var problems: [HardwareError] = []
    let tables = try read(path, problems: &problems)
    if let first = problems.first { throw first }
    return tables
  }

  /// The same, but rows that are not valid are left out and listed with their lines.
  public static func read(
    _ path: String, problems: inout [HardwareError]
  ) throws(HardwareError) -> [KernelMeasurements] {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw HardwareError(.file, file: path, "no such file or folder")
    }
    guard isFolder else { return [try KernelMeasurements(contentsOf: path, problems: &problems)] }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    var tables: [KernelMeasurements] = []
    for file in files.sorted() where names(file) {
      tables.append(try KernelMeasurements(contentsOf: "\(path)/\(file)", problems: &problems))
    }
    guard !tables.isEmpty else {
      throw HardwareError(
        .file, file: path,
        "has no table of kernels; they are named OPERATION_FORMAT.csv, such as gemm_bf16.csv")
    }
    return tables
  }
}
