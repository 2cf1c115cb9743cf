import Records
import Testing

@Suite struct StepLimitTests {
  @Test("seconds, multiples and off are read and written back")
  func parses() throws {
    for (text, limit) in [
      ("60", StepLimit.seconds(60)), ("0.5", .seconds(0.5)), ("20x", .times(20)),
      ("2.5x", .times(2.5)),
      ("off", .off),
    ] {
      #expect(StepLimit(parsing: text) == limit && limit.description == text)
      let job = try JobText.parse(settings: ["step-limit=\(text)"])
      #expect(job.stepLimit == limit && job.yaml.contains("\nstep-limit: \(text)\n"))
      #expect(try JobFile.parse(job.yaml, file: "y", folder: ".") == job)
    }
    #expect(try JobText.parse().stepLimit == .times(20))
  }

  @Test(
    "what is no limit is refused with the choices",
    arguments: ["0", "-1", "1x", "x", "nan", "inf", "no"])
  func refuses(text: String) {
    #expect(
      JobText.complaint(JobText.small, settings: ["step-limit=\(text)"])
        == "--set step-limit=\(text): step-limit: '\(text)' is not a limit; take seconds above 0 (60), "
        + "a multiple of the slowest step, from 2 on (20x), or off")
  }

  @Test("a multiple follows the slowest step and has a floor; seconds stay what they are")
  func grows() {
    #expect(StepLimit.times(20).seconds(slowest: 0) == 600)
    #expect(StepLimit.times(20).seconds(slowest: 30) == 600)
    #expect(StepLimit.times(20).seconds(slowest: 31) == 620)
    #expect(StepLimit.seconds(5).seconds(slowest: 100) == 5)
    #expect(StepLimit.off.seconds(slowest: 1) == nil)
  }

  @Test("others are awaited as long as their steps may take, and less once a batch was seen")
  func waits() {
    let limit = StepLimit.seconds(2)
    func wait(_ batch: Double) -> Double? {
      limit.seconds(waitingFor: 100, slowestStep: 0.1, slowestBatch: batch)
    }
    #expect(wait(0) == 204)
    #expect(wait(0.01) == 2)
    #expect(wait(3) == 60)
    #expect(wait(50) == 204)
    #expect(StepLimit.off.seconds(waitingFor: 1, slowestStep: 1, slowestBatch: 1) == nil)
  }
}
