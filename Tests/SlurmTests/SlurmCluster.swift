import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// A Slurm of virtual nodes on this machine, up while a suite runs.
struct SlurmCluster: Sendable {
  @TaskLocal static var current: SlurmCluster?

  let folder: String
  private var variables: [String: String] { ["SLURM_CONF": folder + "/slurm.conf"] }

  /// Why there can be none; nil when there can.
  static let unavailableReason: String? = {
    guard ProcessInfo.processInfo.environment["PADTAX_SLURM"] == "1" else {
      return "PADTAX_SLURM is not 1; `make slurm-test` sets it"
    }
    guard geteuid() == 0 else { return "not root, which virtual Slurm nodes need" }
    guard access("/usr/sbin/slurmctld", X_OK) == 0 else {
      return "slurmctld is not installed; scripts/bootstrap --slurm installs it"
    }
    return nil
  }()

  /// Runs a program of Slurm's or padtax as a user of this cluster.
  func run(_ arguments: [String], timeLimit: Double = 30) throws -> ProcessOutput {
    try runProcess(arguments, environment: variables, timeLimit: timeLimit)
  }

  /// Values of `scontrol show job`, such as JobState and ExitCode.
  func job(_ identifier: String) throws -> [String: String] {
    let output = try run(["scontrol", "--oneliner", "show", "job", identifier])
    var values: [String: String] = [:]
    for field in output.standardOutput.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      let parts = field.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    return values
  }

  /// Asks every 100 ms until `condition` is true, for at most so many seconds.
  func wait(_ seconds: Double, for what: String, until condition: () throws -> Bool) throws {
    for _ in 0..<Int(seconds * 10) {
      if try condition() { return }
      usleep(100_000)
    }
    let queue = try run(["squeue"]).standardOutput
    throw SlurmWaitError(description: "\(what): not within \(seconds) s\n\(queue)")
  }

  /// Waits until no job is queued or running.
  func waitUntilEmpty(_ seconds: Double = 60) throws {
    try wait(seconds, for: "all jobs ended") {
      let queue = try run(["squeue", "--noheader"])
      return queue.exitCode == 0 && queue.standardOutput.isEmpty
    }
  }
}

struct SlurmWaitError: Error, CustomStringConvertible {
  let description: String
}

/// Starts the cluster before a suite and stops it behind it.
struct SlurmClusterTrait: SuiteTrait, TestScoping {
  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    guard SlurmCluster.unavailableReason == nil else { return try await function() }
    let folder = try TemporaryDirectory()
    let cluster = SlurmCluster(folder: folder.path + "/slurm")
    let scripts = SharedData.packageFolder + "/scripts"
    // A port of our own: other clusters may be up.
    let port = 20_000 + Int(getpid()) % 400 * 20
    let up = try runProcess(
      [scripts + "/slurm-up", "--dir", cluster.folder, "--port", "\(port)"], timeLimit: 90)
    defer {
      _ = try? runProcess([scripts + "/slurm-down", "--dir", cluster.folder, "--purge"])
    }
    #expect(up.exitCode == 0, "\(up.summary)")
    guard up.exitCode == 0 else { return }
    try await SlurmCluster.$current.withValue(cluster) { try await function() }
  }
}
