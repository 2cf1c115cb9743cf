// How many static configurations one core prices in a second: `swift run -c release simulation-bench`.

import Glibc
import Hardware
import Models
import Scheduling
import Simulation

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
  let rate = Double(count) / (seconds() - start)
  print(
    "\(devices.joined(separator: " ")): \(count) static configurations, \(Int(rate)) per second and "
      + "core (\(fit) fit; sum \(sum) s)")
}

// Ragged rows: the study's kind of batch, 128 different lengths.
let deployment = try Deployment(
  model: .preset("qwen2.5-32b"), layout: ParallelLayout(parsing: "tp4"),
  hardware: HardwareCatalogue.accelerator("h100"))
var estimator = try StaticEstimator(deployment)
let start = seconds()
let rounds = 2000
for round in 0..<rounds {
  let lengths = (0..<128).map { 1 + ($0 * 37 + round) % 512 }
  for policy in [Policy.rightPad, .packed] {
    _ = try estimator.estimate(
      StaticBatch(lengths: lengths, policy: policy, generate: 128))
  }
}
print(
  "128 ragged prompts, right-pad and packed: \(Int(Double(2 * rounds) / (seconds() - start))) per second and core"
)
