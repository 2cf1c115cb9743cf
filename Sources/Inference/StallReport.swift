import FoundationEssentials
import Glibc
import Locality
import MPI
import Models
import Records

/// What ranks that stand still say of themselves, and the cell's error made of it. Works without MPI:
/// the ranks leave their lines in a folder of the cell.
struct StallReport: Sendable {
  let rank: Int
  let ranks: Int
  /// Nil where ranks have no places but their numbers.
  let layout: ParallelLayout?
  let cell: CellDirectory
  let limit: StepLimit
  /// Whether `cell` is a folder of the host's own that only a stall makes and that goes with it: a
  /// launch without a run directory.
  var isTemporary = false

  /// Lines in the error marker; the others are in the folder.
  private static let mostLines = 64

  /// Where a rank is, such as `rank 1 on box (stage 1, tensor rank 0, replica 0): measure, …`.
  /// - Parameters:
  ///   - place: its place in the job.
  ///   - seconds: since its step, or what else has a limit, began; nil where nothing has.
  ///   - callSeconds: since when it is in `call`, about.
  func line(
    place: String, seconds: Double?, call: CallMark.Call, callSeconds: Double
  ) -> String {
    let own = layout?.coordinates(of: rank)
    let coordinates = own.map {
      "stage \($0.stage), tensor rank \($0.tensor), replica \($0.replica), "
    }
    let time = seconds.map { " for \(Self.text($0)) s" } ?? ""
    return "rank \(rank) on \(Host.name) (\(coordinates ?? "")pid \(getpid())): \(place)\(time); "
      + "\(text(call)) for \(Self.text(callSeconds)) s"
  }

  /// Such as `in all-reduce on tensor, 4608 bytes`; ranks are those of the job, not of the communicator.
  private func text(_ call: CallMark.Call) -> String {
    guard let operation = call.operation else { return Self.computing }
    let label = Traffic.labels.first { $0.raw == call.label }
    let verb =
      switch operation {
      case .startReceive: "waiting for a message"
      case .wait: "waiting for a message to leave"
      default: "in \(operation.recordName)"
      }
    let bytes = call.bytes > 0 ? ", \(call.bytes) bytes" : ""
    return "\(verb) on \(label?.name ?? "label \(call.label)")\(peer(call))\(bytes)"
  }

  private static let computing = "not in an MPI call"

  private func peer(_ call: CallMark.Call) -> String {
    guard call.peer >= 0 else { return "" }
    guard call.label != Traffic.control.raw else { return " with rank \(call.peer)" }
    guard let layout else { return " with rank \(call.peer) of the group" }
    var place = layout.coordinates(of: rank)
    switch call.label {
    case Traffic.tensor.raw where call.peer < layout.tensor: place.tensor = call.peer
    case Traffic.pipeline.raw where call.peer < layout.pipeline: place.stage = call.peer
    default: return " with peer \(call.peer)"
    }
    return " with rank \(layout.rank(of: place))"
  }

  static func text(_ seconds: Double) -> String {
    String(Double((seconds * 10).rounded()) / 10)
  }

  /// Leaves this rank's line. True when it is the first to do so.
  func leave(_ line: String) -> Bool {
    if isTemporary { try? AtomicFile.createFolder(cell.path) }
    let isFirst = mkdir(cell.stalls, 0o755) == 0
    try? AtomicFile.write(line + "\n", to: cell.stall(rank))
    return isFirst
  }

  /// Whether some rank has left a line.
  var exists: Bool { access(cell.stalls, F_OK) == 0 }

  /// Ranks that have left their line, without reading them.
  func count() -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: cell.stalls)) ?? [])
      .count { $0.hasSuffix(".txt") }
  }

  /// The error in words: who stands still, who waits for it, who said nothing.
  func summary() -> String {
    let lines = (0..<ranks).map { rank in
      FileManager.default.contents(atPath: cell.stall(rank))
        .map { String(decoding: $0, as: UTF8.self).split(separator: "\n").joined(separator: " ") }
    }
    let silent = lines.indices.filter { lines[$0] == nil }
    let busy = lines.indices.filter { lines[$0]?.contains(Self.computing) == true }
    let hosts = silent.isEmpty && busy.isEmpty ? [:] : self.hosts()
    func name(_ ranks: [Int]) -> String {
      let names = ranks.prefix(8).map { "rank \($0)" + (hosts[$0].map { " on \($0)" } ?? "") }
      return names.joined(separator: ", ") + (ranks.count > 8 ? ", …" : "")
    }
    var head = "stalled: a step went on beyond its limit (step-limit: \(limit))"
    if !silent.isEmpty { head += "; no word from \(name(silent))" }
    if !busy.isEmpty { head += "; outside MPI, while others wait: \(name(busy))" }
    let told = lines.compactMap(\.self)
    let rest = told.count - Self.mostLines
    return
      ([head] + told.prefix(Self.mostLines)
      + (rest > 0 ? ["and \(rest) more in \(cell.stalls)"] : [])).joined(separator: "\n")
  }

  /// Hosts by rank, as far as the provenance was written.
  private func hosts() -> [Int: String] {
    guard let data = FileManager.default.contents(atPath: cell.provenance),
      let provenance = try? JSONText.decode(
        Provenance.self, from: String(decoding: data, as: UTF8.self), source: "provenance")
    else { return [:] }
    return Dictionary(provenance.ranks.map { ($0.rank, $0.host) }) { first, _ in first }
  }
}
