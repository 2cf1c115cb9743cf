import Glibc
import TestSupport
import Testing

@testable import Inference

@Suite struct HostExpectationTests {
  private let expectation = HostExpectation(nodes: 2, tasksPerNode: 2)

  @Test("ranks in blocks on as many hosts as asked for are fine")
  func fine() {
    #expect(expectation.complaint(["a", "a", "b", "b"]) == nil)
    #expect(HostExpectation(nodes: 1, tasksPerNode: 1).complaint(["a"]) == nil)
  }

  @Test(
    "other hosts, other counts, idle nodes and scattered ranks are said with every host's ranks",
    arguments: [
      ("a a a b", "found 2 (a 3, b 1)"), ("a a a a", "found 1 (a 4); 1 of the nodes are idle"),
      ("a b c c", "found 3 (a 1, b 1, c 2)"),
      ("a b a b", "consecutive ranks together; found a b a b"),
      ("a a b", "found 2 (a 2, b 1)"),
    ])
  func complaints(hosts: String, text: String) throws {
    let complaint = try #require(
      expectation.complaint(hosts.split(separator: " ").map(String.init)))
    #expect(complaint.contains("2 nodes with 2 ranks each were asked for"))
    #expect(complaint.hasSuffix(text) || complaint.contains(text), "\(complaint)")
  }

  @Test(
    "a launch that lies elsewhere ends at once on every rank, with nothing written",
    .enabled(
      if: RankLauncher.unavailableReason == nil,
      "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
  func launch() throws {
    let folder = try JobFolder()
    let wrong = try Ranks.run(
      2, job: folder.job, layout: "tp2", out: folder.out,
      ["--expect-nodes", "2", "--expect-tasks-per-node", "1"])
    #expect(wrong.exitCode == 1, "\(wrong.summary)")
    #expect(wrong.errors.count == 1)
    #expect(
      wrong.errors.first?.contains(
        "2 nodes with 1 ranks each were asked for, found 1 (") == true, "\(wrong.summary)")
    #expect(wrong.errors.first?.hasSuffix("2); 1 of the nodes are idle") == true)
    #expect(!folder.exists(folder.out))
    let right = try Ranks.run(
      2, job: folder.job, layout: "tp2", out: folder.out,
      ["--expect-nodes", "1", "--expect-tasks-per-node", "2"])
    #expect(right.exitCode == 0, "\(right.summary)")
    let half = try Ranks.run(
      1, job: folder.job, layout: "tp1", out: folder.out, ["--expect-nodes", "1"])
    #expect(half.exitCode == 2 && half.errors.first?.contains("go together") == true)
  }
}
