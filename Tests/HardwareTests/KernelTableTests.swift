import Hardware
import JSONReading
import Statistics
import TestSupport
import Testing

@Suite struct KernelTableTests {
  private static let rates = KernelRoofline(
    peaks: [.fp32: 1e13, .bf16: 1e14, .fp8: 2e14], bandwidth: 1e12)
  private static let heads = AttentionHeads(query: 8, kv: 2, dimension: 128)

  private static func model(_ surfaces: [KernelSurface]) -> TableModel {
    TableModel(
      surfaces,
      roofline: RooflineModel(
        name: "x", peaks: rates.peaks, bandwidth: rates.bandwidth, efficiency: .ideal))
  }

  /// Rows on a full grid: a launch and the roofline, times 1.0 to 1.4 from the least m to the largest.
  private static func rows(noise: Double = 0) -> KernelMeasurements {
    var rows: [KernelMeasurements.Row] = []
    let random = CounterRandom(seed: 7)
    for (i, m) in [1, 4, 16, 64, 256].enumerated() {
      for n in [128, 1024, 8192] {
        for k in [128, 1024, 8192] {
          let call = KernelCall.gemm(m: m, n: n, k: k)
          let work = KernelWork(call, .bf16)
          let bound = work.flops / 1e14 + work.bytes / 1e12
          let error = noise * random.normal(at: UInt64(rows.count))
          rows.append(
            .init(call: call, seconds: (5e-6 + bound) * (1 + 0.1 * Double(i)) * (1 + error)))
        }
      }
    }
    return KernelMeasurements(operation: .gemm, format: .bf16, rows: rows, name: "made up")
  }

  private static func surface(_ table: KernelMeasurements) throws -> KernelSurface {
    try KernelSurface(
      fitting: table, roofline: rates,
      axes: KernelFit.axes(for: table, roofline: rates))
  }

  @Test func `a grid is met at its knots and between them`() throws {
    let table = Self.rows()
    let model = Self.model([try Self.surface(table)])
    // Every row is at a knot, so that f − y = −λ(1 + λL)⁻¹Ly, L the grid's Laplacian: no knot is off by
    // more than λ max|Ly|. Neighbours in m differ by log 1.1 at most, those in n and k by the least
    // row's share of the roofline, below 1 %; values are in thousandths.
    let bound = 0.02 * (PortableMath.log(1.1) + 3 * 0.01) + 0.0005
    for row in table.rows {
      let time = try model.time(of: row.call, in: .bf16)
      #expect(abs(PortableMath.log(time.seconds / row.seconds)) < bound)
      #expect(time.basis == .table)
    }
    let between = try model.time(of: .gemm(m: 8, n: 300, k: 300), in: .bf16).seconds
    let below = try model.time(of: .gemm(m: 4, n: 128, k: 128), in: .bf16).seconds
    let above = try model.time(of: .gemm(m: 16, n: 1024, k: 1024), in: .bf16).seconds
    #expect(below < between && between < above)
  }

  @Test func `a knot's value is the answer there`() throws {
    let values = (0..<8).map { 100 * $0 - 300 }
    let surface = KernelSurface(
      operation: .gemm, format: .bf16, rows: 8, rowsDigest: "", launch: 1e-6,
      axes: [KnotAxis([2, 8]), KnotAxis([4, 64]), KnotAxis([16, 256])], values: values)
    let model = Self.model([surface])
    var place = 0
    for m in [2, 8] {
      for n in [4, 64] {
        for k in [16, 256] {
          let call = KernelCall.gemm(m: m, n: n, k: k)
          let work = KernelWork(call, .bf16)
          let bound = 1e-6 + work.flops / 1e14 + work.bytes / 1e12
          let ratio = try model.time(of: call, in: .bf16).seconds / bound
          #expect(abs(ratio - PortableMath.exp(Double(values[place]) / 1000)) < 1e-9)
          place += 1
        }
      }
    }
  }

  @Test func `beyond the grid the edge scales the roofline and says so`() throws {
    let model = Self.model([try Self.surface(Self.rows())])
    let edge = KernelCall.gemm(m: 256, n: 8192, k: 8192)
    let beyond = KernelCall.gemm(m: 4096, n: 8192, k: 8192)
    func bound(_ call: KernelCall) -> Double {
      let work = KernelWork(call, .bf16)
      return work.flops / 1e14 + work.bytes / 1e12
    }
    let inside = try model.time(of: edge, in: .bf16)
    let outside = try model.time(of: beyond, in: .bf16)
    #expect(inside.basis == .table && outside.basis == .extrapolated)
    let ratio = (outside.seconds / bound(beyond)) / (inside.seconds / bound(edge))
    #expect(abs(ratio - 1) < 0.02)
    #expect(try model.time(of: edge, in: .fp8).basis == .roofline)
    #expect(try model.time(of: .elementwise(bytes: 100), in: .bf16).basis == .roofline)
  }

  @Test(.enabled(if: SharedData.path("a100") != nil, "\(SharedData.missing("a100"))"))
  func `equal spans cost what their batch costs and unequal ones lie between`() throws {
    let device = try HardwareCatalogue.accelerator("a100")
    func seconds(_ spans: [AttentionSpan], prefill: Bool) throws -> Double {
      let call =
        prefill
        ? KernelCall.prefillAttention(spans, Self.heads) : .decodeAttention(spans, Self.heads)
      return try device.kernels.time(of: call, in: .bf16).seconds
    }
    for prefill in [true, false] {
      func span(_ count: Int, _ size: Int) -> AttentionSpan {
        prefill
          ? AttentionSpan(count: count, queries: size)
          : AttentionSpan(count: count, queries: 1, context: size)
      }
      let whole = try seconds([span(8, 2048)], prefill: prefill)
      let parts = try seconds([span(3, 2048), span(5, 2048)], prefill: prefill)
      #expect(abs(parts / whole - 1) < 1e-9)
      let ragged = try seconds([span(4, 2048), span(4, 256)], prefill: prefill)
      #expect(ragged < whole)
      #expect(try ragged > seconds([span(8, 256)], prefill: prefill))
      // Short sequences beside a long one hardly cost anything.
      let alone = try seconds([span(1, 16_000)], prefill: prefill)
      let accompanied = try seconds([span(1, 16_000), span(7, 16)], prefill: prefill)
      #expect(accompanied >= alone * 0.95 && accompanied < alone * 1.3)
    }
  }

  @Test func `a file reads back as it was written`() throws {
    let tables = KernelTables(
      name: "t", source: "a \"test\"", date: "today", roofline: Self.rates,
      efficiency: .init(gemm: 0.5, attention: 0.4, memory: 0.3, launch: 2e-6),
      surfaces: [try Self.surface(Self.rows(noise: 0.01))])
    let text = tables.fileText
    let read = try KernelTables(JSONDocument(bytes: Array(text.utf8), path: "t.json"))
    #expect(read.fileText == text)
    #expect(read.surfaces[0].values == tables.surfaces[0].values)
    #expect(try Self.surface(Self.rows(noise: 0.01)) == tables.surfaces[0])
  }

  @Test(arguments: [
    ("\"launch_us\": 2.0", "\"launch_us\": -2.0", "efficiency.launch_us must be above 0"),
    ("\"gemm\", \"format\"", "\"gem\", \"format\"", "no operation 'gem'; did you mean gemm?"),
    ("\"bf16\", \"rows\"", "\"bf17\", \"rows\"", "no number format 'bf17'; did you mean bf16?"),
    ("[1,4,", "[4,1,", "knots must grow from 1 on"),
    ("[1,4,", "[4,", "must have a number for each of"),
    ("padtax.kernels", "padtax.kernel", "must be padtax.kernels, version 1"),
  ])
  func `a bad file of fitted numbers is answered with its place`(
    good: String, bad: String, message: String
  )
    throws
  {
    let tables = KernelTables(
      name: "t", source: "", date: "", roofline: Self.rates,
      efficiency: .init(gemm: 0.5, attention: 0.4, memory: 0.3, launch: 2e-6),
      surfaces: [try Self.surface(Self.rows())])
    let text = tables.fileText
    let range = try #require(text.firstRange(of: good))
    let edited = text[..<range.lowerBound] + bad + text[range.upperBound...]
    do {
      _ = try KernelTables(JSONDocument(bytes: Array(edited.utf8), path: "t.json"))
      Issue.record("accepted")
    } catch {
      #expect(error.description.contains(message), "\(error)")
      #expect(error.description.hasPrefix("t.json:"))
    }
  }

  @Test(arguments: [
    (
      "m,n,k,latency_ms\n1,2,3,-4\n",
      "gemm_bf16.csv:2: latency_ms must be a positive number, found '-4'"
    ),
    (
      "m,n,k,latency_ms\n1,2,3,\n",
      "gemm_bf16.csv:2: latency_ms must be a positive number, found ''"
    ),
    ("m,n,k,latency_ms\n1,2,3,nan\n", "latency_ms must be a positive number, found 'nan'"),
    (
      "m,n,k,latency_ms\n1,0,3,4\n",
      "gemm_bf16.csv:2: n must be a whole number of 1 or more, found '0'"
    ),
    ("m,n,k,latency_ms\n1,2,3\n", "gemm_bf16.csv:2: a row has 4 fields, found 3"),
    ("m,n,latency_ms\n", "gemm_bf16.csv:1: the columns of gemm are m,n,k,latency_ms"),
    ("m,n,k,latency_ms\n", "gemm_bf16.csv: the table has no rows"),
  ])
  func `a bad table is answered with its line`(text: String, message: String) {
    do {
      _ = try KernelMeasurements(parsing: text, file: "gemm_bf16.csv")
      Issue.record("accepted")
    } catch {
      #expect(error.description.contains(message), "\(error)")
    }
  }

  @Test func `columns may stand in any order`() throws {
    let table = try KernelMeasurements(
      parsing: "latency_ms,k,n,m\r\n2,3,4,5\r\n", file: "x/gemm_fp8_block.csv")
    #expect(table.format == .fp8Block)
    #expect(table.rows == [.init(call: .gemm(m: 5, n: 4, k: 3), seconds: 2e-3)])
    #expect(!KernelMeasurements.names("nccl_half.csv"))
  }
}
