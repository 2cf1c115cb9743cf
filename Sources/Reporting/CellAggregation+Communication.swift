import Records

/// One operation's bytes and communication time, per execution of a batch, summed over ranks.
public struct OperationShare: Codable, Sendable, Hashable {
  public var communicator: String
  public var operation: String
  public var calls = 0.0
  public var bytes = 0.0
  public var paddedBytes = 0.0
  /// Time in which its data can have moved, and the part of that for slots without a token.
  public var communicationSeconds = 0.0
  public var paddedSeconds = 0.0

  public init(communicator: String, operation: String) {
    self.communicator = communicator
    self.operation = operation
  }

  enum CodingKeys: String, CodingKey {
    case communicator, operation, calls, bytes
    case paddedBytes = "padded_bytes"
    case communicationSeconds = "communication_s"
    case paddedSeconds = "padded_communication_s"
  }
}

extension CellAggregation {
  /// Bytes and time by operation, and what padding took of the communication time: per rank, phase
  /// and operation its time · padded bytes / bytes.
  func fillCommunication(_ row: inout SummaryRow, policy: String, executions: Int) {
    var totals: [RankTotals.Traffic] = []
    for phase in cell.ranks.totals.phases where phase.key.policy == policy {
      for total in phase.traffic where total.communicator != "control" && total.bytes > 0 {
        totals.add(total)
      }
    }
    let shares = totals.map { total in
      var share = OperationShare(communicator: total.communicator, operation: total.operation)
      share.calls = Double(total.calls) / Double(executions)
      share.bytes = Double(total.bytes) / Double(executions)
      share.paddedBytes = Double(total.paddedBytes) / Double(executions)
      share.communicationSeconds = total.communicationSeconds / Double(executions)
      share.paddedSeconds = total.paddedSeconds / Double(executions)
      return share
    }
    row.communication = shares.sorted {
      ($0.communicator, $0.operation) > ($1.communicator, $1.operation)
    }
    let time = shares.reduce(0) { $0 + $1.communicationSeconds }
    if time > 0 {
      row[.paddedCommunicationShare] = shares.reduce(0) { $0 + $1.paddedSeconds } / time
    }
    let checks = cell.trafficChecks.filter { $0.policy == policy }
    row.trafficEqual = checks.isEmpty ? nil : checks.allSatisfy(\.passed)
  }
}
