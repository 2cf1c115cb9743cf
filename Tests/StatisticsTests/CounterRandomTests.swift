import Statistics
import Testing

@Suite struct PhiloxTests {
  // Random123 kat_vectors, lines "philox4x32 10".
  @Test func givesThePublishedVectors() {
    typealias Block = Philox4x32.Block
    #expect(
      Philox4x32.block(counter: Block(x: 0, y: 0, z: 0, w: 0), key: (0, 0))
        == Block(x: 0x6627_e8d5, y: 0xe169_c58d, z: 0xbc57_ac4c, w: 0x9b00_dbd8))
    let ones = UInt32.max
    #expect(
      Philox4x32.block(counter: Block(x: ones, y: ones, z: ones, w: ones), key: (ones, ones))
        == Block(x: 0x408f_276d, y: 0x41c8_3b0e, z: 0xa20b_c7c6, w: 0x6d54_51fd))
    #expect(
      Philox4x32.block(
        counter: Block(x: 0x243f_6a88, y: 0x85a3_08d3, z: 0x1319_8a2e, w: 0x0370_7344),
        key: (0xa409_3822, 0x299f_31d0))
        == Block(x: 0xd16c_fe09, y: 0x94fd_cceb, z: 0x5001_e420, w: 0x2412_6ea1))
  }
}

@Suite struct CounterRandomTests {
  @Test func placesSeedStreamAndIndexInTheCounter() {
    let random = CounterRandom(
      seed: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e)
    let block: UInt64 = 0x85a3_08d3_243f_6a88
    #expect(random.bits(at: block &* 2) != random.bits(at: 0))
    let zero = CounterRandom(seed: 0)
    #expect(zero.word(at: 0) == 0x6627_e8d5 && zero.word(at: 3) == 0x9b00_dbd8)
    #expect(zero.bits(at: 0) == 0xe169_c58d_6627_e8d5)
    #expect(zero.bits(at: 1) == 0x9b00_dbd8_bc57_ac4c)
    let other = CounterRandom(seed: 0xbb67_ae85_0000_0000, stream: 9)
    #expect(other.word(at: 0) != CounterRandom(seed: 0, stream: 9).word(at: 0))
    #expect(CounterRandom(seed: 0, stream: 1 << 32).word(at: 0) != zero.word(at: 0))
    #expect(zero.word(at: 1 << 34) != zero.word(at: 0))
  }

  @Test func writesTheSameFloatsFromAnyFirstIndex() {
    let random = CounterRandom(seed: 42, stream: 7)
    var whole = [Float](repeating: 0, count: 41)
    whole.withUnsafeMutableBufferPointer { random.fillNormal($0, from: 0) }
    #expect(whole.indices.allSatisfy { whole[$0] == random.normalFloat(at: UInt64($0)) })
    for (start, count) in [(0, 3), (1, 1), (3, 9), (6, 35), (40, 1)] {
      var part = [Float](repeating: 0, count: count)
      part.withUnsafeMutableBufferPointer { random.fillNormal($0, from: UInt64(start)) }
      #expect(part == Array(whole[start..<(start + count)]), "from \(start)")
    }
    var scaled = [Float](repeating: 0, count: 4)
    scaled.withUnsafeMutableBufferPointer {
      random.fillNormal($0, from: 0, mean: 1, standardDeviation: 2)
    }
    #expect(scaled[2] == 1 + 2 * whole[2])
  }

  @Test func hasTheMomentsOfItsDistributions() throws {
    let random = CounterRandom(seed: 5, stream: 1)
    let normals = try Sample((0..<20_000).map { random.normal(at: UInt64($0)) })
    #expect(abs(normals.mean) < 0.03)
    #expect(abs(normals.populationStandardDeviation - 1) < 0.02)
    #expect(abs(normals.quantile(0.975) - 1.96) < 0.06)
    let uniforms = try Sample((0..<20_000).map { random.uniform(at: UInt64($0)) })
    #expect(abs(uniforms.mean - 0.5) < 0.01)
    #expect(uniforms.minimum > 0 && uniforms.maximum < 1)
    var counts = [Int](repeating: 0, count: 7)
    for index in 0..<14_000 { counts[Int(random.integer(below: 7, at: UInt64(index)))] += 1 }
    #expect(counts.allSatisfy { (1850...2150).contains($0) }, "\(counts)")
  }

  @Test func permutesEverythingOnce() {
    let order = CounterRandom(seed: 3).permutation(count: 100)
    #expect(order.sorted() == Array(0..<100))
    #expect(order != Array(0..<100))
    #expect(order == CounterRandom(seed: 3).permutation(count: 100))
    #expect(order != CounterRandom(seed: 4).permutation(count: 100))
    #expect(CounterRandom(seed: 3).permutation(count: 0).isEmpty)
  }

  @Test func runsInSequenceForTheStandardLibrary() {
    var generator = CounterRandom(seed: 9, stream: 2).generator
    let random = CounterRandom(seed: 9, stream: 2)
    #expect((0..<5).map { _ in generator.next() } == (0..<5).map { random.bits(at: $0) })
  }

  // FNV-1a test vectors of the IETF draft: "" and "foobar".
  @Test func namesStreamsByFNV1a() {
    #expect(CounterRandom.stream(named: "") == 0xcbf2_9ce4_8422_2325)
    #expect(CounterRandom.stream(named: "foobar") == 0x8594_4171_f739_67e8)
  }
}

@Suite struct PortableMathTests {
  // scipy.stats.norm.ppf(p)
  @Test(arguments: [
    (1e-300, -37.0470962993612), (1e-15, -7.941345326170998), (1e-6, -4.753424308822899),
    (0.01, -2.3263478740408408), (0.075, -1.4395314709384563), (0.3, -0.5244005127080409),
    (0.5, 0.0), (0.9, 1.2815515655446004), (0.999, 3.090232306167813),
  ])
  func normalQuantilesAgreeWithScipy(p: Double, z: Double) {
    #expect(abs(PortableMath.normalQuantile(p) - z) <= 4e-15 * max(1, abs(z)) * 2)
  }

  // np.log(v), np.exp(v)
  @Test func logarithmAndExponentialAgreeWithNumpy() {
    for (x, y) in [
      (1e-300, -690.7755278982137), (0.3, -1.2039728043259361),
      (1.4142135623730951, 0.3465735902799727),
      (1.5, 0.4054651081081644), (2, 0.6931471805599453), (1e10, 23.025850929940457), (1, 0),
    ] {
      #expect(abs(PortableMath.log(x) - y) <= 2e-16 * max(1, abs(y)) * 2, "log \(x)")
    }
    for (x, y) in [
      (-700, 9.85967654375977e-305), (-1.5, 0.22313016014842982), (1e-10, 1.0000000001),
      (0.5, 1.6487212707001282), (10, 22026.465794806718), (700, 1.0142320547350045e+304), (0, 1),
    ] {
      #expect(abs(PortableMath.exp(x) / y - 1) <= 1e-15, "exp \(x)")
    }
  }
}
