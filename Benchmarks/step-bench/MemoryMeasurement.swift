import Glibc
import Inference
import Models

/// Memory of a prefill and a few decode steps beyond the weights, by length of the context: keys and
/// values and scratch memory must grow with the first power of tokens, whatever attention does.
///
/// Read from the process: what is resident after the batch, and the most that was meanwhile.
struct MemoryMeasurement {
  private static let sequences = 4
  private static let lengths = [128, 256, 512, 1000]
  private static let allowed = 1.1

  private let engine: Engine

  init(_ engine: Engine) { self.engine = engine }

  func run(_ report: inout Report) throws {
    report.note("\nmemory beyond the weights, \(Self.sequences) sequences, 2 layers")
    var cut = ModelOverrides()
    cut.layerCount = 2
    cut.vocabularySize = 1024
    // Its own backend too: scratch memory that has grown stays.
    let engine = try Engine(model: self.engine.model.overriding(cut), ranks: self.engine.ranks)
    let start = Self.memory("VmRSS")
    var points: [(tokens: Double, live: Double, peak: Double)] = []
    for length in Self.lengths {
      Self.forgetPeak()
      let batch = try engine.batch(
        .packed, lengths: Array(repeating: length, count: Self.sequences), outputs: 4)
      _ = try engine.run(batch)
      points.append(
        (
          Double(Self.sequences * length), Self.memory("VmRSS") - start,
          Self.memory("VmHWM") - start
        ))
      let (tokens, live, peak) = points[points.count - 1]
      report.note(
        "    \(length) tokens each: \(fixed(live / 1e6)) MB live, \(fixed(peak / 1e6)) MB at most, "
          + "\(fixed(peak / tokens / 1e3)) KB a token")
    }
    // Of the tokens of the last step up over those of the one before.
    func added(_ index: Int) -> Double {
      (points[index].peak - points[index - 1].peak)
        / (points[index].tokens - points[index - 1].tokens)
    }
    let last = points.count - 1
    try report.figure(
      "memory of one more token, 512 to 1000 over 256 to 512",
      self.engine.ranks.slowest(added(last) / added(last - 1)),
      atMost: Self.allowed)
  }

  /// Bytes of a line of /proc/self/status; NaN where there is none.
  private static func memory(_ name: String) -> Double {
    guard let file = fopen("/proc/self/status", "r") else { return .nan }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), file) != nil {
      let words = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        .split { $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: " ") }
        .map { String(decoding: $0, as: UTF8.self) }
      if words.count > 1, words[0] == name + ":", let kilobytes = Double(words[1]) {
        return kilobytes * 1024
      }
    }
    return .nan
  }

  /// The most from now on (proc(5), clear_refs).
  private static func forgetPeak() {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return }
    fputs("5\n", file)
    fclose(file)
  }
}
