import JSONReading

/// The devices that come with padtax, each number with its source.
public enum HardwareCatalogue {
  /// The files of the folder `Catalogue`, compiled in; a test holds this list against the folder.
  private static let files: [String: [UInt8]] = [
    "a100-40gb": PackageResources.a100_40gb_yaml,
    "a100-80gb": PackageResources.a100_80gb_yaml,
    "b200": PackageResources.b200_yaml,
    "h100": PackageResources.h100_yaml,
    "h200": PackageResources.h200_yaml,
    "mi325x": PackageResources.mi325x_yaml,
    "mi355x": PackageResources.mi355x_yaml,
  ]

  /// Other names of the same devices.
  private static let aliases = ["a100": "a100-80gb"]

  public static let names = files.keys.sorted()

  /// The device of that name, or of a file in YAML where the name is a path (it has a `/` or ends in
  /// `.yaml` or `.yml`); throws with the nearest name where there is none.
  public static func accelerator(_ name: String) throws(HardwareError) -> Accelerator {
    if name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
      let bytes: [UInt8]
      do throws(JSONProblem) {
        bytes = try JSONDocument.read(name)
      } catch {
        throw HardwareError(.file, error)
      }
      return try Accelerator(
        parsing: String(decoding: bytes, as: UTF8.self), file: name, base: builtIn)
    }
    return try builtIn(name)
  }

  /// A device of the catalogue alone: a file's `base` cannot be another file.
  private static func builtIn(_ name: String) throws(HardwareError) -> Accelerator {
    let known = aliases[name.lowercased()] ?? name.lowercased()
    guard let bytes = files[known] else {
      throw HardwareError(
        .name,
        "no hardware '\(name)'; \(NearestName.text(name, among: names + aliases.keys)), or a file FILE.yaml"
      )
    }
    return try Accelerator(
      parsing: String(decoding: bytes, as: UTF8.self), file: "\(known).yaml", base: builtIn)
  }
}
