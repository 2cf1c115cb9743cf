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

  @Test func `kind cuda has a precision, which comes back from the job's own text`() throws {
    let choice = try job("backend: {kind: cuda, precision: bf16}")
    #expect(choice.backend == BackendChoice(kind: .cuda, precision: .bf16))
    #expect(choice.backend.elementBytes == 2)
    #expect(try JobFile.parse(choice.yaml, file: "again", folder: ".").backend == choice.backend)
    #expect(try job("backend: {kind: cuda}").backend.elementBytes == 4)
  }

  @Test func `bf16 is refused where fp32 is computed`() {
    let error = #expect(throws: RecordError.self) {
      try job("backend: {kind: cpu, precision: bf16}")
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("bf16 needs kind: cuda"))
  }

  @Test func `a card that two ranks have is marked on both`() {
    let ranks = ["GPU-a", "GPU-b", "GPU-a", nil].enumerated().map { rank, uuid in
      RankFacts(
        rank: rank, host: "h", process: 1, cpuModel: "", usableCores: 1, binding: "", numaNode: "",
        backend: "cuda", library: "", blasCore: "", instructionSet: "", threads: 1, peakGFLOPS: 0,
        gemmGFLOPS: 0, weightBytes: 0, loadAverage: 0,
        gpu: uuid.map {
          GPUFacts(
            name: "card", uuid: $0, driver: "", cuda: "", precision: "fp32", memoryBytes: 1,
            clockMHz: 0, memoryClockMHz: 0, throttleReasons: 0)
        })
    }
    let marked = GPUFacts.markingShared(ranks)
    #expect(marked.map(\.gpu?.isShared) == [true, false, true, nil])
  }
}
