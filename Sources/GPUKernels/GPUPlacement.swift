import FoundationEssentials

/// Which of a host's GPUs its ranks compute on.
public enum GPUPlacement {
  /// The device of each rank: one of its own as long as there are enough, and of those with equally
  /// few ranks one beside the rank's cores, then the first.
  ///
  /// Ranks with fewer NUMA nodes choose first, since those with all find any device near.
  /// - Parameters:
  ///   - ranks: NUMA nodes beside each rank's cores.
  ///   - devices: NUMA node of each device, nil where it is not known.
  public static func devices(ofRanks ranks: [[Int]], devices: [Int?]) -> [Int] {
    precondition(!devices.isEmpty, "ranks need a device to be placed on")
    var uses = [Int](repeating: 0, count: devices.count)
    var chosen = [Int](repeating: 0, count: ranks.count)
    for rank in ranks.indices.sorted(by: { (ranks[$0].count, $0) < (ranks[$1].count, $1) }) {
      func cost(_ device: Int) -> (Int, Int, Int) {
        let isNear = devices[device].map { ranks[rank].contains($0) } ?? false
        return (uses[device], isNear ? 0 : 1, device)
      }
      let best = devices.indices.min { cost($0) < cost($1) } ?? 0
      uses[best] += 1
      chosen[rank] = best
    }
    return chosen
  }

  /// The NUMA node that the kernel names for a PCI address; nil where it names none.
  /// - Parameter folder: where Linux lists PCI devices.
  public static func numaNode(
    ofBus bus: String, folder: String = "/sys/bus/pci/devices"
  ) -> Int? {
    // Linux writes four digits of the domain, the driver eight.
    let address = bus.lowercased()
    guard let colon = address.firstIndex(of: ":") else { return nil }
    let short = String(address[..<colon].suffix(4)) + address[colon...]
    guard let data = FileManager.default.contents(atPath: "\(folder)/\(short)/numa_node") else {
      return nil
    }
    let text = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).first
    return text.flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
  }
}
