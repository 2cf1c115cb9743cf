import Netbench
import Testing

@Suite struct SizeTests {
  @Test("the ladder multiplies up to and including the largest size")
  func ladder() throws {
    #expect(try SizeLadder(minimum: 8, maximum: 64, factor: 2).sizes == [8, 16, 32, 64])
    #expect(try SizeLadder(minimum: 4, maximum: 100, factor: 5).sizes == [4, 20, 100])
    #expect(try SizeLadder(minimum: 12, maximum: 12, factor: 2).sizes == [12])
    #expect(try SizeLadder(minimum: 8, maximum: 32, factor: 1.25).sizes == [8, 12, 16, 24, 28])
    #expect(try request(maximum: nil).ladder.sizes.count == 24)
    #expect(try request(maximum: nil).ladder.maximum == 64 << 20)
  }

  @Test("blocks are whole elements, and a size that they round to is measured once")
  func extents() throws {
    let ladder = try SizeLadder(minimum: 8, maximum: 64, factor: 2)
    let gathered = ladder.extents(of: .allGather, ranks: 3)
    #expect(gathered.map(\.count) == [1, 2, 5])
    #expect(gathered.map(\.size) == [12, 24, 60])
    let reduced = ladder.extents(of: .allReduce, ranks: 3)
    #expect(reduced.map(\.count) == [2, 4, 8, 16])
    #expect(reduced.map(\.size) == [8, 16, 32, 64])
  }

  @Test(
    "sizes are read with binary prefixes",
    arguments: [
      ("8", 8), ("64K", 64 << 10), ("64KiB", 64 << 10), ("2M", 2 << 20), ("1G", 1 << 30),
      ("12B", 12), ("", nil), ("K", nil), ("-4", nil), ("4k", nil), ("1.5M", nil),
      ("9999999999999G", nil),
    ] as [(String, Int?)])
  func parsing(text: String, bytes: Int?) {
    #expect(SizeLadder.bytes(parsing: text) == bytes)
  }

  @Test("bus bandwidth follows nccl-tests' factors")
  func busFactors() {
    #expect(MeasuredOperation.allReduce.busFactor(ranks: 4) == 1.5)
    for operation in [MeasuredOperation.allGather, .reduceScatter, .gather] {
      #expect(operation.busFactor(ranks: 4) == 0.75)
    }
    #expect(MeasuredOperation.broadcast.busFactor(ranks: 4) == 1)
    #expect(MeasuredOperation.pingPong.busFactor(ranks: 2) == 1)
  }
}

@Suite struct NetbenchRequestTests {
  @Test("defaults are two ranks and every operation")
  func defaults() throws {
    let plain = try request()
    #expect(plain.ranks == 2 && plain.layout == nil)
    #expect(plain.operations == MeasuredOperation.allCases)
    #expect(plain.effort == .standard)
    #expect(try request(layout: "tp2pp2").ranks == 4)
    #expect(
      try request(operations: "broadcast,all-reduce").operations == [.allReduce, .broadcast])
  }

  @Test("the rank's arguments say the same again")
  func arguments() throws {
    let asked = try request(layout: "tp2pp2", operations: "gather", repeats: 7)
    #expect(
      asked.arguments == [
        "--layout", "tp2pp2", "--min-bytes", "8", "--max-bytes", "64", "--factor", "2",
        "--operations", "gather", "--repeats", "7",
      ])
    #expect(try request(seconds: 0.5).arguments.suffix(2) == ["--seconds", "0.5"])
  }

  @Test("what cannot be measured is refused with the option's name")
  func refusals() {
    func refused(_ text: String, _ body: () throws(NetbenchError) -> NetbenchRequest) {
      do throws(NetbenchError) {
        _ = try body()
        Issue.record("accepted: \(text)")
      } catch {
        #expect(error.description.contains(text))
      }
    }
    refused("--layout and --ranks") { () throws(NetbenchError) in
      try request(layout: "tp2", ranks: 2)
    }
    refused("--layout: layout 'x'") { () throws(NetbenchError) in try request(layout: "x") }
    refused("at least 2 ranks") { () throws(NetbenchError) in try request(ranks: 1) }
    refused("--min-bytes 6") { () throws(NetbenchError) in try request(minimum: "6") }
    refused("--max-bytes 'x'") { () throws(NetbenchError) in try request(maximum: "x") }
    refused("more than --max-bytes") { () throws(NetbenchError) in
      try request(minimum: "128", maximum: "64")
    }
    refused("--factor 1") { () throws(NetbenchError) in try request(factor: 1) }
    refused("unknown operation 'send'") { () throws(NetbenchError) in
      try request(operations: "send")
    }
    refused("exclude each other") { () throws(NetbenchError) in
      try request(repeats: 1, seconds: 1)
    }
    refused("--repeats 0") { () throws(NetbenchError) in try request(repeats: 0) }
    refused("--seconds") { () throws(NetbenchError) in try request(seconds: .nan) }
  }
}
