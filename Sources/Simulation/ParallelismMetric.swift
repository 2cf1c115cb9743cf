import Hardware
import Models
import Scheduling

/// What a row of a parallelism table asks for; told from the metric's name.
///
/// `kv_room` bytes beside the weights over all devices, `kv_room_per_gpu` on one,
/// `kv_room_2x_tp2` of two such deployments; `max_batch`, `max_nano_batch` requests that fit (a
/// nano-batch alone on its stages), `…_pow2` the largest power of two; `fits`, `all_in_flight_fit` (a
/// nano-batch for each stage at once); `heads_per_gpu`, `kv_heads_per_gpu`, `layers_per_gpu`,
/// `weights`, `weights_per_gpu`, `kv_per_token`, `kv_per_request` over all devices, `kv_per_gpu` of a
/// batch; `ttft`, `tpot`, `tps` absolute; of these `…_speedup` against a
/// baseline, `…_ratio` or `…_time_ratio`, `…_gain`. `prefill` is `ttft`, `decode` is `tpot`.
enum ParallelismMetric: Hashable {
  case room(perDevice: Bool, copies: Int)
  case mostRequests(isPower: Bool)
  case fits(allInFlight: Bool)
  case shape(Shape)
  case time(Time, Comparison)

  enum Shape: String, CaseIterable {
    case heads = "heads_per_gpu"
    case kvHeads = "kv_heads_per_gpu"
    case layers = "layers_per_gpu"
    case weights
    case weightsPerDevice = "weights_per_gpu"
    case cachePerToken = "kv_per_token"
    case cachePerRequest = "kv_per_request"
    case cachePerDevice = "kv_per_gpu"

    /// Whether it is in bytes, of which the row's unit makes GB or others.
    var isBytes: Bool {
      switch self {
      case .heads, .kvHeads, .layers: false
      default: true
      }
    }
  }

  enum Time: String, CaseIterable {
    case ttft, prefill, tpot, decode, tps, latency
  }

  enum Comparison: Hashable {
    /// In seconds, milliseconds or tokens per second.
    case absolute
    /// Baseline's time over the row's; of tps the row's over the baseline's.
    case speedup
    /// The row's over the baseline's.
    case ratio
  }

  /// - Throws: `SimulationError` with the names that are known.
  init(parsing name: String) throws(SimulationError) {
    let power = name.hasSuffix("_pow2")
    switch power ? String(name.dropLast(5)) : name {
    case "max_batch", "max_nano_batch": self = .mostRequests(isPower: power)
    case "kv_room": self = .room(perDevice: false, copies: 1)
    case "kv_room_per_gpu": self = .room(perDevice: true, copies: 1)
    case "fits", "fit": self = .fits(allInFlight: false)
    case "all_in_flight_fit", "all_in_flight_fits": self = .fits(allInFlight: true)
    case let plain:
      if let shape = Shape(rawValue: plain) {
        self = .shape(shape)
      } else if let copies = Self.copies(plain) {
        self = .room(perDevice: false, copies: copies)
      } else if let time = Self.time(plain), !power {
        self = time
      } else {
        throw SimulationError(.data, "unknown metric '\(name)'; known: \(Self.known)")
      }
    }
  }

  static let known =
    "kv_room kv_room_per_gpu kv_room_<N>x_<layout> max_batch[_pow2] max_nano_batch[_pow2] fits "
    + "all_in_flight_fit " + Shape.allCases.map(\.rawValue).joined(separator: " ")
    + " and ttft prefill tpot decode latency (seconds; _ms milliseconds) tps, alone or with _speedup "
    + "_ratio _time_ratio _gain"

  /// `kv_room_2x_tp2`: so many deployments of the row's layout.
  private static func copies(_ name: String) -> Int? {
    guard name.hasPrefix("kv_room_"), let x = name.dropFirst(8).firstIndex(of: "x") else {
      return nil
    }
    return Int(name.dropFirst(8)[..<x])
  }

  private static func time(_ name: String) -> ParallelismMetric? {
    for (suffix, comparison) in [
      ("_speedup", Comparison.speedup), ("_time_ratio", .ratio), ("_ratio", .ratio),
      ("_gain", .speedup), ("_time", .absolute), ("_s", .absolute), ("_ms", .absolute),
      ("", .absolute),
    ] where name.hasSuffix(suffix) {
      if let time = Time(rawValue: String(name.dropLast(suffix.count))) {
        return .time(time, comparison)
      }
    }
    return nil
  }
}

/// What a row is compared with: a layout, perhaps with another batch.
struct ParallelismBaseline {
  let layout: ParallelLayout
  let batch: Int?

  /// Reads `tp4`, `tp2pp2_b16`, `nopar_b1` (one device), `dp_b32` (every device for itself).
  init(parsing text: String) throws(SimulationError) {
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    let batch = parts.count == 2 && parts[1].hasPrefix("b") ? Int(parts[1].dropFirst()) : nil
    let name = parts.first.map(String.init) ?? ""
    let alone = ["nopar", "dp", "single"].contains(name)
    guard parts.count == 1 || parts.count == 2 && (batch ?? 0) >= 1,
      let layout = alone ? .single : try? ParallelLayout(parsing: name), layout.data == 1
    else {
      throw SimulationError(
        .data,
        "baseline is \(text.isEmpty ? "missing" : "'\(text)'"); wanted a layout such as tp4, nopar or "
          + "dp, perhaps with a batch: nopar_b1")
    }
    self.layout = layout
    self.batch = batch
  }
}
