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

  private let run = ["run", "jobs/toy.yaml", "--out", "out", "--mpirun", "./mpirun"]

  @Test("a run launches each layout, shows progress, and leaves a job that can be read again")
  func runs() throws {
    let folder = try makeFolder(
      rank: prelude + "\necho \"$layout $progress\" >> $out/calls; echo hi")
    let result = try Padtax.start(run, in: folder)
    #expect(result.code == 0, "\(result)")
    #expect(folder.text("out/calls") == "tp1 machine\ntp2 machine\n")
    #expect(result.output.filter { $0 == "hi" }.count == 2)
    #expect(result.errors.contains("[1/2]  tp1  measure  1/2"), "\(result.errors)")
    #expect(!result.output.contains { $0.hasPrefix("@padtax") })
    let cells = folder.names("out/cells")
    #expect(cells.map { String($0.prefix(4)) } == ["tp1-", "tp2-"])
    #expect(folder.exists(folder.cell("tp2", "done")))
    for file in ["records.jsonl", "summary.csv", "summary.json", "report.html"] {
      #expect(folder.exists("out/" + file), "\(file)")
    }
    let job = try JobFile.read(path: folder.path + "/out/job.yaml")
    #expect(job.workload.value == folder.path + "/out/../jobs/batches.json")
    #expect(try ResolvedJob(job, file: "job.yaml").batches.map(\.lengths) == [[5, 3]])
    let record = try JSONText.decode(RunRecord.self, from: folder.text("out/run.json"), source: "")
    #expect(record.cells == cells && record.endUTC != nil && record.job == "toy")
  }

  @Test("a layout that fails is marked with what it said last, and the others still run")
  func failing() throws {
    let folder = try makeFolder(
      rank: prelude + "\nif [ $layout = tp1 ]; then echo 'rank 0: boom' >&2; exit 7; fi")
    let result = try Padtax.start(run, in: folder)
    #expect(result.code == 1)
    #expect(
      folder.text(folder.cell("tp1", "error")) == "ranks ended with code 7\nrank 0: boom\n")
    #expect(folder.exists(folder.cell("tp2", "done")))
    #expect(
      result.errors.contains {
        $0.hasPrefix("padtax: error: tp1-") && $0.hasSuffix(": ranks ended with code 7")
      })
  }

  @Test("exit codes of ranks make the run's", arguments: [("2", 2), ("4", 4), ("137", 1)])
  func codes(rank: String, code: Int32) throws {
    let folder = try makeFolder(rank: "exit \(rank)")
    #expect(try Padtax.start(run + ["--no-report"], in: folder).code == code)
    #expect(!folder.exists("out/summary.json"))
  }

  @Test("a launcher that is killed is an error of its cell")
  func killed() throws {
    let folder = try makeFolder(rank: prelude + "\n[ $layout = tp1 ] && kill -9 $$; true")
    let result = try Padtax.start(run, in: folder)
    #expect(result.code == 1)
    #expect(folder.text(folder.cell("tp1", "error")) == "the launcher was killed by signal 9\n")
  }

  @Test(
    "a signal ends the ranks and the run with code 5, and what there is stays",
    arguments: [(SIGINT, "INT"), (SIGTERM, "TERM"), (SIGUSR1, "TERM")])
  func interrupted(signal: Int32, told: String) throws {
    let folder = try makeFolder(
      rank: prelude + "\necho $$ > $out/pid; trap 'echo got >> $out/got; exit 130' \(told)\n"
        + "while true; do sleep 0.05; done")
    var sent = false
    let result = try Padtax.start(run, in: folder) { child in
      if !sent, folder.exists("out/pid"), !folder.text("out/pid").isEmpty {
        child.send(signal: signal)
        sent = true
      }
    }
    #expect(result.code == 5)
    #expect(folder.text("out/got") == "got\n")
    #expect(folder.exists(folder.cell("tp1", "ready")))
    #expect(!folder.exists(folder.cell("tp1", "error")))
    #expect(!folder.exists(folder.cell("tp2", "ready")))
    #expect(result.errors.last?.hasSuffix("padtax run --resume out") == true)
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
    let result = try Padtax.start(["run", "jobs/toy.yaml"] + mpirun + quoted, in: folder)
    #expect(result.code == 2 && result.output.isEmpty)
    #expect(result.errors.count == 1 && result.errors[0].contains(text), "\(result.errors)")
    #expect(folder.names("") == ["jobs", "mpirun", "padtax-rank"])
  }

  @Test("a dry run lists the cells of a job that this machine has no room for, and says so")
  func dryRunOfAnotherMachine() throws {
    let folder = try makeFolder(rank: "exit 0")
    let large = ["--dry-run", "--mpirun", "./mpirun", "--set", "'model={preset: llama-3.1-405b}'"]
    let result = try Padtax.start(["run", "jobs/toy.yaml"] + large, in: folder)
    #expect(result.code == 0 && result.errors.isEmpty, "\(result)")
    let shortage = "warning: jobs/toy.yaml: layouts: tp1: the fp32 weights of llama-3.1-405b take"
    #expect(result.output.contains { $0.hasPrefix(shortage) })
    #expect(result.output.contains { $0.contains("tp2-") })
  }

  @Test("two programs do not run one cell at the same time")
  func locked() throws {
    let folder = try makeFolder(
      rank: prelude + "\necho $layout >> calls; n=0\n"
        + "until [ -e whole ] || [ $n = 100 ]; do sleep 0.05; n=$((n + 1)); done")
    try folder.write("", "whole")
    #expect(try Padtax.start(run, in: folder).code == 0)
    let cell = try #require(folder.names("out/cells").first { $0.hasPrefix("tp1-") })
    try RunDirectory(path: folder.path + "/out").cell(cell).enter(.ready)
    unlink(folder.path + "/whole")
    let again = ["run", "--resume", "out", "--mpirun", "./mpirun", "--layouts", "tp1"]
    var second: Padtax.Result?
    let first = try Padtax.start(again, in: folder) { _ in
      guard second == nil, folder.text("calls") == "tp1\ntp2\ntp1\n" else { return }
      second = try? Padtax.start(again, in: folder)
      _ = try? folder.write("", "whole")
    }
    #expect(first.code == 0, "\(first)")
    #expect(second?.code == 1)
    #expect(
      second?.errors.contains { $0.contains("another padtax or its ranks run this cell") } == true)
    #expect(folder.text("calls") == "tp1\ntp2\ntp1\n")
  }

  @Test(
    "a run that cannot go on is refused with code 2",
    arguments: [
      (["--resume", "jobs"], "jobs: is not a run directory: it has no run.json"),
      (["--resume", "out", "--layouts", "tp4"], "out has no such layout; it has: tp1 tp2"),
      (["--resume", "out", "--out", "out"], "leave out --out"),
      (["--resume", "out", "--set", "repeats=2"], "name the job, or leave --set out"),
      (["jobs/toy.yaml", "--retry-errors"], "--retry-errors and --force belong to --resume"),
    ])
  func cannotResume(arguments: [String], text: String) throws {
    let folder = try makeFolder(rank: "exit 0")
    #expect(try Padtax.start(run, in: folder).code == 0)
    let result = try Padtax.start(["run", "--mpirun", "./mpirun"] + arguments, in: folder)
    #expect(result.code == 2)
    #expect(result.errors.contains { $0.contains(text) }, "\(result.errors)")
  }

  @Test("bad usage is code 2, help and version are code 0")
  func usage() throws {
    let folder = try makeFolder(rank: "exit 0")
    #expect(try Padtax.start(["run"], in: folder).code == 2)
    #expect(try Padtax.start(["run", "x", "--nope"], in: folder).code == 2)
    #expect(try Padtax.start(["report"], in: folder).code == 2)
    #expect(try Padtax.start(["report", "nowhere"], in: folder).code == 2)
    #expect(try Padtax.start(["--help"], in: folder).code == 0)
    #expect(try Padtax.start(["--version"], in: folder).code == 0)
  }

  @Test("a dry run prints the launches and writes nothing")
  func dryRun() throws {
    let folder = try makeFolder(rank: "exit 9")
    let result = try Padtax.start(run + ["--dry-run", "--layouts", "pp2"], in: folder)
    #expect(result.code == 0)
    #expect(result.output.last?.contains("-np 2") == true)
    #expect(result.output.last?.contains("/job.yaml --layout pp2 --cell pp2-") == true)
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
    let result = try Padtax.start(run + ["--layouts", "pp2"] + options, in: folder)
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
    let result = try Padtax.start(
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
      let result = try Padtax.start(["verify", "--mpirun", "./mpirun"] + arguments, in: folder)
      #expect(result.code == 2, "\(arguments)")
    }
  }

  @Test("presets lists the published parameter count")
  func presets() throws {
    let result = try Padtax.start(["presets"], in: makeFolder(rank: "exit 0"))
    #expect(result.output.contains { $0.contains("qwen2.5-32b") && $0.contains("32,763,876,352") })
  }

  @Test("comm prints rows that validate takes as its table, also below its own comments")
  func messages() throws {
    let folder = try makeFolder(rank: "exit 0")
    let request = ["comm", "--model", "llama-3.1-8b", "--layout", "tp2pp2"]
    let made = try Padtax.start(request + ["--dialect", "vllm-v0"], in: folder)
    #expect(made.code == 0)
    #expect(made.output.contains("VI,llama-3.1-8b,2,2,decode,send,254,1x2048,4096"))
    let rows = try Padtax.start(request + ["--dialect", "vllm-v0", "--csv"], in: folder)
    #expect(rows.output == made.output.filter { !$0.hasPrefix("#") } && rows.output.count == 9)
    let json = try Padtax.start(
      request + ["--json", "--dtype", "fp32", "--batch", "3"], in: folder)
    #expect(json.output.joined().contains("\"message_bytes\" : 6291456"))
    try folder.write(made.output.joined(separator: "\n") + "\n", "table.csv")
    let check = ["validate", "--paper", "2507.14392"]
    let passed = try Padtax.start(check + ["--table", "table.csv"], in: folder)
    #expect(passed.code == 0 && passed.output.last == "PASS: 8 of 8 rows equal")
    #expect(try Padtax.start(check, in: folder).output.last == "PASS: 20 of 20 rows equal")
  }

  @Test("a row that differs is code 3 and named; a bad row or request is code 2, and one line")
  func messagesRefused() throws {
    let folder = try makeFolder(rank: "exit 0")
    let header = "table,model,tp,pp,phase,operation,count,shape,message_bytes\n"
    try folder.write(header + "V,llama-3.1-8b,1,2,decode,send,256,1x4096,8192\n", "bad.csv")
    let check = ["validate", "--paper", "2507.14392", "--table"]
    let failed = try Padtax.start(check + ["bad.csv"], in: folder)
    #expect(failed.code == 3 && failed.output.last == "FAIL: 0 of 1 rows equal")
    #expect(
      failed.output.contains(
        "FAIL line 2: V,llama-3.1-8b,1,2,decode,send,256,1x4096,8192: ours 254,1x4096,8192"))
    let json = try Padtax.start(check + ["bad.csv", "--json"], in: folder)
    #expect(json.code == 3 && json.output.joined().contains("\"passed\" : false"))
    let right = "V,llama-3.1-8b,1,2,decode,send,254,1x4096,8192\n"
    try folder.write(header + "V,llama-3.1-8b,1\n" + right, "torn.csv")
    let torn = try Padtax.start(check + ["torn.csv"], in: folder)
    #expect(torn.code == 2 && torn.output.contains { $0.hasPrefix("ERROR torn.csv:2: 3 fields") })
    #expect(torn.output.last == "FAIL: 1 of 1 rows equal, 1 could not be judged", "\(torn.output)")
    for arguments in [
      check + ["none.csv"], ["validate", "--paper", "1"],
      ["comm", "--model", "llama-3.1-8b", "--layout", "tp3"],
      ["comm", "--model", "llama-9", "--layout", "tp2"],
      ["comm", "--model", "bert-base", "--layout", "tp2"],
      ["comm", "--model", "llama-3.1-8b", "--layout", "tp2", "--generate", "0"],
      ["comm", "--model", "llama-3.1-8b", "--layout", "tp2", "--dtype", "int4"],
    ] {
      #expect(try Padtax.start(arguments, in: folder).code == 2, "\(arguments)")
    }
  }
}
