import FoundationEssentials
import Glibc
import Records
import Studies
import Testing

/// Runs that stop and go on; shell scripts stand in for mpirun and for the ranks.
@Suite(.serialized) struct ResumeTests {
  private static let job = """
    name: toy
    model: {preset: qwen2.5-0.5b, scale: 1/4}
    layouts: [tp1, tp2]
    policies: [right-pad, packed]
    workload: {batches: batches.json}
    repeats: 1
    axes:
      output-tokens: [2, 3, 4]

    """

  /// A rank that writes three records with a pause before each, then says that it is done.
  private static let rank = """
    job=$1; shift
    while [ $# -gt 0 ]; do case $1 in
      --layout) layout=$2;; --out) out=$2;; --cell) cell=$2;; esac; shift 2; done
    dir=$out/cells/$cell
    echo "$cell" >> $out/started
    : > $dir/batches.jsonl; : > $dir/ready
    [ -e fail-$layout ] && { echo "rank 0: no luck" >&2; exit 1; }
    while read -r line; do
      sleep 0.0$((($$ + $(date +%N | sed 's/^0*//')) % 6))
      printf '%s\\n' "$line" >> $dir/batches.jsonl
    done < record.jsonl
    : > $dir/done; rm -f $dir/ready
    """

  private func makeFolder() throws -> TestFolder {
    let folder = try TestFolder()
    try folder.write(Self.job, "jobs/toy.yaml")
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\","
        + "\"batches\":[{\"id\":0,\"lengths\":[5,3]}]}", "jobs/batches.json")
    try folder.program(
      "mpirun",
      """
      [ "$1" = --version ] && { echo 'mpirun (Open MPI) 4.1.4'; exit 0; }
      while [ "${1##*/}" != padtax-rank ]; do shift; done
      exec "$@"
      """)
    try folder.program("padtax-rank", Self.rank)
    let writer = try JSONLinesWriter(path: folder.path + "/record.jsonl")
    for turn in 0..<3 { try writer.append(Self.record(turn)) }
    return folder
  }

  private static func record(_ turn: Int) -> BatchRecord {
    BatchRecord(
      cell: "c", layout: "tp1", policy: "packed", origin: .measured, batch: 0, repeatIndex: turn,
      warmup: false, order: turn, oversubscribed: false, sequences: 2, inputTokens: 8,
      outputTokens: 4, longestPrompt: 5, shortestPrompt: 3, prefillSlots: 8, decodeSlots: 2,
      padding: [:], truncatedTokens: 0, microBatches: 1, batchTTFTSeconds: 1, totalSeconds: 2,
      usefulFLOPs: 1, slotFLOPs: 1, prefillUsefulFLOPs: 1, prefillSlotFLOPs: 1,
      idealPackingSpeedup: 1, kvSlotsReserved: 1, kvSlotsUsed: 1, tokenDigest: "d")
  }

  private let run = ["run", "jobs/toy.yaml", "--out", "out", "--mpirun", "./mpirun", "--no-report"]
  private let resume = ["run", "--resume", "out", "--mpirun", "./mpirun", "--no-report"]

  /// Every cell done, each with its three records and nothing else.
  private func expectWhole(_ folder: TestFolder) throws {
    let cells = folder.names("out/cells")
    #expect(cells.count == 6)
    for cell in cells {
      let directory = RunDirectory(path: folder.path + "/out").cell(cell)
      #expect(directory.state() == .done, "\(cell)")
      let records = try JSONLines.read(BatchRecord.self, path: directory.batches)
      #expect(records == (0..<3).map(Self.record), "\(cell)")
    }
  }

  @Test("cells that are done are not run again, and one more axis value adds only its own cells")
  func skips() throws {
    let folder = try makeFolder()
    #expect(try Padtax.start(run, in: folder).code == 0)
    try expectWhole(folder)
    let started = folder.text("out/started")
    let again = try Padtax.start(resume, in: folder)
    #expect(again.code == 0 && folder.text("out/started") == started)
    #expect(again.output.contains("6 of 6 cells were done before"), "\(again)")

    let more = try Padtax.start(
      ["run", "jobs/toy.yaml", "--set", "'axes={output-tokens: [5, 4, 2]}'"] + resume.dropFirst(),
      in: folder)
    #expect(more.code == 0, "\(more)")
    #expect(more.output.contains("4 of 6 cells were done before"), "\(more)")
    #expect(folder.names("out/cells").count == 8)
    #expect(folder.text("out/started").split(separator: "\n").count == 8)
  }

  @Test("an axis of one value is applied")
  func oneValue() throws {
    let folder = try makeFolder()
    let one = run + ["--layouts", "tp1", "--set", "'axes={output-tokens: [7]}'"]
    #expect(try Padtax.start(one, in: folder).code == 0)
    let job = try JobFile.read(path: folder.path + "/" + folder.cell("tp1", "job.yaml"))
    #expect(job.outputTokens == 7)
  }

  @Test("errors are run again only when asked, and the others are left alone")
  func retries() throws {
    let folder = try makeFolder()
    try folder.write("", "fail-tp2")
    #expect(try Padtax.start(run, in: folder).code == 1)
    try FileManager.default.removeItem(atPath: folder.path + "/fail-tp2")
    let without = try Padtax.start(resume, in: folder)
    #expect(without.code == 1)
    #expect(
      without.errors.filter { $0.contains("failed before (--retry-errors runs it again)") }.count
        == 3, "\(without)")
    #expect(try Padtax.start(resume + ["--retry-errors"], in: folder).code == 0)
    try expectWhole(folder)
    #expect(folder.text("out/started").split(separator: "\n").count == 9)
  }

  @Test("another build of the ranks is refused, or mixed and said so")
  func binaries() throws {
    let folder = try makeFolder()
    #expect(try Padtax.start(run + ["--layouts", "tp1"], in: folder).code == 0)
    try folder.program("padtax-rank", Self.rank + "\n# changed")
    let refused = try Padtax.start(resume, in: folder)
    #expect(refused.code == 2, "\(refused)")
    #expect(refused.errors.first?.contains("3 cells were measured with another build") == true)
    #expect(try Padtax.start(resume + ["--force"], in: folder).code == 0)
    let record = try JSONText.decode(RunRecord.self, from: folder.text("out/run.json"), source: "")
    #expect(record.forced?.count == 1 && record.forced?[0].contains("after 3 cells") == true)
  }

  @Test("damaged records of a cell that is marked done are measured again")
  func damage() throws {
    let folder = try makeFolder()
    #expect(try Padtax.start(run + ["--layouts", "tp1"], in: folder).code == 0)
    let file = folder.cell("tp1", "batches.jsonl")
    try folder.write(folder.text(file).replacing("\"repeat\":1", with: "\"repeat\":7"), file)
    let result = try Padtax.start(resume, in: folder)
    #expect(result.code == 0)
    #expect(result.errors.contains { $0.contains("is marked done, but") }, "\(result)")
    #expect(try JSONLines.read(BatchRecord.self, path: folder.path + "/" + file).count == 3)
    #expect(folder.text("out/started").split(separator: "\n").count == 4)
  }

  @Test("prepared cells run in shards")
  func shards() throws {
    let folder = try makeFolder()
    #expect(try Padtax.start(run + ["--prepare"], in: folder).code == 0)
    #expect(!folder.exists("out/started"))
    for shard in ["0/4", "1/4", "2/4", "3/4"] {
      #expect(try Padtax.start(resume + ["--shard", shard], in: folder).code == 0)
    }
    try expectWhole(folder)
    #expect(folder.text("out/started").split(separator: "\n").count == 6)
    #expect(try Padtax.start(resume + ["--shard", "4/4"], in: folder).code == 2)
  }

  @Test("killed at 100 random moments, a run goes on to exactly the records of an undisturbed one")
  func kills() throws {
    var random = SystemRandomNumberGenerator()
    let folder = try makeFolder()
    #expect(try Padtax.start(run + ["--prepare"], in: folder).code == 0)
    var kills = 0
    while kills < 100 {
      // Each half of the time the ranks live on, or die too.
      let (delay, alone) = (Double.random(in: 0..<0.7, using: &random), Bool.random(using: &random))
      let start = MonotonicTime.now()
      var killed = false
      let result = try Padtax.start(resume, in: folder) { child in
        guard !killed, MonotonicTime.now() - start > delay else { return }
        killed = true
        if alone { child.kill() } else { child.killTree() }
      }
      if killed { kills += 1 }
      if result.code == 0 {
        try expectWhole(folder)
        try FileManager.default.removeItem(atPath: folder.path + "/out")
        #expect(try Padtax.start(run + ["--prepare"], in: folder).code == 0)
      }
    }
    #expect(try Padtax.start(resume, in: folder).code == 0)
    try expectWhole(folder)
  }
}

extension ChildProcess {
  /// Kills the child alone: what it started lives on.
  func kill() { Glibc.kill(identifier, SIGKILL) }

  /// Kills the child and what it started, which has a group of its own.
  func killTree() {
    let children = "/proc/\(identifier)/task/\(identifier)/children"
    let text = FileManager.default.contents(atPath: children) ?? Data()
    Glibc.kill(identifier, SIGKILL)
    for word in String(decoding: text, as: UTF8.self).split(separator: " ") {
      if let group = Int32(word) { Glibc.kill(-group, SIGKILL) }
    }
  }
}
