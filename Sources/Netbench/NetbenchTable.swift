import Units

/// The table on the terminal, line by line as results come; 78 columns wide.
public struct NetbenchTable: Sendable {
  private var section = ""

  public init() {}

  /// Lines about the ranks, before the first result.
  public static func opening(
    _ configuration: NetbenchReport.Configuration, warnings: [String]
  ) -> [String] {
    let devices = configuration.devices
    var hosts: [String] = []
    for device in devices where !hosts.contains(device.hostname) { hosts.append(device.hostname) }
    let names = hosts.prefix(4).joined(separator: ", ") + (hosts.count > 4 ? ", …" : "")
    return [
      "\(devices.count) ranks on \(hosts.count) host\(hosts.count == 1 ? "" : "s") (\(names)); "
        + "every size checked on every rank"
    ] + warnings.map { "warning: \($0)" }
  }

  /// The lines of a result: headings where a new operation or communicator begins, and one line a
  /// variant.
  public mutating func lines(_ result: NetbenchResult) -> [String] {
    var lines: [String] = []
    let heading =
      "\(result.operation.rawValue) on \(result.communicator): \(result.ranks) ranks, "
      + result.placement.rawValue
    if heading != section {
      section = heading
      lines += ["", heading] + Self.header
    }
    for (variant, figures, slices) in result.variants {
      let first = variant == result.variants[0].0
      lines.append(
        Self.row(
          [
            first ? "\(result.size)" : "", first ? "\(result.count)" : "", variant.rawValue,
            Self.time(slices.minimum), Self.time(figures.time), Self.time(slices.p95),
            Self.bandwidth(figures.algorithmBandwidth), Self.bandwidth(figures.busBandwidth),
            "\(figures.wrong)",
          ]))
    }
    return lines
  }

  private static let widths = [11, 10, 4, 10, 10, 10, 8, 8, 7]
  private static let header = [
    row(["size", "count", "", "min", "time", "p95", "algbw", "busbw", "#wrong"]),
    row(["(B)", "(elements)", "", "(us)", "(us)", "(us)", "(GB/s)", "(GB/s)", ""]),
  ]

  private static func row(_ cells: [String]) -> String {
    zip(cells, widths).map { cell, width in (" " + cell).padded(to: width) }.joined()
  }

  static func time(_ microseconds: Double) -> String {
    microseconds < 100 ? microseconds.fixed(2) : microseconds.fixed(microseconds < 10000 ? 1 : 0)
  }

  static func bandwidth(_ gigabytes: Double) -> String {
    gigabytes < 100 ? gigabytes.fixed(3) : gigabytes.fixed(1)
  }
}
