import FoundationEssentials
import Models
import Records
import Scheduling

/// A comparison of a checkpoint with its expected answers, checked before any rank starts.
public struct VerificationRequest: Hashable, Sendable {
  public let checkpoint: String
  public let layout: ParallelLayout
  public let policy: Policy
  public let microBatches: Int
  public let backend: BackendChoice
  /// A list of prompts with expected tokens that takes the place of the checkpoint's own.
  public let expected: String?
  public let mode: JobMode
  public let numbers: NumberFormats
  public let stepLimit: StepLimit

  /// - Throws: `StudyError` that names the option and the valid choices.
  public init(
    checkpoint: String, layout: String, policy: String, microBatches: Int, backend: BackendChoice,
    expected: String?, mode: JobMode = .generate, numbers: NumberFormats = .single,
    stepLimit: StepLimit = .standard
  ) throws(StudyError) {
    do { self.layout = try ParallelLayout(parsing: layout) } catch {
      throw StudyError("--layout: \(error)")
    }
    do { self.policy = try Policy(parsing: policy) } catch {
      throw StudyError("--policy: \(error)")
    }
    if mode == .score {
      do { try BatchPlan.checkScore(self.policy) } catch {
        throw StudyError("--policy with --phase score: \(error)")
      }
    }
    guard (1...4096).contains(microBatches) else {
      throw StudyError("--micro-batches \(microBatches) is out of range; it must be 1 to 4096")
    }
    for (option, path) in [("--checkpoint", checkpoint), ("--expected", expected)] {
      if let path, !FileManager.default.fileExists(atPath: path) {
        throw StudyError("\(option) \(path): no such file or folder")
      }
    }
    self.checkpoint = checkpoint
    self.microBatches = microBatches
    self.backend = backend
    self.expected = expected
    self.mode = mode
    self.numbers = numbers
    self.stepLimit = stepLimit
  }

  public func launch(
    _ launcher: RankLauncher, rankProgram: String, host: HostFacts, variables: [String: String]
  ) -> LaunchPlan {
    var program = [rankProgram, "verify", "--checkpoint", checkpoint]
    program += ["--layout", layout.description, "--policy", policy.description]
    program += ["--micro-batches", String(microBatches)]
    program += ["--backend", backend.kind.rawValue, "--blas", backend.blas]
    if numbers.isReduced {
      program += ["--precision", numbers.weights.rawValue]
      program += ["--kv-precision", numbers.cache.rawValue]
      program += ["--message-precision", numbers.messages.rawValue]
    }
    if mode != .generate { program += ["--phase", mode.rawValue] }
    if let expected { program += ["--expected", expected] }
    if stepLimit != .standard { program += ["--step-limit", stepLimit.description] }
    return LaunchPlan(
      launcher, ranks: layout.worldSize, threads: backend.threads, program: program, host: host,
      variables: variables)
  }
}
