import Hardware
import Models
import Statistics
import TestSupport
import Testing
import Workloads

@testable import Simulation

@Suite struct PaddingStudyTests {
  private let hardware: Accelerator
  private let model: ModelConfiguration

  init() throws {
    hardware = try HardwareCatalogue.accelerator("a100-40gb")
    model = try ModelConfiguration.preset("qwen2.5-7b")
  }

  /// A study whose engine is known: 12 cells of two batches of 16 prompts, engine batches of 8.
  private func made(
    _ host: StudyEngine.HostTime, outlier: Bool = false, requests: Int = 16
  ) throws -> PaddingStudy {
    var random = SequentialRandom(seed: 5)
    var engine = try StudyEngine(limit: 8, model: model, hardware: hardware)
    var measurements: [PaddingStudy.Measurement] = []
    for index in 0..<12 {
      for batch in 0..<2 {
        let lengths = (0..<requests).map { _ in 1 + Int(random.next() % 90) }
        guard let cell = StudyCellLabel("pad\(20 + index)_cov15") else { continue }
        var measured = PaddingStudy.Measurement(
          configuration: .a, cell: cell, batch: batch, lengths: lengths, generate: 9,
          batchTTFT: 1, generationTime: 1)
        let walked = try engine.walk(measured)
        let factor = outlier && index == 3 && batch == 0 ? 2.0 : 1
        measured = PaddingStudy.Measurement(
          configuration: .a, cell: cell, batch: batch, lengths: lengths, generate: 9,
          batchTTFT: walked.batchTTFT(host) * factor,
          generationTime: walked.decodePhysics + host.perStep * Double(walked.decodeSteps))
        measurements.append(measured)
      }
    }
    return PaddingStudy(name: "made", measurements: measurements)
  }

  @Test func `an engine's host time and batch are found again`() throws {
    let host = StudyEngine.HostTime(perStep: 0.03, perBulkSlot: 2e-4)
    let study = try made(host)
    #expect(
      try StudyPrediction.bestLimit(study, model: model, hardware: hardware).limit == 8)
    let prediction = try StudyPrediction(
      study, calibration: .half, limit: 8, model: model, hardware: hardware)
    let found = try #require(prediction.hostTimes[.a])
    #expect(abs(found.perStep / host.perStep - 1) < 1e-3)
    #expect(abs(found.perBulkSlot / host.perBulkSlot - 1) < 1e-2)
    #expect(prediction.lines.count == 24)
    #expect(prediction.lines.allSatisfy { abs($0.error) < 1e-3 })
  }

  @Test func `decode throughput alone gives the host time of a step`() throws {
    let study = try made(.init(perStep: 0.05, perBulkSlot: 0))
    let prediction = try StudyPrediction(
      study, calibration: .decode, limit: 8, model: model, hardware: hardware)
    #expect(abs((prediction.hostTimes[.a]?.perStep ?? 0) / 0.05 - 1) < 1e-9)
    #expect(prediction.lines.allSatisfy { abs($0.error) < 1e-9 })
    #expect(prediction.rSquared(of: .a, \.predicted) > 0.999999)
  }

  @Test func `one batch far off does not rule the fit`() throws {
    let host = StudyEngine.HostTime(perStep: 0.03, perBulkSlot: 2e-4)
    let prediction = try StudyPrediction(
      made(host, outlier: true), calibration: .half, limit: 8, model: model, hardware: hardware)
    #expect(prediction.lines.count { abs($0.error) > 0.01 } == 1)
  }

  @Test func `another study's fit is carried over`() throws {
    let host = StudyEngine.HostTime(perStep: 0.03, perBulkSlot: 2e-4)
    let prediction = try StudyPrediction(
      made(host), calibration: .study(made(host)), limit: 8, model: model, hardware: hardware)
    #expect(prediction.lines.allSatisfy { abs($0.error) < 1e-3 })
  }

  @Test func `between batch sizes a step's host time goes as the decode step's`() throws {
    let prediction = try StudyPrediction(
      made(.init(perStep: 0.01, perBulkSlot: 2e-4), requests: 5),
      calibration: .study(made(.init(perStep: 0.03, perBulkSlot: 2e-4))), limit: 8, model: model,
      hardware: hardware)
    #expect(abs((prediction.hostTimes[.a]?.perStep ?? 0) / 0.01 - 1) < 1e-3)
    #expect(prediction.lines.allSatisfy { abs($0.error) < 2e-3 })
  }

  @Test func `engine batches keep the order of the prompts`() throws {
    let engine = try StudyEngine(limit: 3, model: model, hardware: hardware)
    #expect(engine.groups([5, 1, 9, 2, 7]) == [[5, 1, 9], [2, 7]])
  }

  @Test(
    .enabled(
      if: SharedData.path("study") != nil, Comment(rawValue: SharedData.missing("study"))))
  func `the published TTFTs of TP4 are predicted better than by the straight line`() throws {
    let whole = try PaddingStudy(folder: #require(SharedData.path("study")), version: "v2")
    let study = PaddingStudy(name: "tp4", measurements: whole.measurements(of: .a))
    let prediction = try StudyPrediction(
      study, calibration: .half, limit: 64, model: .preset("qwen2.5-32b"), hardware: hardware)
    let ours = try #require(ErrorSummary(prediction.lines.map(\.error)))
    let line = try #require(ErrorSummary(prediction.lines.map(\.linearError)))
    #expect(ours.count == 48)
    #expect(ours.mape < 0.06 && ours.mape < line.mape)
  }

  @Test func `a folder without a study is refused`() {
    #expect(throws: SimulationError.self) {
      try PaddingStudy(folder: "/nowhere", version: "v2")
    }
  }

  @Test func `packing takes no longer than padding, and nothing less than its bounds`() throws {
    let study = try made(.init(perStep: 0.03, perBulkSlot: 0))
    let answer = try StudyWhatIf(study, limit: 8, model: model, hardware: hardware)
    let ttft = Dictionary(uniqueKeysWithValues: answer.lines.map { ($0.name, $0.batchTTFT) })
    #expect(try #require(ttft["packed"]) <= #require(ttft["right-pad"]))
    #expect(ttft["bucketed:best-4"] != nil)
    for line in answer.lines {
      #expect(line.batchTTFT >= max(line.computeBound, line.bandwidthBound))
    }
  }
}
