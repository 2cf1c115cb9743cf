/// What can go wrong when a GPU is looked for, compiled for or asked for memory.
public enum GPUError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A library, a function or the driver's answer, in one line.
  case unavailable(String)
  /// There are fewer devices than were asked for.
  case noDevice(asked: Int, found: Int)
  /// The device is older than the kernels: bf16 tensor cores need compute capability 8.0.
  case tooOld(name: String, capability: String)
  case allocation(reason: String)
  case compilation(reason: String)

  public var description: String { "backend cuda: \(reason)" }

  /// What was asked and what was answered, without the backend's name.
  var reason: String {
    switch self {
    case .unavailable(let text): text
    case .noDevice(let asked, let found):
      "GPU \(asked) was asked for, the driver shows \(found); CUDA_VISIBLE_DEVICES "
        + "chooses which"
    case .tooOld(let name, let capability):
      "\(name) has compute capability \(capability); 8.0 (A100) or newer is needed"
    case .allocation(let reason), .compilation(let reason): reason
    }
  }
}
