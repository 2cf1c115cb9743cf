import JSONReading

/// The link classes that come with padtax, each number with its source.
public enum Catalogue {
  /// The files of the folder `Catalogue`, compiled in; a test holds this list against the folder.
  private static let files: [String: [UInt8]] = [
    "ethernet-10g": PackageResources.ethernet_10g_json,
    "ethernet-25g": PackageResources.ethernet_25g_json,
    "ethernet-100g": PackageResources.ethernet_100g_json,
    "infiniband-hdr": PackageResources.infiniband_hdr_json,
    "infiniband-ndr400": PackageResources.infiniband_ndr400_json,
    "nvlink3-a100": PackageResources.nvlink3_a100_json,
    "nvlink3-a100-graph": PackageResources.nvlink3_a100_graph_json,
    "nvlink4-h100": PackageResources.nvlink4_h100_json,
    "nvlink4-h100-graph": PackageResources.nvlink4_h100_graph_json,
    "pcie4": PackageResources.pcie4_json,
    "pcie5": PackageResources.pcie5_json,
    "shared-memory": PackageResources.shared_memory_json,
    "xgmi-mi325x": PackageResources.xgmi_mi325x_json,
    "xgmi-mi355x": PackageResources.xgmi_mi355x_json,
  ]

  public static let names = files.keys.sorted()

  static var choices: String { "known: \(names.joined(separator: " ")), or a file FILE.json" }

  /// The link class of that name; throws with all names where there is none.
  public static func link(_ name: String) throws(NetworkError) -> Link {
    guard let bytes = files[name] else {
      throw NetworkError(.name, "no network '\(name)'; \(choices)")
    }
    return try Link(JSONDocument(bytes: bytes, path: "\(name).json"))
  }
}
