import Testing
import Units

@Suite struct ScaleFactorTests {
  @Test func readsRatiosAndReducesThem() throws {
    let factor = try ScaleFactor(parsing: "4/64")
    #expect(factor.description == "1/16")
    #expect(factor.value == 0.0625)
    #expect(try ScaleFactor(parsing: "1").isOne)
    #expect(try ScaleFactor(parsing: "3/4").description == "3/4")
  }

  @Test(arguments: [
    "", "0", "2", "1/0", "0/4", "-1/4", "1/-4", "5/4", "1/2/3", "1 /4", "0.5", "1/", "/4", "a/b",
    "1/99999999999999999999", "1/2000000000",
  ])
  func refusesWhatIsNotARatioUpToOne(text: String) {
    #expect(throws: UnitsError.self) { try ScaleFactor(parsing: text) }
  }
}

@Suite struct DecimalTests {
  // python3 -c "for v,d in [...]: print('%.*f' % (d, v))"
  @Test(arguments: [
    (1.005, 2, "1.00"), (1.115, 2, "1.11"), (0.285, 2, "0.28"), (0.5, 0, "0"), (1.5, 0, "2"),
    (2.5, 0, "2"), (2.0005, 3, "2.001"), (0.125, 2, "0.12"), (0.375, 2, "0.38"),
    (-1.25, 1, "-1.2"), (0.999, 2, "1.00"), (9.995, 2, "9.99"), (123456.789, 1, "123456.8"),
    (1e15, 2, "1000000000000000.00"), (0, 3, "0.000"), (1e-9, 3, "0.000"),
    (0.1, 15, "0.100000000000000"),
  ])
  func printsAsPrintfDoes(value: Double, decimals: Int, text: String) {
    #expect(value.fixed(decimals) == text)
  }

  @Test func printsWhatIsNotFinite() {
    #expect(Double.nan.fixed(2) == "nan")
    #expect((-Double.infinity).fixed(2) == "-inf")
  }

  @Test func keepsSignificantDigitsAcrossPowersOfTen() {
    #expect(12.345.significant(3) == "12.3")
    #expect(0.012345.significant(3) == "0.0123")
    #expect(9.996.significant(3) == "10.0")
    #expect(99.96.significant(3) == "100")
    #expect(0.09996.significant(3) == "0.100")
    #expect(1234.5.significant(3) == "1234")
  }

  @Test func groupsAndPads() {
    #expect(32_763_876_352.grouped == "32,763,876,352")
    #expect((-1000).grouped == "-1,000")
    #expect(999.grouped == "999")
    #expect(Int.min.grouped == "-9,223,372,036,854,775,808")
    #expect("ab".padded(to: 4) == "  ab")
    #expect("ab".padded(to: 4, alignment: .leading) == "ab  ")
    #expect("abc".padded(to: 2) == "abc")
  }
}

@Suite struct QuantityTests {
  @Test func showsQuantitiesForPeople() {
    #expect(Bytes(1_342_177_280).description == "1.25 GiB")
    #expect(Bytes(512).description == "512 B")
    #expect(Bytes(1023).description == "1023 B")
    #expect(Seconds(0.0123).description == "12.3 ms")
    #expect(Seconds(0.00045).description == "450 µs")
    #expect(Seconds(2.5).description == "2.50 s")
    #expect(Seconds(187).description == "3 min 07 s")
    #expect(Seconds(3_700).description == "1 h 01 min")
    #expect(TokenRate(4_100).description == "4.10k tok/s")
    #expect(TokenRate(999.9).description == "1.00k tok/s")
    #expect(TokenRate(120).description == "120 tok/s")
    #expect(Count(32_763_876_352).description == "32.8G")
    #expect(Bandwidth(12.3e9).description == "12.3 GB/s")
    #expect(FLOPRate(103e9).description == "103 GFLOP/s")
    #expect(Percentage(0.498).description == "49.8 %")
    #expect(Seconds(.infinity).description == "inf s")
    #expect(Bytes(.max).description == "8.00 EiB")
  }

  @Test func ordersBySize() {
    #expect(Bytes(1) < Bytes(2))
    #expect(Seconds(1) < Seconds(1.5))
  }
}
