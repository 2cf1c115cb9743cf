import Tensors

/// Copies between device and host memory. On the host elements are float32; bf16 is widened and
/// rounded on the device, some rows at a time.
final class GPUStaging: @unchecked Sendable {
  // Soundness: used by the thread of its backend.
  let memory: DeviceMemory
  let kernels: KernelLibrary
  private let timer: StreamTimer
  let arguments = LaunchArguments()
  private let scratch: DeviceBuffer
  /// For messages in another format than their matrices'.
  let rooms: [DeviceBuffer]
  var context: GPUContext { memory.context }

  /// Elements that are converted at once.
  private static let part = 8 << 20

  init(
    _ memory: DeviceMemory, _ kernels: KernelLibrary, timer: StreamTimer
  ) {
    self.memory = memory
    self.kernels = kernels
    self.timer = timer
    scratch = DeviceBuffer(memory)
    rooms = [DeviceBuffer(memory), DeviceBuffer(memory)]
  }

  func hostStorage(_ count: Int) -> Storage {
    let bytes = max(count, 1) * MemoryLayout<Float>.stride
    guard let address = memory.host(bytes: bytes) else { return Storage(count: count) }
    let memory = memory
    let owned = UInt(bitPattern: address)
    return Storage(count: count, address: address) {
      if let address = UnsafeMutableRawPointer(bitPattern: owned) {
        memory.releaseHost(address, bytes: bytes)
      }
    }
  }

  func copy(_ matrix: Matrix, toHost target: UnsafeMutablePointer<Float>) {
    untimed { download(matrix, to: target) }
  }

  func copy(fromHost source: UnsafePointer<Float>, to matrix: Matrix) {
    untimed {
      upload(source, to: matrix)
      context.synchronize()
    }
  }

  /// The elements row by row; they are there on return.
  func download(_ matrix: Matrix, to target: UnsafeMutablePointer<Float>) {
    inParts(of: matrix) { part, start in
      let bytes = part.count * MemoryLayout<Float>.stride
      if part.storage.format == .float32 && part.isContiguous {
        context.download(part.address, to: target + start, bytes: bytes)
      } else {
        let wide = scratch.reserve(bytes)
        convert("widen", part) {
          $0.address(wide).long(part.columns).address(part.address).long(part.stride)
        }
        context.download(wide, to: target + start, bytes: bytes)
        // The next part uses the same scratch memory, in the order of the stream.
      }
    }
    context.synchronize()
  }

  /// Page-locked sources must stay as they are until the stream has passed.
  func upload(_ source: UnsafePointer<Float>, to matrix: Matrix) {
    inParts(of: matrix) { part, start in
      let bytes = part.count * MemoryLayout<Float>.stride
      if part.storage.format == .float32 && part.isContiguous {
        context.upload(source + start, to: part.address, bytes: bytes)
      } else {
        let wide = scratch.reserve(bytes)
        context.upload(source + start, to: wide, bytes: bytes)
        convert("narrow", part) {
          $0.address(part.address).long(part.stride).address(wide).long(part.columns)
        }
      }
    }
  }

  private func convert(_ name: String, _ part: Matrix, _ fill: (LaunchArguments) -> Void) {
    fill(arguments.begin())
    arguments.int(part.columns)
    context.launch(
      kernels.function("\(name)_\(part.suffix)"), grid: (part.rows, 1, 1), threads: 256,
      sharedBytes: 0, arguments)
  }

  /// Some rows at a time; one long row in pieces.
  private func inParts(of matrix: Matrix, _ body: (Matrix, Int) -> Void) {
    if matrix.rows == 1 {
      for first in stride(from: 0, to: matrix.columns, by: Self.part) {
        body(matrix.columns(first..<min(first + Self.part, matrix.columns)), first)
      }
      return
    }
    let rows = max(1, Self.part / max(matrix.columns, 1))
    for first in stride(from: 0, to: matrix.rows, by: rows) {
      body(matrix.rows(first..<min(first + rows, matrix.rows)), first * matrix.columns)
    }
  }

  func untimed(_ body: () -> Void) {
    let runs = timer.isRunning
    if runs { timer.pause() }
    body()
    if runs { timer.resume() }
  }
}
