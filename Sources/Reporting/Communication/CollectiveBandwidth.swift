import Models
import Networks
import Records
import Units

/// The bus bandwidth of a collective among tensor ranks in one phase, and what the network's table
/// says of it.
///
/// Size and time of a call are means over the phase's calls; the time is that in which the data can
/// have moved. busbw = S/t · factor (nccl-tests, doc/PERFORMANCE.md). Rooted operations are left out:
/// most of their ranks leave before the data has arrived.
public struct CollectiveBandwidth: Codable, Sendable, Hashable {
  public var run = ""
  public var cell: String
  public var variation: String
  public var layout: String
  public var origin: Origin
  public var policy: String
  public var phase: String
  public var operation: String
  /// Of a tensor group, and the nodes that it lies on.
  public var ranks: Int
  public var nodes: Int
  /// Over all ranks and executions.
  public var calls: Int
  /// nccl-tests' S, and seconds of a call.
  public var callBytes: Double
  public var callSeconds: Double
  /// Bytes per second.
  public var busBandwidth: Double
  /// The network and what it says for this size; nil where no network is named.
  public var network: String?
  public var tableBusBandwidth: Double?

  /// Measured over the table's.
  public var ratio: Double? { tableBusBandwidth.map { busBandwidth / $0 } }

  enum CodingKeys: String, CodingKey {
    case run, cell, variation, layout, origin, policy, phase, operation, ranks, nodes, calls
    case callBytes = "call_bytes"
    case callSeconds = "call_s"
    case busBandwidth = "bus_bandwidth_bytes_per_s"
    case network
    case tableBusBandwidth = "table_bus_bandwidth_bytes_per_s"
  }
}

extension CollectiveBandwidth {
  private static let kinds = [CollectiveKind.allReduce, .allGather, .reduceScatter]

  private struct Key: Hashable {
    var origin: Origin
    var policy: String
    var phase: String
    var kind: CollectiveKind
  }

  /// Every collective of a cell that has times.
  /// - Parameter network: of cells that name none themselves.
  static func all(of cell: CellContents, network given: String?) -> [CollectiveBandwidth] {
    guard let layout = cell.parallelLayout, layout.tensor > 1 else { return [] }
    var order: [Key] = []
    var sums: [Key: RankTotals.Traffic] = [:]
    for phase in cell.ranks.totals.phases {
      for total in phase.traffic
      where total.communicator == "tensor" && total.bytes > 0 && total.communicationSeconds > 0 {
        guard let kind = kinds.first(where: { $0.rawValue == total.operation }) else { continue }
        let key = Key(
          origin: phase.key.origin, policy: phase.key.policy, phase: phase.key.phase, kind: kind)
        if sums[key] == nil { order.append(key) }
        sums[key]?.add(total)
        if sums[key] == nil { sums[key] = total }
      }
    }
    let place = NetworkPlacement(cell, layout, network: given)
    return order.compactMap { key in
      guard let sum = sums[key] else { return nil }
      let bytes = Double(sum.bytes) / Double(sum.calls)
      let seconds = sum.communicationSeconds / Double(sum.calls)
      return CollectiveBandwidth(
        cell: cell.name, variation: cell.variation, layout: cell.layoutName, origin: key.origin,
        policy: key.policy, phase: key.phase, operation: key.kind.rawValue, ranks: layout.tensor,
        nodes: Set(place.nodes).count, calls: sum.calls, callBytes: bytes, callSeconds: seconds,
        busBandwidth: bytes / seconds * key.kind.busBandwidthFactor(ranks: layout.tensor),
        network: place.name,
        tableBusBandwidth: place.busBandwidth(key.kind, bytes: Int(bytes.rounded())))
    }
  }
}

/// The network that a cell's ranks lie on, as far as it is known, and the nodes of the first tensor
/// group.
struct NetworkPlacement {
  let name: String?
  let nodes: [Int]
  private let network: Network?

  /// - Parameter given: of cells under the wall clock, whose jobs name none.
  init(_ cell: CellContents, _ layout: ParallelLayout, network given: String?) {
    let time = cell.job?.clock.virtualTime
    let name = time?.network ?? cell.provenance?.virtualTime?.network ?? given
    let network = name.flatMap { try? Network(parsing: $0) }
    let all: [Int]?
    if let time {
      all = try? time.nodes.nodes(ranks: layout.worldSize)
    } else if let facts = cell.provenance?.virtualTime {
      all = try? network?.nodeIndices(ranks: layout.worldSize, nodes: facts.nodes)
    } else {
      let hosts = (cell.provenance?.ranks ?? []).map(\.host)
      all = hosts.map { host in hosts.firstIndex(of: host) ?? 0 }
    }
    let first = layout.coordinates(of: 0)
    let members = (0..<layout.worldSize).filter {
      let place = layout.coordinates(of: $0)
      return place.stage == first.stage && place.replica == first.replica
    }
    let known = all?.count == layout.worldSize ? members.map { all?[$0] ?? 0 } : []
    nodes = known.isEmpty ? Array(repeating: 0, count: members.count) : known
    let reaches = network?.interNode != nil || Set(known).count == 1
    self.network = known.isEmpty || !reaches ? nil : network
    self.name = self.network == nil ? nil : name
  }

  /// Bytes per second that the table gives for a collective of `bytes`; nil without a network.
  func busBandwidth(_ kind: CollectiveKind, bytes: Int) -> Double? {
    guard let network else { return nil }
    let seconds = network.collectiveSeconds(kind, bytes: bytes, nodes: nodes)
    return seconds > 0 ? kind.busBandwidth(bytes: bytes, seconds: seconds, ranks: nodes.count) : nil
  }
}

extension Summary {
  /// Bus bandwidth of each collective against the network's table.
  var bandwidthTable: ColumnTable {
    let lines = bandwidth ?? []
    func column(
      _ title: String, _ unit: String, _ value: (CollectiveBandwidth) -> String
    ) -> ColumnTable.Column {
      .init(title, unit: unit, cells: lines.map(value), definition: "busbw")
    }
    let gigabytes = { (value: Double) in (value / 1e9).significant(3) }
    var keys: [ColumnTable.Column] = []
    for (title, value) in [
      ("run", \CollectiveBandwidth.run), ("variation", \.variation),
    ] where Set(lines.map { $0[keyPath: value] }).count > 1 {
      keys.append(.init(title, alignment: .leading, cells: lines.map { $0[keyPath: value] }))
    }
    let names: [(String, (CollectiveBandwidth) -> String)] = [
      ("times", \.origin.rawValue), ("layout", \.layout), ("policy", \.policy), ("phase", \.phase),
      ("operation", \.operation),
    ]
    keys += names.map { .init($0.0, alignment: .leading, cells: lines.map($0.1)) }
    return ColumnTable(
      keys: keys,
      columns: [
        .init("ranks", cells: lines.map { "\($0.ranks)" }),
        .init("nodes", cells: lines.map { "\($0.nodes)" }),
        column("size", "of a call") { Bytes(Int($0.callBytes)).description },
        column("time", "us a call") { ($0.callSeconds * 1e6).significant(3) },
        column("busbw", "GB/s") { gigabytes($0.busBandwidth) },
        column("table", "GB/s") { $0.tableBusBandwidth.map(gigabytes) ?? ColumnTable.blank },
        column("measured", "% of table") { $0.ratio.map(Self.percent) ?? ColumnTable.blank },
      ])
  }
}
