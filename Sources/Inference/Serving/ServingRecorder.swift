import Records
import Scheduling
import Serving

/// Takes down the iterations of a run as the coordinator goes through them.
final class ServingRecorder: ServingObserver {
  private let run: Records.ServingRun
  private(set) var iterations: [IterationRecord] = []
  private var landed = 0
  private var preemptions = 0

  init(_ run: Records.ServingRun) { self.run = run }

  func planned(
    _ plan: IterationPlan, _ scheduler: ContinuousScheduler, start: Double, bytes: Int
  ) {
    iterations.append(
      IterationRecord(
        run: run, plan: plan, scheduler: scheduler,
        preemptions: scheduler.preemptions - preemptions, startSeconds: start, stepSeconds: 0,
        planBytes: bytes))
    preemptions = scheduler.preemptions
  }

  func landed(_ plan: IterationPlan, end: Double) {
    // Plans land in the order in which they were made.
    iterations[landed].stepSeconds = end - iterations[landed].startSeconds
    landed += 1
  }
}
