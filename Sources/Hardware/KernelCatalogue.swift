import JSONReading

/// The fitted kernels that come with padtax.
public enum KernelCatalogue {
  /// The JSON files of the folder `Catalogue`, compiled in; a test holds this list against the folder.
  private static let files: [String: [UInt8]] = [
    "a100": PackageResources.a100_json,
    "h100": PackageResources.h100_json,
  ]

  public static let names = files.keys.sorted()

  /// The kernels of that name; throws with the nearest where there are none.
  public static func tables(_ name: String) throws(HardwareError) -> KernelTables {
    guard let bytes = files[name] else {
      throw HardwareError(
        .name,
        "no kernels '\(name)'; \(NearestName.text(name, among: names + ["roofline"])), or a file "
          + "FILE.json")
    }
    return try KernelTables(JSONDocument(bytes: bytes, path: "\(name).json"))
  }
}
