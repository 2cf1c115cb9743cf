import Hardware
import Models
import Networks
import Scheduling

/// Which layouts and policies suit a workload on some devices: every one priced, ranked, and a word on
/// why the others lost.
public struct Advice: Sendable {
  /// What is asked.
  public struct Question: Sendable {
    public var model: ModelConfiguration
    public var hardware: Accelerator
    public var network: Network?
    public var devices: Int
    /// Prompt tokens of every request of a batch.
    public var lengths: [Int]
    public var generate: Int
    public var policies: [Policy]
    /// Numbers of micro-batches to try on pipelines.
    public var microBatches: [Int]
    public var limits: Limits
    public var goal: Goal
    public var settings: Deployment.Settings
    /// Requests over time instead of one batch after another; policies and micro-batches are not asked
    /// then.
    public var service: Service?

    public init(
      model: ModelConfiguration, hardware: Accelerator, network: Network? = nil, devices: Int,
      lengths: [Int], generate: Int, policies: [Policy], microBatches: [Int] = [1, 2, 4, 8],
      limits: Limits = Limits(), goal: Goal = .throughput,
      settings: Deployment.Settings = Deployment.Settings()
    ) {
      self.model = model
      self.hardware = hardware
      self.network = network
      self.devices = devices
      self.lengths = lengths
      self.generate = generate
      self.policies = policies
      self.microBatches = microBatches
      self.limits = limits
      self.goal = goal
      self.settings = settings
    }
  }

  /// What first place goes to, among those within all limits.
  public enum Goal: String, Sendable, CaseIterable {
    case throughput, ttft, tpot
  }

  /// Service-level objectives, seconds; nil where none is asked for.
  public struct Limits: Sendable, Hashable {
    public var ttft: Double?
    public var tpot: Double?
    public var latency: Double?

    public init(ttft: Double? = nil, tpot: Double? = nil, latency: Double? = nil) {
      self.ttft = ttft
      self.tpot = tpot
      self.latency = latency
    }

    /// Reads `ttft:200 tpot:50 e2el:2000`, milliseconds, as vLLM writes goodput.
    public init(parsing text: String) throws(SimulationError) {
      self.init()
      for part in text.split(whereSeparator: { $0 == " " || $0 == "," }) {
        let sides = part.split(separator: ":", omittingEmptySubsequences: false)
        guard sides.count == 2, let value = Double(sides[1]), value > 0, value.isFinite else {
          throw SimulationError(
            .configuration, "objective '\(part)' is not NAME:MILLISECONDS, such as ttft:200")
        }
        switch sides[0] {
        case "ttft": ttft = value / 1000
        case "tpot": tpot = value / 1000
        case "e2el": latency = value / 1000
        default:
          throw SimulationError(
            .configuration, "objective '\(sides[0])' is unknown; valid: ttft tpot e2el")
        }
      }
    }
  }

  /// A layout and policy, or serving system, with its figures. Of requests over time, times are those
  /// that nine in ten keep to.
  public struct Choice: Sendable, Hashable {
    public let layout: ParallelLayout
    /// Text of the policy, or of the system.
    public let method: String
    public let microBatches: Int
    public let ttft: Double
    /// Nil where one token is generated.
    public let tpot: Double?
    public let latency: Double
    /// Output tokens per second of all replicas; of batches one after another.
    public let outputRate: Double
    /// Bytes that the fullest device needs, the reserve included.
    public let memory: Double

    /// As people name it.
    public var name: String {
      "\(layout) \(method)" + (microBatches > 1 ? " in \(microBatches) micro-batches" : "")
    }

    /// No worse in any figure and better in one.
    public func dominates(_ other: Choice) -> Bool {
      let (own, others) = (figures, other.figures)
      return zip(own, others).allSatisfy { $0 <= $1 } && own != others
    }

    /// Less is better.
    private var figures: [Double] { [ttft, tpot ?? 0, -outputRate] }

    /// Alike in every figure.
    func isTied(with other: Choice) -> Bool { figures == other.figures }
  }

  /// A configuration that is no choice, and why.
  public struct Loser: Sendable, Hashable {
    public let name: String
    public let reason: String
  }

  /// Within all limits, best first; of ties the first alone.
  public let ranked: [Choice]
  /// Those of the ranked that no other dominates.
  public let front: [Choice]
  public let losers: [Loser]
}
