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
    var shares: [OperationShare] = []
    for record in cell.ranks where record.policy == policy && !record.warmup {
      for total in record.traffic where total.communicator != "control" && total.bytes > 0 {
        let found = shares.firstIndex {
          $0.communicator == total.communicator && $0.operation == total.operation
        }
        let index = found ?? shares.count
        if found == nil {
          shares.append(
            OperationShare(communicator: total.communicator, operation: total.operation))
        }
        let seconds = total.communicationSeconds ?? 0
        shares[index].calls += Double(total.calls) / Double(executions)
        shares[index].bytes += Double(total.bytes) / Double(executions)
        shares[index].paddedBytes += Double(total.paddedBytes) / Double(executions)
        shares[index].communicationSeconds += seconds / Double(executions)
        shares[index].paddedSeconds +=
          seconds * Double(total.paddedBytes) / Double(total.bytes) / Double(executions)
      }
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
