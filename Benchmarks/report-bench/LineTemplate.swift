import Records

/// The text of one rank's record of a phase, cut where policy, batch, repeat and times stand.
struct LineTemplate {
  /// What stands in the record where other values go: no other part of it reads like these.
  private static let marks = [
    "777001", "777002", "777003.5", "777004.5", "777005.5", "777006.5", "~",
  ]

  private enum Part {
    case text([UInt8])
    case mark(Int)
  }
  private var parts: [Part] = []
  private let idleShare: Double

  init(_ cell: String, _ layout: String, _ phase: String, rank: Int) throws(RecordError) {
    let stage = rank / 8 % 4
    func traffic(
      _ operation: String, _ communicator: String, _ type: String, calls: Int, bytes: Int
    ) -> TrafficTotal {
      TrafficTotal(
        operation: operation, communicator: communicator, elementType: type, calls: calls,
        elements: bytes / 4, bytes: bytes, paddedBytes: bytes / 3, seconds: 777003.5,
        communicationSeconds: 777004.5)
    }
    let size = phase == "prefill" ? 1_536_000 : 98_304
    var traffics = [traffic("all-reduce", "tensor", "float32", calls: 32, bytes: 32 * size)]
    if stage < 3 { traffics.append(traffic("send", "pipeline", "float32", calls: 4, bytes: size)) }
    if stage > 0 {
      traffics.append(traffic("receive", "pipeline", "float32", calls: 4, bytes: size))
    }
    traffics.append(traffic("broadcast", "control", "uint8", calls: 2, bytes: 256))
    let record = RankRecord(
      cell: cell, layout: layout, policy: "~", batch: 777001, repeatIndex: 777002, warmup: false,
      phase: phase, rank: rank, tensorRank: rank % 8, stage: stage, replica: rank / 32,
      wallSeconds: 777006.5, computeSeconds: 777003.5, communicationSeconds: 777004.5,
      idleSeconds: 777005.5, traffic: traffics, peakMemoryBytes: 3_221_225_472 + rank * 4096,
      weightBytes: 1 << 30, kvBytesReserved: 1 << 27, kvBytesUsed: 100_663_296)
    idleShare = phase == "prefill" ? 0.1 : 0.2
    var rest = try JSONText.line(record)[...]
    while !rest.isEmpty {
      let next = Self.marks.indices.compactMap { index in
        rest.firstRange(of: Self.marks[index]).map { (index, $0) }
      }.min { $0.1.lowerBound < $1.1.lowerBound }
      parts.append(.text(Array(rest[..<(next?.1.lowerBound ?? rest.endIndex)].utf8)))
      if let (index, range) = next {
        parts.append(.mark(index))
        rest = rest[range.upperBound...]
      } else {
        rest = ""
      }
    }
  }

  /// Appends one line with its checksum and its end.
  func append(
    to bytes: inout [UInt8], policy: String, batch: Int, turn: Int, random: inout UInt64
  ) {
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let noise = Double(random >> 40) * 0x1p-24
    let wall = 0.05 + 0.001 * Double(batch)
    let idle = wall * idleShare * noise
    let communication = wall * 0.15
    let values = [
      "\(batch)", "\(turn)", "\(wall - idle - communication)", "\(communication)", "\(idle)",
      "\(wall)", policy,
    ]
    let start = bytes.count
    for part in parts {
      switch part {
      case .text(let text): bytes += text
      case .mark(let index): bytes += values[index].utf8
      }
    }
    let line = String(decoding: bytes[start...], as: UTF8.self)
    bytes.removeSubrange(start...)
    bytes += RecordLine.sealed(line).utf8
    bytes.append(UInt8(ascii: "\n"))
  }
}
