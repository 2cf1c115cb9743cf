import GPUKernels
import Glibc
import MPI
import Records
import Tensors
import Transformers

/// How this rank's messages leave its device: to the stages beside its own, as far as there are any.
struct DeviceLinks {
  let memory: any DeviceMessages
  /// As provenance has it: staged, direct or nccl; none of a rank alone.
  let name: String
  /// NCCL's version, where it carries messages.
  var library: String?
  var previous: DevicePath?
  var next: DevicePath?

  var isStaged: Bool {
    [previous, next].contains { if case .staged = $0?.way { true } else { false } }
  }
}

extension RankContext {
  /// Chooses how messages leave the ranks' devices, the same way for all. Collective.
  /// - Throws: `InferenceError` on all ranks where what the job asks for cannot be had.
  func connect(_ gpu: GPUBackend, _ wanted: BackendChoice.Messages) throws {
    ledger.isRecording = false
    defer { ledger.isRecording = true }
    let choice = try messages(wanted, gpu)
    let size = layout.worldSize
    var links = DeviceLinks(memory: gpu.messages, name: size == 1 ? "none" : choice.rawValue)
    let asked = try together("messages") { try Self.partBytes() }
    // Both sides of a message cut it alike, whatever the environment of a host says.
    let part = Int(try control.broadcastArray([Int64(asked)], root: 0)[0])
    func path(_ way: DevicePath.Way) -> DevicePath {
      DevicePath(memory: gpu.messages, way: way, part: part)
    }
    if size > 1, choice == .nccl {
      links.library = try together("NCCL") { try GPUBackend.ncclVersion() }
      tensor.devicePath = path(try joinTensorGroup(gpu).map { .group($0) } ?? .staged)
      let (previous, next) = try joinStages(gpu)
      links.previous = previous.map { path(.group($0)) }
      links.next = next.map { path(.group($0)) }
    } else {
      let all = path(choice == .direct ? .direct : .staged)
      tensor.devicePath = all
      links.previous = isFirstStage ? nil : all
      links.next = isLastStage ? nil : all
    }
    device = links
  }

  /// What all ranks can take of what is wanted. Collective.
  private func messages(
    _ wanted: BackendChoice.Messages, _ gpu: GPUBackend
  ) throws -> BackendChoice.Messages {
    guard layout.worldSize > 1 else { return .staged }
    switch wanted {
    case .staged, .direct: return wanted
    case .nccl:
      let isAlone = try sharers(of: gpu) == 1
      try together("backend.messages: nccl") {
        guard isAlone else {
          throw InferenceError(
            .badInput,
            "a card of its own is needed for each rank, and another rank has \(gpu.device.uuid) too; "
              + Self.choices)
        }
        do { try GPUBackend.loadNCCL() } catch {
          throw InferenceError(.badInput, "\(error); \(Self.choices)")
        }
      }
      return .nccl
    case .auto:
      let isAlone = try sharers(of: gpu) == 1
      let hasLibrary = isAlone && (try? GPUBackend.loadNCCL()) != nil
      var can = [Int32(hasLibrary ? 1 : 0), Int32(MPIEnvironment.isCUDAAware == true ? 1 : 0)]
      try control.allReduce(inPlace: &can, .min)
      return can[0] == 1 ? .nccl : can[1] == 1 ? .direct : .staged
    }
  }

  private static let choices =
    "without NCCL: backend.messages: "
    + BackendChoice.Messages.allCases.filter { $0 != .nccl }.map(\.rawValue)
    .joined(separator: ", ")

  /// Bytes that a staged message copies at once while another part is on its way.
  private static func partBytes() throws -> Int {
    guard let text = getenv("PADTAX_MESSAGE_PART").map({ String(cString: $0) }) else {
      return 1 << 20
    }
    guard let bytes = Int(text), bytes > 0 else {
      throw InferenceError(.badInput, "PADTAX_MESSAGE_PART: \(text) is no number of bytes above 0")
    }
    return bytes
  }

  /// The ranks of this stage; nil where there is one. Collective.
  private func joinTensorGroup(_ gpu: GPUBackend) throws -> (any DeviceGroup)? {
    guard tensor.size > 1 else { return nil }
    let id = try together("NCCL") { tensor.rank == 0 ? try GPUBackend.newGroup() : [] }
    return gpu.join(group: try tensor.tell(id), size: tensor.size, rank: tensor.rank)
  }

  /// A group of two for each pair of neighbouring stages: what waits for one neighbour keeps nothing
  /// for the other waiting. Collective.
  private func joinStages(
    _ gpu: GPUBackend
  ) throws -> (previous: (any DeviceGroup)?, next: (any DeviceGroup)?) {
    let id = try together("NCCL") { isLastStage ? [] : try GPUBackend.newGroup() }
    if !isLastStage { try pipeline.send(id, to: stage + 1, tag: Self.groupTag) }
    let theirs =
      isFirstStage
      ? []
      : try pipeline.receiveArray(of: UInt8.self, from: stage - 1, tag: Self.groupTag)
    // From the first stage on: each waits for the one before it alone.
    let previous = isFirstStage ? nil : gpu.join(group: theirs, size: 2, rank: 1)
    let next = isLastStage ? nil : gpu.join(group: id, size: 2, rank: 0)
    return (previous, next)
  }

  private static let groupTag = 4
}
