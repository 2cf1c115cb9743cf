import Models
import Records
import Testing

@Suite struct ClockChoiceTests {
  private static let virtual = ["clock=virtual", "network=nvlink3-a100+infiniband-hdr"]

  @Test("without keys the wall clock times a job, and its file says so")
  func wall() throws {
    let job = try JobText.parse()
    #expect(job.clock == .wall && job.clock.virtualTime == nil)
    #expect(job.yaml.contains("\nclock: wall\n") && !job.yaml.contains("network"))
  }

  @Test("a job of the virtual clock survives being written and read again")
  func roundTrips() throws {
    let cases: [([String], VirtualTime)] = [
      ([], VirtualTime(network: "nvlink3-a100+infiniband-hdr")),
      (["nodes=4"], VirtualTime(network: "nvlink3-a100+infiniband-hdr", nodes: .count(4))),
      (
        ["ranks-per-node=4", "compute-scale=12.5", "compute-token=off"],
        VirtualTime(
          network: "nvlink3-a100+infiniband-hdr", nodes: .ranksPerNode(4), computeScale: 12.5,
          token: .off)
      ),
      (["network=shared-memory+x.json"], VirtualTime(network: "shared-memory+jobs/x.json")),
      (["network=/a/b+c/d"], VirtualTime(network: "/a/b+jobs/c/d")),
    ]
    for (settings, time) in cases {
      let job = try JobText.parse(settings: Self.virtual + settings)
      #expect(job.clock == .virtual(time), "\(settings)")
      #expect(try JobFile.parse(job.yaml, file: "y", folder: ".") == job, "\(settings)")
    }
  }

  @Test("a job with a network can be run by the wall clock too")
  func wallWithNetwork() throws {
    let job = try JobText.parse(settings: Self.virtual + ["nodes=3", "clock=wall"])
    #expect(job.clock == .wall)
  }

  @Test(
    "what makes no sense is named",
    arguments: [
      (
        ["clock=sundial"],
        "--set clock=sundial: clock: unknown value 'sundial'; valid choices: wall, virtual"
      ),
      (["clock=virtual"], "jobs/x.yaml:2:1: network: is missing; the virtual clock needs"),
      (["nodes=0"], "--set nodes=0: nodes: 0 is out of range"),
      (["compute-scale=0"], "--set compute-scale=0: compute-scale: '0' is not a number above 0"),
      (["compute-scale=nan"], "--set compute-scale=nan: compute-scale: 'nan' is not a number"),
      (["compute-token=maybe"], "--set compute-token=maybe: compute-token: unknown value 'maybe'"),
      (
        ["nodes=2", "ranks-per-node=2"],
        "--set ranks-per-node=2: ranks-per-node: nodes is given too"
      ),
    ])
  func refuses(settings: [String], start: String) {
    let complaint = JobText.complaint(JobText.small, settings: settings)
    #expect(complaint.hasPrefix(start), "\(complaint)")
  }

  @Test("consecutive ranks fill the nodes")
  func places() throws {
    #expect(try NodeChoice.count(2).nodes(ranks: 4) == [0, 0, 1, 1])
    #expect(try NodeChoice.count(1).nodes(ranks: 3) == [0, 0, 0])
    #expect(try NodeChoice.count(3).nodes(ranks: 3) == [0, 1, 2])
    #expect(try NodeChoice.ranksPerNode(4).nodes(ranks: 2) == [0, 0])
    #expect(try NodeChoice.ranksPerNode(4).nodes(ranks: 8) == [0, 0, 0, 0, 1, 1, 1, 1])
    #expect(try NodeChoice.ranksPerNode(2).nodes(ranks: 5) == [0, 0, 1, 1, 2])
  }

  @Test("what the virtual clock cannot time is refused with its place")
  func resolves() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(JobText.small, "x.yaml")
    func complaint(_ settings: [String]) throws -> String {
      let settings = Self.virtual + settings
      let job = try JobFile.read(path: file, settings: settings)
      do {
        _ = try ResolvedJob(job, file: file, settings: settings)
        return "accepted"
      } catch { return error.description.replacing(folder.path + "/", with: "") }
    }
    let cases: [([String], String)] = [
      (["layouts=[tp2, tp2pp2]", "nodes=2"], "accepted"),
      (["layouts=[tp1, tp2pp2]", "ranks-per-node=2"], "accepted"),
      (
        ["network=nvlink"],
        "--set network=nvlink: network: no network 'nvlink'; known: ethernet-100g"
      ),
      (["network=a+b+c"], "--set network=a+b+c: network: network 'a+b+c' is not a link or two"),
      (["network=no/such.json"], "--set network=no/such.json: network: "),
      (["nodes=2"], "--set nodes=2: nodes: layout tp1: 2 nodes are more than the 1 ranks"),
      (
        ["layouts=[tp2pp2]", "nodes=3"],
        "--set nodes=3: nodes: layout tp2pp2: 4 ranks cannot be spread evenly over 3 nodes; valid: 1, 2, 4"
      ),
      (
        ["layouts=[tp2]", "nodes=2", "network=nvlink3-a100"],
        "--set network=nvlink3-a100: network: network nvlink3-a100 has no link between nodes, but 2"
      ),
      (
        ["backend.threads=2"],
        "--set backend.threads=2: backend.threads: 2 threads: the virtual clock"
      ),
    ]
    for (settings, start) in cases {
      let text = try complaint(settings)
      #expect(text.hasPrefix(start), "\(settings): \(text)")
      #expect(!text.contains("\n"), "one line: \(text)")
    }
    let threads = try JobFile.read(path: file, settings: ["backend.threads=2"])
    _ = try ResolvedJob(threads, file: file)
  }
}
