// How many static configurations one core prices in a second, and how many request-iterations of
// continuous batching it schedules and prices: `swift run -c release simulation-bench`.

import Glibc
import Hardware
import Models
import Scheduling
import Serving
import Simulation

/// Prints a rate with its verdict; a rate below what is required ends the run with code 3.
@MainActor func report(_ what: String, _ rate: Double, required: Double) {
  let passed = rate >= required
  allPassed = allPassed && passed
  print("  \(passed ? "PASS" : "FAIL")  \(what): \(Int(rate)) per second and core")
}

var allPassed = true

func seconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Layouts × devices × batches × prompts × outputs, each priced and held against memory once.
func grid(_ devices: [String]) throws -> (count: Int, fit: Int, sum: Double) {
  var (count, fit, sum) = (0, 0, 0.0)
  for device in devices {
    let hardware = try HardwareCatalogue.accelerator(device)
    for layout in ["tp1", "tp2", "tp4", "tp8", "pp4", "tp2pp2", "tp2pp4"] {
      let deployment = try Deployment(
        model: .preset("qwen2.5-32b"), layout: ParallelLayout(parsing: layout), hardware: hardware)
      var estimator = try StaticEstimator(deployment)
      for requests in [1, 4, 16, 33, 64, 100, 128, 256] {
        for prompt in stride(from: 100, to: 4000, by: 311) {
          for generate in [16, 128, 700] {
            for micro in deployment.layout.pipeline > 1 ? [1, 4] : [1] {
              let batch = StaticBatch(
                requests: requests, prompt: prompt, generate: generate, microBatches: micro)
              sum += try estimator.estimate(batch).total
              fit += estimator.fits(batch) ? 1 : 0
              count += 1
            }
          }
        }
      }
    }
  }
  return (count, fit, sum)
}

_ = try grid(["h100"])
for devices in [["a100-80gb", "h100"], ["mi325x", "mi355x"]] {
  let start = seconds()
  let (count, fit, sum) = try grid(devices)
  report(
    "\(count) static configurations on \(devices.joined(separator: " ")) (\(fit) fit; sum \(sum) s)",
    Double(count) / (seconds() - start), required: 20_000)
}

// Ragged rows: the study's kind of batch, 128 different lengths.
let deployment = try Deployment(
  model: .preset("qwen2.5-32b"), layout: ParallelLayout(parsing: "tp4"),
  hardware: HardwareCatalogue.accelerator("h100"))
var estimator = try StaticEstimator(deployment)
let raggedStart = seconds()
let rounds = 2000
for round in 0..<rounds {
  let lengths = (0..<128).map { 1 + ($0 * 37 + round) % 512 }
  for policy in [Policy.rightPad, .packed] {
    _ = try estimator.estimate(
      StaticBatch(lengths: lengths, policy: policy, generate: 128))
  }
}
report(
  "128 ragged prompts, right-pad and packed", Double(2 * rounds) / (seconds() - raggedStart),
  required: 20_000)

// Continuous batching: one request-iteration is one sequence's part of one iteration, decided,
// priced with its own context, and completed.
for (name, layout, mode) in [
  ("in-flight", "tp4", BatchingMode.inFlight), ("in-flight", "pp4", .inFlight),
  ("static", "tp4", .static),
] {
  let deployment = try Deployment(
    model: .preset("qwen2.5-32b"), layout: ParallelLayout(parsing: layout),
    hardware: HardwareCatalogue.accelerator("h100"))
  let limits = try SchedulerLimits(
    mode: mode, maxNumTokens: 8192, maxBatchSize: 256, blockSize: 16, blockCount: 16_384,
    iterationsInFlight: deployment.layout.pipeline)
  var session = try ServingSession(
    lengths: (0..<2000).map { (1 + $0 * 379 % 1024, 1 + $0 * 211 % 256) },
    arrivals: .poisson(rate: 100), limits: limits)
  var walk = try ServingWalk(deployment)
  let start = seconds()
  try walk.run(&session)
  let time = seconds() - start
  let count = session.iterations.reduce(0) { $0 + $1.batch }
  report(
    "request-iterations of 2,000 requests, \(name) on \(layout), \(session.iterations.count) iterations",
    Double(count) / time, required: 200_000)
}
exit(allPassed ? 0 : 3)
