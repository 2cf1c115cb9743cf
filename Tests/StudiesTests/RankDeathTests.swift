import FoundationEssentials
import Studies
import TestSupport
import Testing

@Suite struct RankDeathTests {
  @Test("what launchers print of a rank that a signal ended")
  func recorded() {
    let hint =
      "; if nobody sent it, memory ran out: `dmesg` on n2 tells, and --dry-run what a rank needs"
    let cases = [
      // Open MPI 4.1.4, Open MPI 5 (PRRTE), Slurm 22.05.
      (
        "mpirun noticed that process rank 1 with PID 0 on node n2 exited on signal 9 (Killed).",
        "rank 1 on n2 was ended by signal 9 (Killed)" + hint
      ),
      (
        "prterun noticed that process rank 12 with PID 8123 on node n2 exited on signal 11 "
          + "(Segmentation fault).",
        "rank 12 on n2 was ended by signal 11 (Segmentation fault)"
      ),
      ("srun: error: n2: task 3: Killed", "rank 3 on n2 was ended by Killed" + hint),
      (
        "srun: error: n2: tasks 4-5,7: Segmentation fault (core dumped)",
        "rank 4 on n2 was ended by Segmentation fault (core dumped)"
      ),
      ("srun: error: n2: task 3: Out Of Memory", "rank 3 on n2 ran out of memory and was killed"),
    ]
    for (line, text) in cases {
      #expect(RankDeath(parsing: line)?.description == text, "\(line)")
    }
  }

  @Test(
    "other lines are no death",
    arguments: [
      "", "mpirun noticed", "mpirun noticed that process rank 1 with PID 0 on node",
      "mpirun noticed that process rank x with PID 0 on node n2 exited on signal 9 (Killed).",
      "srun: error: n1: task 0: Exited with exit code 1", "srun: error: n1: tasks 0-1: Terminated",
      "srun: error: Timed out waiting for job step to complete", "padtax: error: task 3: Killed",
    ])
  func others(line: String) { #expect(RankDeath(parsing: line) == nil) }

  private static let job = """
    name: toy
    model: {preset: qwen2.5-0.5b, scale: 1/4}
    layouts: [tp1]
    policies: [packed]
    workload: {batches: batches.json}
    repeats: 1

    """

  private func run(
    _ launcher: String, layout: String = "tp1", rank: String = "exit 1"
  ) throws -> (Padtax.Result, error: String) {
    let folder = try TestFolder()
    try folder.write(Self.job.replacing("tp1", with: layout), "jobs/toy.yaml")
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\","
        + "\"batches\":[{\"id\":0,\"lengths\":[5,3]}]}", "jobs/batches.json")
    try folder.program(
      "mpirun",
      "[ \"$1\" = --version ] && { echo 'mpirun (Open MPI) 4.1.4'; exit 0; }\n" + launcher)
    try folder.program("padtax-rank", rank)
    let result = try Padtax.start(
      ["run", "jobs/toy.yaml", "--out", "out", "--mpirun", "./mpirun", "--no-report"], in: folder)
    let cell = try #require(folder.names("out/cells").first)
    let path = folder.path + "/out/cells/\(cell)/error"
    return (result, (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
  }

  @Test("the first rank that died heads the cell's error and padtax's last line")
  func heads() throws {
    let (result, error) = try run(
      """
      echo 'mpirun noticed that process rank 1 with PID 0 on node n2 exited on signal 9 (Killed).' >&2
      echo 'mpirun noticed that process rank 0 with PID 0 on node n1 exited on signal 15 (Terminated).' >&2
      exit 137
      """)
    let head = "rank 1 on n2 was ended by signal 9 (Killed); if nobody sent it, memory ran out"
    #expect(result.code == 1)
    #expect(error.hasPrefix(head) && error.contains("\nranks ended with code 137 (signal 9)\n"))
    #expect(result.errors.contains { $0.hasPrefix("padtax: error: tp1-") && $0.contains(head) })
  }

  @Test(
    "a rank that is killed under the real mpirun is named with its host",
    .enabled(
      if: TestSupport.RankLauncher.unavailableReason == nil,
      "mpirun cannot be started: \(TestSupport.RankLauncher.unavailableReason ?? "")"))
  func realMPI() throws {
    // mpirun names no rank that ends before the launch is over: 2 of 40 without the pause, under load.
    let (result, error) = try run(
      "exec \"$(PATH=${PATH#.:} command -v mpirun)\" \"$@\"", layout: "tp2",
      rank: "sleep 1; [ \"$OMPI_COMM_WORLD_RANK\" = 1 ] && kill -9 $$; sleep 20")
    let host = HostFacts.detect().name
    #expect(
      error.hasPrefix("rank 1 on \(host) was ended by signal 9 (Killed); if nobody"), "\(error)")
    #expect(result.code == 1)
  }

  @Test("a step's memory limit is named where Slurm tells of it")
  func memory() throws {
    let (_, error) = try run(
      """
      echo 'slurmstepd: error: Detected 1 oom_kill event in StepId=12.0.' >&2
      echo 'srun: error: n2: task 3: Killed' >&2
      exit 137
      """)
    #expect(error.hasPrefix("rank 3 on n2 ran out of memory and was killed\n"), "\(error)")
  }

  @Test("what ranks wrote of a stall is the cell's error")
  func stalled() throws {
    let (result, error) = try run(
      """
      while [ $# -gt 0 ]; do case $1 in --out) out=$2;; --cell) cell=$2;; esac; shift; done
      mkdir $out/cells/$cell/stalls
      echo 'stalled: no word from rank 3' > $out/cells/$cell/error
      exit 1
      """)
    #expect(error == "stalled: no word from rank 3\n" && result.code == 1)
    #expect(result.errors.contains { $0.hasSuffix("stalled: no word from rank 3") })
  }
}
