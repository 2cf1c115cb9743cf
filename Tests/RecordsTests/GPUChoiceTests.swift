import FoundationEssentials
import Records
import Scheduling
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

  @Test func `graphs are off or ascending sizes, of every kind of backend`() throws {
    for kind in ["cpu", "cuda"] {
      let made = try job("backend: {kind: \(kind), graphs: [1, 2, 8]}")
      #expect(made.backend.graphs == (try GraphSizes([1, 2, 8])))
      #expect(try JobFile.parse(made.yaml, file: "again", folder: ".").backend == made.backend)
    }
    #expect(try job("backend: {graphs: 4}").backend.graphs?.sizes == [4])
    let off = try job("backend: {graphs: off}").backend
    #expect(off == BackendChoice())
    // A cell without graphs keeps its name: the key is not there.
    let text = String(decoding: try JSONEncoder().encode(off), as: UTF8.self)
    #expect(!text.contains("graphs"))
    for (value, complaint) in [
      ("[4, 2]", "sizes ascend, each once; 2 comes after 4"),
      ("[0, 2]", "size 0 is out of range; sizes are from 1 to 65536 rows"),
      ("[2, many]", "'many' is no number of rows; take off, or sizes such as [1, 2, 4, 8]"),
      ("[off, 2]", "'off' is no number of rows"), ("[]", "the list is empty"),
    ] {
      let error = #expect(throws: RecordError.self) { try job("backend: {graphs: \(value)}") }
      let text = "\(error.map { "\($0)" } ?? "")"
      #expect(text.contains("gpu.yaml:9:") && text.contains("backend.graphs"), "\(text)")
      #expect(text.contains(complaint), "\(text)")
    }
    let score = #expect(throws: RecordError.self) {
      try job("phase: score\nbackend: {graphs: [2]}")
    }
    #expect("\(score.map { "\($0)" } ?? "")".contains("phase score has no decode steps"))
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
