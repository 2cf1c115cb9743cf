import FoundationEssentials
import Statistics
import Testing
import Workloads

func fileError(_ body: () throws -> Void) -> WorkloadError? {
  do {
    try body()
    return nil
  } catch {
    return error as? WorkloadError
  }
}

@Suite struct BatchTests {
  // numpy: L = [5,17,9,32,1,64]; p = 1-L.mean()/L.max(); c = L.std()/L.mean(); c*(1-p)/p
  @Test func agreesWithNumpyOnTheMetrics() throws {
    let batch = try Batch(id: 0, lengths: [5, 17, 9, 32, 1, 64])
    #expect(abs(batch.padRatio - 0.6666666666666667) < 1e-15)
    #expect(abs(batch.covLength - 1.0099601631995196) < 1e-14)
    #expect(abs(try #require(batch.covPadding) - 0.5049800815997597) < 1e-14)
    #expect(batch.sumOfSquares == 5516)
    #expect(batch.slots == 384 && batch.realTokens == 128 && batch.paddedSlots == 256)
    #expect(batch.longest == 64 && batch.shortest == 1 && batch.count == 6)
  }

  @Test func keepsBatchAndRowWasteApart() throws {
    // METRICS.md: one 4096- and one 16-token row.
    let batch = try Batch(id: 0, lengths: [4096, 16])
    #expect(abs(batch.rowWaste(reserved: 4096)[1] - 0.996) < 1e-3)
    #expect(abs(batch.memoryWaste(reserved: 4096) - 0.498) < 1e-3)
    #expect(batch.padRatio(to: 8192) > batch.padRatio)
  }

  @Test func holdsTheSumOfSquaresIdentityForRandomLengths() throws {
    for seed: UInt64 in 1...50 {
      let lengths = try LengthShape.chat128.lengths(count: 16, seed: seed)
      let batch = try Batch(id: 0, lengths: lengths)
      let (p, c) = (batch.padRatio, batch.covLength)
      let area = Double(batch.count * batch.longest * batch.longest)
      let share = Double(batch.sumOfSquares) / area
      #expect(abs(share - (1 - p) * (1 - p) * (1 + c * c)) < 1e-12, "seed \(seed)")
    }
  }

  @Test func hasNoPaddingSpreadWithoutPadding() throws {
    let batch = try Batch(id: 0, lengths: [7, 7])
    #expect(batch.covPadding == nil && batch.padRatio == 0 && batch.covLength == 0)
  }

  @Test func refusesImpossibleBatchesAndRequests() {
    for lengths in [[], [0], [-1], [3, 0], [.max], [1 << 40]] {
      #expect(throws: WorkloadError.self) { try Batch(id: 0, lengths: lengths) }
    }
    #expect(throws: WorkloadError.self) { try Batch(id: -1, lengths: [1]) }
    #expect(throws: WorkloadError.self) { try Request(id: 0, promptLength: 2, tokens: [5]) }
    #expect(throws: WorkloadError.self) { try Request(id: 0, promptLength: 1, tokens: [-5]) }
    #expect(throws: WorkloadError.self) { try Request(id: 0, promptLength: 1, outputLength: 0) }
    #expect(throws: WorkloadError.self) { try Request(id: 0, promptLength: 1, arrival: -.infinity) }
    #expect(throws: WorkloadError.self) {
      let request = try Request(id: 3, promptLength: 1)
      _ = try Batch(id: 0, requests: [request, request])
    }
  }

  @Test func checksContextAndVocabulary() throws {
    let batch = try Batch(id: 2, lengths: [10, 100])
    #expect(throws: Never.self) { try batch.validate(contextLimit: 116, outputs: 16) }
    let found = fileError { try batch.validate(contextLimit: 115, outputs: 16) }
    #expect(found?.message.contains("batch 2, row 1: a prompt of 100 tokens") == true)
    let own = try Batch(id: 0, requests: [Request(id: 0, promptLength: 1, tokens: [600])])
    #expect(throws: WorkloadError.self) { try own.validate(contextLimit: 9, vocabularySize: 600) }
    #expect(throws: Never.self) { try own.validate(contextLimit: 9, vocabularySize: 601) }
  }
}

@Suite struct TokenSourceTests {
  @Test func dependsOnSeedRequestAndPositionOnly() throws {
    let source = try TokenSource(seed: 1, vocabularySize: 500)
    let long = source.tokens(for: try Request(id: 9, promptLength: 40))
    #expect(source.tokens(for: try Request(id: 9, promptLength: 7)) == Array(long.prefix(7)))
    #expect(source.token(request: 9, position: 5) == long[5])
    #expect(source.tokens(for: try Request(id: 8, promptLength: 40)) != long)
    let other = try TokenSource(seed: 2, vocabularySize: 500)
    #expect(other.tokens(for: try Request(id: 9, promptLength: 40)) != long)
    #expect(source.tokens(for: try Request(id: 1, promptLength: 2, tokens: [0, 1])) == [0, 1])
  }

  @Test func staysInsideTheVocabularyAndOffTheFirstThreeIds() throws {
    let source = try TokenSource(seed: 3, vocabularySize: 11)
    let ids = Set(source.tokens(for: try Request(id: 0, promptLength: 400)))
    #expect(ids == Set(3..<11))
    #expect(throws: WorkloadError.self) { try TokenSource(seed: 3, vocabularySize: 3) }
  }
}

@Suite struct GenerationTests {
  @Test func drawsChatLengthsWithTheirMedianAndCut() throws {
    let lengths = try LengthShape.chat128.lengths(count: 20_000, seed: 4)
    let sample = try Sample(lengths.map(Double.init))
    #expect((23...25).contains(sample.median))
    #expect(sample.maximum == 128 && sample.minimum == 1 && sample.mean > sample.median * 1.2)
    #expect(try LengthShape.chat128.lengths(count: 5, seed: 4) == Array(lengths.prefix(5)))
  }

  @Test func drawsFixedAndUniformLengths() throws {
    #expect(try LengthShape.fixed(9).lengths(count: 3, seed: 1) == [9, 9, 9])
    let lengths = try LengthShape.uniform(3...5).lengths(count: 200, seed: 1)
    #expect(Set(lengths) == [3, 4, 5])
  }

  @Test func refusesImpossibleShapes() {
    let shapes: [LengthShape] = [
      .fixed(0), .uniform(0...4), .chat(median: 0, sigma: 1, maximum: 9),
      .chat(median: 10, sigma: 1, maximum: 9), .chat(median: 5, sigma: .nan, maximum: 9),
      .chat(median: 5, sigma: 0, maximum: 9), .fixed(.max),
    ]
    for shape in shapes {
      #expect(throws: WorkloadError.self) { try shape.lengths(count: 1, seed: 1) }
    }
    #expect(throws: WorkloadError.self) { try LengthShape.fixed(1).lengths(count: 0, seed: 1) }
  }

  @Test func makesConsecutiveAndRandomBatches() throws {
    let list = try RequestList.generated(.uniform(1...50), count: 20, seed: 1)
    let consecutive = try list.batches(size: 3, count: 4, order: .consecutive(offset: 8))
    #expect(consecutive.flatMap(\.requests) == Array(list.requests[8..<20]))
    #expect(consecutive.map(\.id) == [0, 1, 2, 3])
    let random = try list.batches(size: 4, count: 5, order: .random(seed: 3))
    #expect(Set(random.flatMap { $0.requests.map(\.id) }) == Set(0..<20))
    #expect(try random == list.batches(size: 4, count: 5, order: .random(seed: 3)))
    #expect(try random != list.batches(size: 4, count: 5, order: .random(seed: 4)))
    for (size, count, offset) in [
      (3, 4, 9), (0, 1, 0), (1, 0, 0), (21, 1, 0), (1, 1, -1), (1, 1, .max),
    ] {
      #expect(throws: WorkloadError.self) {
        try list.batches(size: size, count: count, order: .consecutive(offset: offset))
      }
    }
  }
}
