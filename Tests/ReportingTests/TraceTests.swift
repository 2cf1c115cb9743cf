import FoundationEssentials
import Records
import Reporting
import Testing

/// An event as a reader of the Trace Event Format sees it.
private struct ReadEvent: Decodable {
  var name: String
  var ph: String
  var ts: Double?
  var dur: Double?
  var pid: Int
  var tid: Int?
  var id: Int?
  var bp: String?
}

private struct ReadTrace: Decodable {
  var displayTimeUnit: String
  var traceEvents: [ReadEvent]
}

@Suite struct TraceTests {
  private func read(_ cell: CellContents) throws -> [ReadEvent] {
    let trace = try RunTrace(RunContents(identifier: "r", run: nil, job: nil, cells: [cell]))
    let file = try JSONDecoder().decode(ReadTrace.self, from: Data(trace.json().utf8))
    #expect(file.displayTimeUnit == "ms")
    return file.traceEvents
  }

  /// What the Trace Event Format asks of each kind of event, and Perfetto's importer of slices: those
  /// of one track lie apart or within each other.
  private func check(_ events: [ReadEvent]) {
    for event in events {
      switch event.ph {
      case "X": #expect(event.ts != nil && (event.dur ?? -1) >= 0 && event.tid != nil)
      case "M": #expect(["process_name", "thread_name"].contains(event.name))
      case "C": #expect(event.ts != nil)
      case "s", "f": #expect(event.ts != nil && event.id != nil && event.tid != nil)
      default: Issue.record("unknown phase \(event.ph)")
      }
    }
    let slices = events.filter { $0.ph == "X" }
    for a in slices {
      for b in slices where a.pid == b.pid && a.tid == b.tid {
        let (start, end) = (a.ts ?? 0, (a.ts ?? 0) + (a.dur ?? 0))
        let (from, to) = (b.ts ?? 0, (b.ts ?? 0) + (b.dur ?? 0))
        let slack = 1e-6
        let isApart = end <= from + slack || to <= start + slack
        let isWithin = start <= from + slack && to <= end + slack
        let isAround = from <= start + slack && end <= to + slack
        #expect(isApart || isWithin || isAround, "\(a.name) and \(b.name)")
      }
    }
    for arrow in Set(events.filter { $0.ph == "s" || $0.ph == "f" }.compactMap(\.id)) {
      let ends = events.filter { $0.id == arrow }
      #expect(ends.map(\.ph) == ["s", "f"] && ends[1].bp == "e")
      #expect((ends[0].ts ?? 1) < (ends[1].ts ?? 0), "a message arrives after it was sent")
      for end in ends {
        #expect(
          slices.contains { slice in
            slice.pid == end.pid && slice.tid == end.tid && (slice.ts ?? 0) <= (end.ts ?? 0)
              && (end.ts ?? 0) <= (slice.ts ?? 0) + (slice.dur ?? 0)
          }, "an arrow ends in slices")
      }
    }
  }

  @Test("phases follow each other, with compute, communication and idle parts per rank")
  func phases() throws {
    let ranks = (0..<2).flatMap { rank in
      [
        Fixture.rank(
          "packed", "prefill", rank: rank, wall: 3, compute: 1, communication: 0.5,
          traffic: [Fixture.traffic("all-reduce", "tensor", bytes: 400, padded: 100)]),
        Fixture.rank("packed", "decode", rank: rank, wall: 2, compute: 1, communication: 1),
      ]
    }
    let events = try read(Fixture.cell([Fixture.batch("packed", ttft: 3, total: 5)], ranks: ranks))
    check(events)
    let slices = events.filter { $0.ph == "X" && $0.tid == 1 }
    #expect(
      slices.map(\.name) == [
        "prefill packed", "compute", "communication", "idle", "decode packed", "compute",
        "communication",
      ])
    #expect(slices.map { $0.ts ?? -1 } == [0, 0, 1e6, 1.5e6, 3e6, 3e6, 4e6])
    #expect(events.filter { $0.name == "thread_name" }.compactMap(\.tid) == [1, 2])
  }

  @Test("calls stand where they were, and each message has an arrow from its send to its arrival")
  func operations() throws {
    func call(
      _ rank: Int, _ operation: String, peer: Int, _ start: Double, _ end: Double, bytes: Int = 0
    ) -> OperationRecord {
      OperationRecord(
        cell: "pp2", policy: "packed", batch: 0, rank: rank, phase: "prefill",
        operation: operation, communicator: "pipeline", peer: peer, bytes: bytes, paddedBytes: 0,
        startSeconds: start, endSeconds: end)
    }
    var cell = Fixture.cell([])
    cell.operations = [
      call(1, "post-receive", peer: 0, 0, 0.1, bytes: 8),
      call(1, "wait", peer: 0, 0.2, 1.2), call(1, "send", peer: 0, 2, 2.1, bytes: 4),
      call(0, "send", peer: 1, 1, 1.1, bytes: 8), call(0, "receive", peer: 1, 1.5, 2.3, bytes: 4),
    ]
    let events = try read(cell)
    check(events)
    let arrows = events.filter { $0.ph == "s" || $0.ph == "f" }
    #expect(arrows.compactMap(\.tid) == [1, 2, 2, 1])
    let compute = events.filter { $0.name == "compute" }
    for (slice, (start, seconds)) in zip(compute, [(0, 1), (1.1, 0.4), (0.1, 0.1), (1.2, 0.8)]) {
      #expect(abs((slice.ts ?? -1) - start * 1e6) < 1, "what lies between calls")
      #expect(abs((slice.dur ?? -1) - seconds * 1e6) < 1)
    }
    #expect(compute.count == 4)
    #expect(events.filter { $0.ph == "C" }.count == 2)
  }
}

@Suite struct OpenMetricsTests {
  @Test("names end in their unit, times are seconds, and the text ends in EOF")
  func text() throws {
    let cell = Fixture.cell([
      Fixture.batch("right-pad", ttft: 3, total: 6), Fixture.batch("packed", ttft: 2, total: 4),
    ])
    let lines = OpenMetrics(Fixture.summary(cell)).text.split(separator: "\n")
    #expect(lines.last == "# EOF")
    #expect(lines.contains("# TYPE padtax_batch_ttft_seconds gauge"))
    #expect(lines.contains("# UNIT padtax_batch_ttft_seconds seconds"))
    #expect(
      lines.contains {
        $0.hasPrefix("padtax_batch_ttft_seconds{run=\"r1\",cell=\"tp2\",layout=\"tp2\",")
          && $0.hasSuffix("} 3.0")
      })
    #expect(
      lines.contains { $0.hasPrefix("padtax_tprit_seconds{") && $0.hasSuffix(" 0.3") })
    var open: Substring = ""
    var seen: Set<Substring> = []
    for line in lines.dropLast() {
      if line.hasPrefix("# TYPE ") {
        open = line.split(separator: " ")[2]
        #expect(seen.insert(open).inserted, "families do not interleave")
        #expect(open.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" })
      } else if line.hasPrefix("# ") {
        #expect(line.split(separator: " ")[2] == open)
      } else {
        #expect(line.hasPrefix(open + "{"), "\(line)")
      }
      if line.hasPrefix("# UNIT "), let unit = line.split(separator: " ").last {
        #expect(open.hasSuffix("_" + unit))
      }
    }
  }

  @Test("labels are escaped, and numbers that are none have names")
  func escapes() {
    let family = OpenMetrics.Family(
      name: "x", unit: "", help: "a \"b\"\nc\\",
      samples: [
        ([("l", "q\"\\\n")], .nan), ([], .infinity), ([("l", "µ")], -.infinity),
      ])
    #expect(
      OpenMetrics(families: [family]).text
        == "# TYPE x gauge\n# HELP x a \\\"b\\\"\\nc\\\\\nx{l=\"q\\\"\\\\\\n\"} NaN\nx +Inf\n"
        + "x{l=\"µ\"} -Inf\n# EOF\n")
  }
}
