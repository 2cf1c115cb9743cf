import Records
import Testing

@Suite struct GPUChoiceTests {
  private func job(_ backend: String) throws -> JobSpecification {
    try JobFile.parse(
      """
      name: gpu
      model:
        preset: qwen2.5-0.5b
      layouts: [tp1]
      policies: [packed]
      workload:
        generate: uniform:3-9
        batch-size: 4
      \(backend)
      """, file: "gpu.yaml", folder: ".")
  }

  @Test func `kind cuda takes the job's precision, and both come back from its own text`() throws {
    let choice = try job("precision: bf16\nkv-precision: fp32\nbackend: {kind: cuda}")
    #expect(choice.backend == BackendChoice(kind: .cuda))
    #expect(choice.numbers == NumberFormats(weights: .bf16, cache: .fp32, messages: .bf16))
    let again = try JobFile.parse(choice.yaml, file: "again", folder: ".")
    #expect(again.backend == choice.backend && again.numbers == choice.numbers)
    #expect(try job("backend: {kind: cuda}").numbers == .single)
  }

  @Test func `how messages leave a card is a choice of kind cuda`() throws {
    for choice in BackendChoice.Messages.allCases {
      let made = try job("backend: {kind: cuda, messages: \(choice.rawValue)}")
      #expect(made.backend == BackendChoice(kind: .cuda, messages: choice))
      #expect(
        try JobFile.parse(made.yaml, file: "again", folder: ".").backend == made.backend)
    }
    #expect(try job("backend: {kind: cuda}").backend.messages == .auto)
    let unknown = #expect(throws: RecordError.self) {
      try job("backend: {kind: cuda, messages: magic}")
    }
    #expect("\(unknown.map { "\($0)" } ?? "")".contains("auto, staged, direct, nccl"))
    let other = #expect(throws: RecordError.self) { try job("backend: {messages: nccl}") }
    #expect("\(other.map { "\($0)" } ?? "")".contains("gpu.yaml:9:21: backend.messages"))
  }

  @Test func `the backend has no precision of its own`() {
    let error = #expect(throws: RecordError.self) {
      try job("backend: {kind: cuda, precision: bf16}")
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("precision"))
  }

  @Test func `a card that two ranks have is marked on both`() {
    let ranks = ["GPU-a", "GPU-b", "GPU-a", nil].enumerated().map { rank, uuid in
      RankFacts(
        rank: rank, host: "h", process: 1, cpuModel: "", usableCores: 1, binding: "", numaNode: "",
        backend: "cuda", library: "", blasCore: "", instructionSet: "", threads: 1, peakGFLOPS: 0,
        gemmGFLOPS: 0, weightBytes: 0, loadAverage: 0,
        gpu: uuid.map {
          GPUFacts(
            name: "card", uuid: $0, driver: "", cuda: "", memoryBytes: 1, clockMHz: 0,
            memoryClockMHz: 0, throttleReasons: 0, messages: "staged")
        })
    }
    let marked = GPUFacts.markingShared(ranks)
    #expect(marked.map(\.gpu?.isShared) == [true, false, true, nil])
  }
}
