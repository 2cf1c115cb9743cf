import MPI
import Records

/// The records of a node's ranks in one file, which the node's first rank writes: a file for each rank
/// is too many for a shared file system once there are a thousand.
final class NodeRecords {
  private let ledger: TrafficLedger
  /// The ranks of this node.
  private let node: Communicator
  private let file: JSONLinesWriter?

  /// Collective over all ranks.
  init(context: RankContext, cell: CellDirectory) throws {
    let ledger = context.ledger
    ledger.isRecording = false
    defer { ledger.isRecording = true }
    let node = try context.control.splitByHost(label: Traffic.control)
    let leads = node.rank == 0
    let leaders = try context.control.allGather([UInt8(leads ? 1 : 0)])
    let number = leaders[..<context.rank].count { $0 == 1 }
    file = try context.control.together("output") {
      leads ? try JSONLinesWriter(path: cell.node(number)) : nil
    }
    self.node = node
    self.ledger = ledger
  }

  /// Waits until the disk has what was appended.
  func synchronize() throws { try file?.synchronize() }

  /// Hands this rank's records to the node's writer, which appends all ranks' with one write.
  /// Collective over the node.
  func append(_ records: [some Record]) throws {
    let own = try records.flatMap { try JSONLinesWriter.line($0) }
    ledger.isRecording = false
    defer { ledger.isRecording = true }
    guard let all = try node.gatherArrays(own, root: 0) else { return }
    try file?.append(lines: all.flatMap { $0 })
  }
}
