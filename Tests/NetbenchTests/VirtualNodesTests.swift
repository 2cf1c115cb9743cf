import FoundationEssentials
import Glibc
import Netbench
import Records
import TestSupport
import Testing

/// `scripts/netns`: two virtual nodes joined by a link of 1 ms and 1 Gbit/s.
@Suite(
  .serialized,
  .enabled(
    if: VirtualNodes.unavailableReason == nil,
    "no virtual nodes here: \(VirtualNodes.unavailableReason ?? "")"))
struct VirtualNodesTests {
  @Test("two hosts are seen, the link is no faster than asked, and nothing stays behind")
  func twoNodes() throws {
    let folder = try TemporaryDirectory()
    let output = try VirtualNodes.run(
      [
        "run", "-n", "2", "--nodes", "2", "--delay", "1000", "--rate", "1000", "--",
        try RankLauncher.executable("padtax-rank"), "netbench", "--operations",
        "ping-pong,all-reduce", "--max-bytes", "512K", "--factor", "65536", "--repeats", "5",
        "--out", folder.file("report.json"),
      ], in: folder)
    try #require(output.exitCode == 0, "\(output.summary)")
    let data = try #require(FileManager.default.contents(atPath: folder.file("report.json")))
    let report = try JSONText.decode(
      NetbenchReport.self, from: String(decoding: data, as: UTF8.self), source: "report")
    #expect(report.hosts == 2 && report.config.devices.map(\.hostname) == ["n1", "n2"])
    #expect(report.results.allSatisfy { $0.placement == .acrossNodes })
    let messages = report.results.filter { $0.operation == .pingPong }
    let (first, last) = (try #require(messages.first), try #require(messages.last))
    // A hundredth below, because the switch reads the clock after a frame has left the node.
    #expect(try #require(first.outOfPlace).time >= 990, "the delay is 1000 us")
    #expect(last.size == 512 << 10)
    // 1 Gbit/s is 0.125 GB/s, and a burst may be under way already.
    #expect(try #require(last.outOfPlace).algorithmBandwidth <= 0.125 * 1.5)
    // What the switch says at the end, of more than the half megabyte that went each way.
    let received = output.standardError.split(separator: "\n").compactMap { line -> Int? in
      let words = line.split(separator: " ")
      return line.hasPrefix("netns: n") && words.count == 9 ? Int(words[4]) : nil
    }
    #expect(received.count == 2 && received.allSatisfy { $0 > 512 << 10 }, "\(output.summary)")
    try expectNothingLeft(in: folder)
  }

  @Test("a link can be changed while it is up, and a cluster ends when told")
  func reshaped() throws {
    let folder = try TemporaryDirectory()
    let name = "test\(getpid())"
    let up = try VirtualNodes.run(["up", name, "--nodes", "2"], in: folder)
    try #require(up.exitCode == 0, "\(up.summary)")
    #expect(up.standardOutput == name + "\n")
    #expect(access("/run/netns/padtax-\(name)-n2", F_OK) == 0)
    #expect(try VirtualNodes.run(["up", name], in: folder).exitCode == 2, "the name is taken")
    func roundTrip() throws -> Double {
      // The loop is in the namespace: only the two messages cross the link.
      let output = try VirtualNodes.run(
        [
          "run", name, "--", "bash", "-c",
          "s=$(date +%s%N); exec 3<>/dev/tcp/n2/1 2>/dev/null; echo $((($(date +%s%N)-s)/1000))",
        ], in: folder)
      return Double(output.standardOutput.split(separator: "\n").first ?? "") ?? -1
    }
    _ = try roundTrip()  // Addresses are asked for once.
    #expect(try roundTrip() >= 0)
    let shape = try VirtualNodes.run(["shape", name, "--delay", "20000"], in: folder)
    #expect(shape.exitCode == 0, "\(shape.summary)")
    // A refused connection is one round trip.
    #expect(try roundTrip() >= 39_000)
    let down = try VirtualNodes.run(["down", name], in: folder)
    #expect(down.exitCode == 0, "\(down.summary)")
    #expect([1, 2].allSatisfy { access("/run/netns/padtax-\(name)-n\($0)", F_OK) != 0 })
    try expectNothingLeft(in: folder)
    #expect(try VirtualNodes.run(["down", name], in: folder).exitCode == 2)
  }

  @Test("a program that fails or is stopped takes the nodes with it")
  func failing() throws {
    let folder = try TemporaryDirectory()
    let output = try VirtualNodes.run(["run", "--", "sh", "-c", "exit 7"], in: folder)
    #expect(output.exitCode == 7, "\(output.summary)")
    try expectNothingLeft(in: folder)
    let stopped = try VirtualNodes.run(["run", "--", "sleep", "60"], in: folder, timeLimit: 1)
    #expect(stopped.timedOut)
    try expectNothingLeft(in: folder)
  }

  @Test(
    "wrong use is one line and code 2",
    arguments: ["--nodes 1", "--delay x", "--nope", "a b", "a/b"])
  func refused(arguments: String) throws {
    let folder = try TemporaryDirectory()
    let words = arguments.split(separator: " ").map(String.init)
    let output = try VirtualNodes.run(["up"] + words, in: folder)
    #expect(output.exitCode == 2)
    #expect(output.standardError.split(separator: "\n").count == 1, "\(output.summary)")
    try expectNothingLeft(in: folder)
  }

  /// Neither a cluster's folder nor a process that has it among its arguments, as the switch does. The
  /// folder is the test's own, so that clusters of others do not count.
  private func expectNothingLeft(
    in folder: TemporaryDirectory, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(
      left.filter { $0.contains("netns") }.isEmpty, "\(left)", sourceLocation: sourceLocation)
    let processes = try runProcess(["ps", "-eo", "args"], timeLimit: 10).standardOutput
    #expect(!processes.contains(folder.path), "\(processes)", sourceLocation: sourceLocation)
  }
}

/// Starts `scripts/netns` with its state in a test's folder.
enum VirtualNodes {
  /// Why there can be no virtual nodes here; nil if there can.
  static let unavailableReason: String? = {
    if RankLauncher.unavailableReason != nil { return "no mpirun" }
    guard let folder = try? TemporaryDirectory() else { return "no folder" }
    do {
      let output = try run(["run", "--", "true"], in: folder)
      let lines = output.standardError.split(separator: "\n")
      return output.exitCode == 0 ? nil : lines.last.map(String.init) ?? output.summary
    } catch { return "\(error)" }
  }()

  static func run(
    _ arguments: [String], in folder: TemporaryDirectory, timeLimit: Double = 60
  ) throws -> ProcessOutput {
    try runProcess(
      [SharedData.packageFolder + "/scripts/netns"] + arguments,
      environment: [
        "TMPDIR": folder.path, "PADTAX_NETSHAPE": try RankLauncher.executable("netshape"),
      ], timeLimit: timeLimit)
  }
}
