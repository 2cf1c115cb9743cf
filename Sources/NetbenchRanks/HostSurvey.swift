import Glibc
import Inference
import Locality
import MPI
import Netbench
import Records

/// Where the ranks of this launch are.
struct HostSurvey {
  /// For each rank the lowest rank on its host.
  let hosts: [Int]
  /// True when some host has more ranks than usable cores.
  let oversubscribed: Bool
  let cpuModel: String
  /// On rank 0, empty elsewhere.
  let devices: [NetbenchReport.Device]

  /// Collective.
  init(_ world: borrowing Communicator) throws {
    let host = try world.splitByHost(label: world.label)
    var leader = [Int32(world.rank)]
    try host.broadcast(&leader, root: 0)
    hosts = try world.allGather(leader).map(Int.init)
    let (binding, topology, quota) = try world.together("topology") {
      (try Binding.current(), try Topology.detect(), try UsableCores.detect().cpuQuota)
    }
    cpuModel = topology.cpuModel
    let usable = try RankSurvey.usableCores(
      of: host, binding: binding, topology: topology, quota: quota)
    var over = [Int32(host.size > usable ? 1 : 0)]
    try world.allReduce(inPlace: &over, .max)
    oversubscribed = over[0] == 1
    let own = NetbenchReport.Device(
      rank: world.rank, pid: Int(getpid()), hostname: Host.name,
      binding: binding.processingUnitList)
    let texts = try world.gatherArrays(Array(try JSONText.line(own).utf8), root: 0) ?? []
    devices = try texts.map {
      try JSONText.decode(
        NetbenchReport.Device.self, from: String(decoding: $0, as: UTF8.self), source: "a rank")
    }
  }

  var warnings: [String] {
    oversubscribed
      ? [
        "more ranks than usable cores on a host (oversubscribed): ranks wait for a core, so these "
          + "are no times of a network"
      ] : []
  }
}
