import CGPU
import Tensors

/// Ranks that exchange messages by NCCL, which was loaded at run time. What fails ends the process.
final class NCCLGroup: DeviceGroup, @unchecked Sendable {
  // Soundness: used by the thread of its backend.
  private let context: GPUContext
  private let group: OpaquePointer
  private let size: Int
  private let rank: Int
  private var sends = 0

  /// Returns once all members have come.
  init(_ context: GPUContext, id: [UInt8], size: Int, rank: Int) {
    self.context = context
    self.size = size
    self.rank = rank
    group = context.join(id, size: size, rank: rank)
  }

  deinit { context.leave(group) }

  func allReduce(_ matrix: Matrix) {
    context.startPending()
    finish(gp_all_reduce(group, matrix.address, matrix.count, matrix.type))
  }

  func allGather(_ matrix: Matrix) {
    let block = matrix.count / size
    let own = matrix.elements(rank * block..<(rank + 1) * block)
    context.startPending()
    finish(gp_all_gather(group, own.address, matrix.address, block, matrix.type))
  }

  func reduceScatter(_ matrix: Matrix, into block: Matrix) {
    context.startPending()
    finish(gp_reduce_scatter(group, matrix.address, block.address, block.count, block.type))
  }

  func startSend(_ matrix: Matrix, to peer: Int) -> Int {
    context.startPending()
    sends += 1
    let ticket = sends % Int(GP_TICKETS)
    context.demandGroup(
      gp_send(
        group, matrix.address, matrix.count, matrix.type, Int32(peer), Int32(ticket)))
    return ticket
  }

  func finishSend(_ number: Int) { context.demandGroup(gp_finish_send(group, Int32(number))) }

  func receive(_ matrix: Matrix, from peer: Int) {
    context.startPending()
    finish(gp_receive(group, matrix.address, matrix.count, matrix.type, Int32(peer)))
  }

  private func finish(_ code: Int32) {
    context.demandGroup(code)
    context.demandGroup(gp_settle_group(group))
  }
}

extension Matrix {
  fileprivate var type: gp_type { storage.format == .float32 ? GP_FLOAT32 : GP_BFLOAT16 }
}

extension GPUBackend {
  /// How this backend's matrices are sent.
  public var messages: any DeviceMessages { staging }

  /// Opens NCCL.
  /// - Throws: what is missing, in one line.
  public static func loadNCCL() throws(GPUError) { try GPUContext.loadGroups() }

  /// What the members of a new group must know; one of them makes it.
  public static func newGroup() throws(GPUError) -> [UInt8] { try GPUContext.newGroup() }

  /// NCCL's version.
  public static func ncclVersion() throws(GPUError) -> String {
    let number = try GPUContext.groupVersion()
    return "\(number / 10000).\(number / 100 % 100).\(number % 100)"
  }

  /// Joins a group as member `rank`; returns once all are there. What fails ends the process, since
  /// the others wait in the same call.
  public func join(group id: [UInt8], size: Int, rank: Int) -> any DeviceGroup {
    NCCLGroup(context, id: id, size: size, rank: rank)
  }
}
