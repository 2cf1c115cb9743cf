import FoundationEssentials

extension KernelMeasurements {
  /// The tables of a folder, in order of their names; or of one file.
  ///
  /// Files that are no tables of kernels are left out; throws where none is left.
  public static func read(_ path: String) throws(HardwareError) -> [KernelMeasurements] {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw HardwareError(.file, file: path, "no such file or folder")
    }
    guard isFolder else { return [try KernelMeasurements(contentsOf: path)] }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    var tables: [KernelMeasurements] = []
    for file in files.sorted() where names(file) {
      tables.append(try KernelMeasurements(contentsOf: "\(path)/\(file)"))
    }
    guard !tables.isEmpty else {
      throw HardwareError(
        .file, file: path,
        "has no table of kernels; they are named OPERATION_FORMAT.csv, such as gemm_bf16.csv")
    }
    return tables
  }
}
