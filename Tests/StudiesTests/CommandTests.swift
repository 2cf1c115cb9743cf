import FoundationEssentials
import Glibc
import Records
import Studies
import Testing

/// The executable as a user meets it; shell scripts stand in for mpirun and for the ranks.
@Suite(.serialized) struct CommandTests {
  private static let job = """
    name: toy
    model:
      preset: qwen2.5-0.5b
      scale: 1/4
    layouts: [tp1, tp2]
    policies: [right-pad, packed]
    workload:
      batches: batches.json
    output-tokens: 2
    repeats: 1
    """
  private static let batches =
    "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\","
    + "\"batches\":[{\"id\":0,\"lengths\":[5,3]}]}"

  private func makeFolder(rank: String) throws -> TestFolder {
    let folder = try TestFolder()
    try folder.write(Self.job, "jobs/toy.yaml")
    try folder.write(Self.batches, "jobs/batches.json")
    // Starts one rank, whatever -np says.
    try folder.program(
      "mpirun",
      """
      [ "$1" = --version ] && { echo 'mpirun (Open MPI) 4.1.4'; exit 0; }
      while [ "${1##*/}" != padtax-rank ]; do shift; done
      exec "$@"
      """)
    try folder.program("padtax-rank", rank)
    return folder
  }

  /// Arguments of a rank as shell variables, and a progress line.
  private let prelude = """
    job=$1; shift
    while [ $# -gt 0 ]; do case $1 in
      --layout) layout=$2;; --out) out=$2;; --progress) progress=$2;; esac; shift 2; done
    echo "@padtax {\\"layout\\":\\"$layout\\",\\"stage\\":\\"measure\\",\\"done\\":1,\\"total\\":2,\\"elapsed_s\\":3}"
    """

  private struct Result {
    var code: Int32
    var output: [String] = []
    var errors: [String] = []
  }

  private func padtax(
    _ arguments: [String], in folder: TestFolder, tick: (ChildProcess) -> Void = { _ in }
  ) throws -> Result {
    let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = RelativePath.folder(of: own) + "/padtax"
    var variables = ProcessInfo.processInfo.environment
    variables["PADTAX_RANK"] = folder.path + "/padtax-rank"
    variables["SLURM_JOB_ID"] = nil
    let line = ["cd", folder.path, "&&", "exec", program] + arguments
    let child = try ChildProcess(
      ChildCommand(
        executable: "/bin/sh", arguments: ["-c", line.joined(separator: " ")],
        environment: variables))
    var result = Result(code: -1)
    let status = child.wait(
      signals: nil, tick: { tick(child) },
      line: { line in
        switch line {
        case .output(let text): result.output.append(text)
        case .error(let text): result.errors.append(text)
        }
      })
    if case .exited(let code) = status { result.code = code }
    return result
  }

  private let run = ["run", "jobs/toy.yaml", "--out", "out", "--mpirun", "./mpirun"]

  @Test("a run launches each layout, shows progress, and leaves a job that can be read again")
  func runs() throws {
    let folder = try makeFolder(
      rank: prelude + "\necho \"$layout $progress $OPENBLAS_NUM_THREADS\" >> $out/calls; echo hi")
    let result = try padtax(run, in: folder)
    #expect(result.code == 0, "\(result)")
    #expect(folder.text("out/calls") == "tp1 machine 1\ntp2 machine 1\n")
    #expect(result.output.filter { $0 == "hi" }.count == 2)
    #expect(result.errors.contains("[1/2]  tp1  measure  1/2"), "\(result.errors)")
    #expect(!result.output.contains { $0.hasPrefix("@padtax") })
    #expect(folder.names("out/cells") == ["tp1", "tp2"])
    #expect(folder.exists("out/cells/tp2/done"))
    for file in ["records.jsonl", "summary.csv", "summary.json"] {
      #expect(folder.exists("out/" + file), "\(file)")
    }
    let job = try JobFile.read(path: folder.path + "/out/job.yaml")
    #expect(job.workload.value == folder.path + "/out/../jobs/batches.json")
    #expect(try ResolvedJob(job, file: "job.yaml").batches.map(\.lengths) == [[5, 3]])
    let record = try JSONText.decode(RunRecord.self, from: folder.text("out/run.json"), source: "")
    #expect(record.cells == ["tp1", "tp2"] && record.endUTC != nil && record.job == "toy")
  }

  @Test("a layout that fails is marked with what it said last, and the others still run")
  func failing() throws {
    let folder = try makeFolder(
      rank: prelude + "\nif [ $layout = tp1 ]; then echo 'rank 0: boom' >&2; exit 7; fi")
    let result = try padtax(run, in: folder)
    #expect(result.code == 1)
    #expect(
      folder.text("out/cells/tp1/error") == "ranks ended with code 7\nrank 0: boom\n")
    #expect(folder.exists("out/cells/tp2/done"))
    #expect(result.errors.contains { $0.hasSuffix("tp1: ranks ended with code 7") })
  }

  @Test("exit codes of ranks make the run's", arguments: [("2", 2), ("4", 4), ("137", 1)])
  func codes(rank: String, code: Int32) throws {
    let folder = try makeFolder(rank: "exit \(rank)")
    #expect(try padtax(run + ["--no-report"], in: folder).code == code)
    #expect(!folder.exists("out/summary.json"))
  }

  @Test("a launcher that is killed is an error of its cell")
  func killed() throws {
    let folder = try makeFolder(rank: prelude + "\n[ $layout = tp1 ] && kill -9 $$; true")
    let result = try padtax(run, in: folder)
    #expect(result.code == 1)
    #expect(folder.text("out/cells/tp1/error") == "the launcher was killed by signal 9\n")
  }

  @Test("an interrupt ends the ranks and the run, and what there is stays")
  func interrupted() throws {
    let folder = try makeFolder(
      rank: prelude + "\necho $$ > $out/pid; trap 'echo got >> $out/got; exit 130' INT\n"
        + "while true; do sleep 0.05; done")
    var sent = false
    let result = try padtax(run, in: folder) { child in
      if !sent, folder.exists("out/pid"), !folder.text("out/pid").isEmpty {
        child.send(signal: SIGINT)
        sent = true
      }
    }
    #expect(result.code == 1)
    #expect(folder.text("out/got") == "got\n")
    #expect(folder.text("out/cells/tp1/error").hasPrefix("stopped by signal 2"))
    #expect(!folder.exists("out/cells/tp2"))
    #expect(folder.exists("out/summary.json"))
  }

  @Test(
    "bad input is one line, code 2 and nothing written",
    arguments: [
      (["--set", "layouts=[tp5]"], "--set layouts=[tp5]: layouts: tensor-parallel degree 5"),
      (["--set", "reapets=2"], "unknown key 'reapets'"),
      (["--layouts", "tp2,xx"], "layout 'xx' is not of the form"),
      (["--clock", "virtual"], "network: is missing; the virtual clock needs a network"),
      (
        ["--clock", "virtual", "--network", "carrier-pigeon"],
        "--set network=carrier-pigeon: network: no network 'carrier-pigeon'; known: ethernet-100g"
      ),
      (["--mpirun", "/no/mpirun"], "--mpirun /no/mpirun: no such program"),
      (["--set", "model={preset: llama-3.1-405b}"], "fp32 weights of llama-3.1-405b take"),
    ])
  func badInput(arguments: [String], text: String) throws {
    let folder = try makeFolder(rank: "exit 0")
    let quoted = arguments.map { "'\($0)'" }
    let mpirun = arguments.contains("--mpirun") ? [] : ["--mpirun", "./mpirun"]
    let result = try padtax(["run", "jobs/toy.yaml"] + mpirun + quoted, in: folder)
    #expect(result.code == 2 && result.output.isEmpty)
    #expect(result.errors.count == 1 && result.errors[0].contains(text), "\(result.errors)")
    #expect(folder.names("") == ["jobs", "mpirun", "padtax-rank"])
  }

  @Test("bad usage is code 2, help and version are code 0")
  func usage() throws {
    let folder = try makeFolder(rank: "exit 0")
    #expect(try padtax(["run"], in: folder).code == 2)
    #expect(try padtax(["run", "x", "--nope"], in: folder).code == 2)
    #expect(try padtax(["report"], in: folder).code == 2)
    #expect(try padtax(["report", "nowhere"], in: folder).code == 2)
    #expect(try padtax(["--help"], in: folder).code == 0)
    #expect(try padtax(["--version"], in: folder).code == 0)
  }

  @Test("a dry run prints the launches and writes nothing")
  func dryRun() throws {
    let folder = try makeFolder(rank: "exit 9")
    let result = try padtax(run + ["--dry-run", "--layouts", "pp2"], in: folder)
    #expect(result.code == 0)
    #expect(result.output.last?.contains("-np 2") == true)
    #expect(result.output.last?.contains("out/job.yaml --layout pp2 --out out") == true)
    #expect(!folder.exists("out"))
  }

  @Test("clock, network and nodes are settings in short, kept in the job of the run")
  func virtualClock() throws {
    let folder = try makeFolder(
      rank: prelude)
    try folder.write(
      """
      {"schema": "padtax.network", "version": 1, "name": "slow", "description": "d", "source": "s",
       "date": "2026", "latency_us": 5, "bandwidth_GBps": 1}
      """, "jobs/slow.json")
    let options = ["--clock", "virtual", "--network", "nvlink3-a100+slow.json", "--nodes", "2"]
    let result = try padtax(run + ["--layouts", "pp2"] + options, in: folder)
    #expect(result.code == 0, "\(result.errors)")
    let job = try JobFile.read(path: folder.path + "/out/job.yaml")
    let seen = "nvlink3-a100+\(folder.path)/out/../jobs/slow.json"
    #expect(job.clock == .virtual(VirtualTime(network: seen, nodes: .count(2))))
    #expect(try ResolvedJob(job, file: "job.yaml").job == job)
    let record = try JSONText.decode(RunRecord.self, from: folder.text("out/run.json"), source: "")
    #expect(record.clock == "virtual" && record.network == "nvlink3-a100+jobs/slow.json")
  }

  @Test("the virtual clock minds no crowd")
  func crowd() throws {
    let folder = try makeFolder(rank: "exit 9")
    let host = HostFacts(
      cores: 1, memoryBytes: 1 << 40, availableBytes: 1 << 40, isRoot: false, name: "", cpuModel: ""
    )
    func plan(_ settings: [String]) throws -> RunPlan {
      try RunPlan(
        jobPath: folder.path + "/jobs/toy.yaml", settings: settings, layouts: ["tp2"], host: host,
        launcher: .openMPI(path: "mpirun"), rankProgram: "padtax-rank", variables: [:])
    }
    #expect(try plan([]).warnings.count == 1)
    #expect(try plan(["clock=virtual", "network=shared-memory"]).warnings.isEmpty)
  }

  @Test("verify passes on arguments, output and exit code", arguments: [0, 2, 3])
  func verify(code: Int32) throws {
    let folder = try makeFolder(rank: "echo \"$@\"; exit \(code)")
    let result = try padtax(
      [
        "verify", "--checkpoint", ".", "--layout", "tp2pp2", "--policy", "left-pad",
        "--micro-batches", "2", "--mpirun", "./mpirun",
      ], in: folder)
    #expect(result.code == code)
    #expect(
      result.output == [
        "verify --checkpoint . --layout tp2pp2 --policy left-pad --micro-batches 2 --backend cpu "
          + "--blas openblas"
      ])
  }

  @Test("verify refuses bad choices before it starts ranks")
  func verifyRefuses() throws {
    let folder = try makeFolder(rank: "exit 0")
    for arguments in [
      ["--checkpoint", "nowhere"], ["--checkpoint", ".", "--policy", "pad"],
      ["--checkpoint", ".", "--layout", "2"], ["--checkpoint", ".", "--backend", "gpu"],
      ["--checkpoint", ".", "--micro-batches", "0"],
    ] {
      let result = try padtax(["verify", "--mpirun", "./mpirun"] + arguments, in: folder)
      #expect(result.code == 2, "\(arguments)")
    }
  }

  @Test("presets lists the published parameter count")
  func presets() throws {
    let result = try padtax(["presets"], in: makeFolder(rank: "exit 0"))
    #expect(result.output.contains { $0.contains("qwen2.5-32b") && $0.contains("32,763,876,352") })
  }
}
