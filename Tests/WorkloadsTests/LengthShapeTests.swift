import Statistics
import TestSupport
import Testing
import Workloads

@Suite struct LengthShapeTests {
  func sample(_ text: String, count: Int = 20_000, seed: UInt64 = 9) throws -> Sample {
    try Sample(LengthShape(parsing: text).lengths(count: count, seed: seed).map(Double.init))
  }

  @Test func normalIsTruncatedNotClamped() throws {
    let free = try sample("normal:200,50")
    #expect(abs(free.mean - 200) < 1.5 && abs(free.populationStandardDeviation - 50) < 1.2)
    // Half the mass lies above the mean: clamped, half of the draws would be 60.
    let cut = try sample("normal:60,20,60")
    #expect(cut.maximum == 60 && cut.minimum >= 1)
    #expect(cut.values.filter { $0 == 60 }.count < 1000)
    // Mean of the lower half of a normal: μ − σ√(2/π), here cut at 60.5 and −∞.
    #expect(abs(cut.mean - (60 - 20 * 0.798)) < 1)
  }

  @Test func logNormalHasItsMedianAndSpread() throws {
    let lengths = try sample("lognormal:240,0.8")
    #expect(abs(lengths.median - 240) < 6)
    let logs = try Sample(lengths.values.map { PortableMath.log($0) })
    #expect(abs(logs.populationStandardDeviation - 0.8) < 0.02)
    #expect(try sample("lognormal:240,0.8,300").maximum == 300)
  }

  @Test func zipfFollowsItsPowerLaw() throws {
    let lengths = try LengthShape(parsing: "zipf:1.2,1024").lengths(count: 50_000, seed: 2)
    var counts = [Int](repeating: 0, count: 1025)
    for length in lengths { counts[length] += 1 }
    // numpy: k = arange(1, 1025.0); w = k**-1.2; w / w.sum(), for k = 1, 2, 8.
    for (length, share) in [(1, 0.23032), (2, 0.10025), (8, 0.018995)] {
      let found = Double(counts[length]) / 50_000
      #expect(abs(found - share) < 4 * (share / 50_000).squareRoot(), "\(length): \(found)")
    }
    #expect(lengths.max()! > 900)
  }

  @Test func bimodalKeepsItsShareInEveryWindow() throws {
    let shape = try LengthShape(parsing: "bimodal:16,4096,0.5")
    for seed: UInt64 in 1...8 {
      let lengths = try shape.lengths(count: 64, seed: seed)
      for pair in stride(from: 0, to: 64, by: 2) {
        #expect(lengths[pair] + lengths[pair + 1] == 4112, "seed \(seed)")
      }
      let rare = try LengthShape(parsing: "bimodal:1,9,0.3").lengths(count: 40, seed: seed)
      for start in 0...30 {
        #expect(rare[start..<(start + 10)].filter { $0 == 9 }.count == 3, "seed \(seed)")
      }
    }
    let firsts = try (1...20).map { try shape.lengths(count: 1, seed: $0)[0] }
    #expect(Set(firsts) == [16, 4096])
    #expect(try LengthShape(parsing: "bimodal:1,9,0").lengths(count: 9, seed: 1).max() == 1)
    #expect(try LengthShape(parsing: "bimodal:1,9,1").lengths(count: 9, seed: 1).min() == 9)
  }

  @Test func keepsTheTwoMeaningsOfTheRangeRatioApart() throws {
    let vllm = try sample("vllm-range:256,0.5")
    #expect(vllm.minimum == 128 && vllm.maximum == 384 && abs(vllm.mean - 256) < 3)
    let sglang = try sample("sglang-range:256,0.5")
    #expect(sglang.minimum == 128 && sglang.maximum == 256 && abs(sglang.mean - 192) < 2)
    // vLLM: floor and ceiling; SGLang: truncation. 0 means "exact" in one, "anything" in the other.
    #expect(try Set(sample("vllm-range:5,0.3").values) == [3, 4, 5, 6, 7])
    #expect(try Set(sample("sglang-range:5,0.3").values) == [1, 2, 3, 4, 5])
    #expect(try Set(sample("vllm-range:9,0").values) == [9])
    #expect(try sample("sglang-range:9,0").minimum == 1)
    #expect(try Set(sample("sglang-range:9,1").values) == [9])
  }

  @Test func everyFormIsReadBackFromItsText() throws {
    for text in [
      "fixed:128", "uniform:16-128", "normal:200.0,50.0,2097152", "lognormal:24.0,0.8,512",
      "zipf:1.2,1024", "bimodal:16,4096,0.5", "vllm-range:256,0.5", "sglang-range:256,0.5",
      "chat:24.0,1.1,128",
    ] {
      let shape = try LengthShape(parsing: text)
      #expect(shape.text == text)
      #expect(
        try shape.lengths(count: 50, seed: 1) == shape.lengths(count: 80, seed: 1)[..<50].map { $0 }
      )
    }
    #expect(try LengthShape(parsing: "chat") == .chat128)
    #expect(LengthShape.forms.count == 10)
  }

  @Test(arguments: [
    ("gauss:1,2", "unknown length distribution 'gauss:1,2'; valid forms: fixed:LENGTH, uniform:"),
    ("", "unknown length distribution ''"), ("uniform", "has 0 numbers; the form is uniform:SHO"),
    ("uniform:5", "has 1 numbers"), ("uniform:9-5", "the shortest, 9, exceeds the longest, 5"),
    ("uniform:-3-5", "has 3 numbers"), ("fixed:", "has 0 numbers"), ("fixed:1,2", "has 2 numbers"),
    ("fixed:12x", "'12x' is no whole number; the form is fixed:LENGTH"), ("fixed:0", "zero tokens"),
    ("fixed:99999999999999999999", "no whole number"), ("normal:a,2", "'a' is no number"),
    ("normal:nan,2", "'nan' is no number"), ("normal:5,0", "must be above 0"),
    ("normal:0.5,1", "the mean 0.5"), ("normal:5,1e300", "at most 10 times"),
    ("zipf:0,9", "the exponent 0.0"), ("zipf:1.2", "the form is zipf:EXPONENT,LONGEST"),
    ("bimodal:9,9,0.5", "must be below the long one"), ("bimodal:1,9,1.5", "must lie in 0...1"),
    ("vllm-range:256,1", "at least 0 and below 1"), ("sglang-range:256,1.1", "must lie in 0...1"),
    ("vllm-range:2097152,0.5", "the longest would exceed"), ("lognormal:24,11", "at most 10"),
    ("file:", "names no file; its form is file:PATH"), ("file:no/such", "no/such: no such file"),
  ])
  func refusesWrongTexts(text: String, words: String) throws {
    let found = try #require(fileError { _ = try LengthShape(parsing: text) })
    #expect(found.description.contains(words), "\(found)")
  }
}

@Suite struct LengthTableTests {
  func read(_ text: String) throws -> [Int] {
    try LengthTable(bytes: Array(text.utf8), path: "l").lengths
  }

  @Test func readsItsFourLayouts() throws {
    #expect(try read("[3, 5,\n 7]") == [3, 5, 7])
    #expect(try read("3\n 5\r\n7\n\n") == [3, 5, 7])
    #expect(try read("[ {\"prompt_len\": 3}, {\"token_length\": 5, \"prompt\": \"x\"}]") == [3, 5])
    #expect(
      try read("{\"source\": \"s\", \"prompt_tokens\": [3, 0, 7], \"answer_tokens\": [1, 1, 1]}")
        == [3, 7])
  }

  @Test(arguments: [
    ("3\nx\n", "l:2: expected one whole number"), ("3\n\n4", "l:2"),
    ("3\n0", "l:2: the prompt has"),
    ("3\n-1", "l:2"), ("3\n4.5", "l:2"), ("", "l:1: has no lengths"), ("[]", "l:1: has no lengths"),
    ("[3,\n0]", "l:2: [1]: the prompt has zero"), ("[3, \"4\"]", "l:1: [1] must be an integer"),
    ("[3,", "not valid JSON"),
  ])
  func refusesMalformedLengthsByLine(text: String, words: String) throws {
    let found = try #require(fileError { _ = try read(text) })
    #expect(found.description.contains(words), "\(found)")
  }

  @Test func drawsFromTheFileWithReplacement() throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("[5, 5, 5, 80]", to: "lengths.json")
    let shape = try LengthShape(parsing: "file:\(path)")
    let lengths = try shape.lengths(count: 4000, seed: 3)
    let share = Double(lengths.filter { $0 == 80 }.count) / 4000
    #expect(Set(lengths) == [5, 80] && abs(share - 0.25) < 0.03)
    #expect(shape.text == "file:\(path)")
  }
}

@Suite struct OutputLengthsTests {
  @Test func readsTraceNumbersAndDistributions() throws {
    #expect(try OutputLengths(parsing: "trace") == .source)
    #expect(try OutputLengths(parsing: "16") == .drawn(.fixed(16)))
    #expect(try OutputLengths(parsing: "uniform:1-8") == .drawn(.uniform(1...8)))
    #expect(try OutputLengths(parsing: "uniform:1-8").text == "uniform:1-8")
    #expect(throws: WorkloadError.self) { try OutputLengths(parsing: "0") }
    let found = fileError { _ = try OutputLengths(parsing: "many") }?.message
    #expect(found?.contains("valid forms") == true && found?.contains("'trace'") == true)
  }

  @Test func drawsOutputsIndependentlyOfPrompts() throws {
    let list = try RequestList.generated(.uniform(1...1000), count: 4000, seed: 5)
    let changed = try list.withOutputs(.drawn(.uniform(1...1000)), seed: 5)
    #expect(changed.requests.map(\.promptLength) == list.requests.map(\.promptLength))
    let outputs = changed.requests.compactMap(\.outputLength)
    #expect(outputs.count == 4000 && Set(outputs).count > 900)
    // Same seed, same distribution: were the streams one, outputs would equal prompts.
    let fit = try LinearFit(
      x: list.requests.map { Double($0.promptLength) }, y: outputs.map(Double.init))
    #expect(fit.rSquared < 0.01)
    let found = fileError { _ = try list.withOutputs(.source, seed: 1) }?.message
    #expect(found?.contains("no output length for request 0") == true)
    #expect(try changed.withOutputs(.source, seed: 1) == changed)
  }
}
