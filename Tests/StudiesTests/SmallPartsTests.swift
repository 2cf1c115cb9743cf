import Records
import Studies
import Testing

@Suite struct SmallPartsTests {
  @Test("lines are cut wherever the bytes are")
  func splits() {
    let bytes = Array("one\ntwo\r\n\nthree — ü\nlast".utf8)
    for size in 1...bytes.count {
      var splitter = LineSplitter()
      var lines: [String] = []
      for start in stride(from: 0, to: bytes.count, by: size) {
        lines += splitter.append(bytes[start..<min(start + size, bytes.count)])
      }
      #expect(lines == ["one", "two", "", "three — ü"])
      #expect(splitter.finish() == "last")
      #expect(splitter.finish() == nil)
    }
  }

  @Test("times are written as ISO 8601 and as names")
  func times() {
    let time = UTCTime(secondsSince1970: 1_795_260_605)
    #expect(time.iso8601 == "2026-11-21T11:30:05Z")
    #expect(time.compact == "20261121T113005Z")
    #expect(UTCTime(secondsSince1970: 0).compact == "19700101T000000Z")
  }

  @Test("paths are told as a folder sees them")
  func relativePaths() {
    #expect(RelativePath.from("/a/b/c", to: "/a/d/e") == "../../d/e")
    #expect(RelativePath.from("/a", to: "/a/b") == "b")
    #expect(RelativePath.from("/a/b", to: "/a/b") == ".")
    #expect(RelativePath.from("/", to: "/x") == "x")
    #expect(RelativePath.folder(of: "/a/b") == "/a")
    #expect(RelativePath.folder(of: "b") == ".")
    #expect(RelativePath.folder(of: "/b") == "/")
  }

  @Test("exit codes of cells make the one of the run")
  func exitCodes() {
    #expect(ExitCode.combined([]) == .fine)
    #expect(ExitCode.combined([.fine, .fine]) == .fine)
    #expect(ExitCode.combined([.fine, .failed]) == .failed)
    #expect(ExitCode.combined([.badInput, .badInput]) == .badInput)
    #expect(ExitCode.combined([.badInput, .fine]) == .failed)
    #expect(ExitCode.combined([.badInput, .failed]) == .failed)
    #expect(ExitCode.combined([.fine, .abortedByPeer, .failed]) == .abortedByPeer)
    #expect(StudyRun.code(of: .exited(3)) == .gateFailed)
    #expect(StudyRun.code(of: .exited(137)) == .failed)
    #expect(StudyRun.code(of: .killed(signal: 9)) == .failed)
  }

  @Test("each run gets a folder of its own")
  func runDirectories() throws {
    let folder = try TestFolder()
    let time = UTCTime(secondsSince1970: 0)
    let made = try (0..<3).map { _ in
      try RunDirectory.create(results: folder.path, job: "j", time: time).identifier
    }
    #expect(made == ["19700101T000000Z", "19700101T000000Z-2", "19700101T000000Z-3"])
    let named = try RunDirectory.create(job: "j", time: time, path: folder.path + "/own")
    #expect(named.path == folder.path + "/own")
    try folder.write("x", "own/file")
    #expect(throws: StudyError.self) {
      try RunDirectory.create(job: "j", time: time, path: folder.path + "/own")
    }
  }
}

@Suite struct ProgressDisplayTests {
  private func line(_ stage: String, done: Int = 0, total: Int = 0, elapsed: Double = 0)
    -> ProgressLine
  {
    ProgressLine(
      layout: "tp2", stage: stage, policy: "packed", batch: 3, done: done, total: total,
      elapsedSeconds: elapsed)
  }

  @Test("lines come with each stage, at the end, and now and then")
  func plain() {
    var display = ProgressDisplay(style: .lines(interval: 10), cells: 2)
    display.begin(cell: 1)
    #expect(display.update(line("load"), now: 0) == "[2/2]  tp2  load  packed  batch 3\n")
    #expect(display.update(line("load"), now: 5) == "")
    let begun = display.update(line("measure", done: 0, total: 4, elapsed: 100), now: 6)
    #expect(begun == "[2/2]  tp2  measure  packed  batch 3  0/4\n")
    // One unit in 20 s, three to go; the 100 s before the stage do not count.
    let measured = display.update(line("measure", done: 1, total: 4, elapsed: 120), now: 26)
    #expect(measured == "[2/2]  tp2  measure  packed  batch 3  1/4  ETA 1 min 0 s\n")
    #expect(display.update(line("measure", done: 2, total: 4, elapsed: 124), now: 30) == "")
    #expect(display.update(line("measure", done: 3, total: 4, elapsed: 130), now: 36) != "")
    let last = display.update(line("measure", done: 4, total: 4, elapsed: 131), now: 37)
    #expect(last == "[2/2]  tp2  measure  packed  batch 3  4/4\n")
    #expect(display.clear() == "")
  }

  @Test("a terminal has one line that changes, cut to its width")
  func terminal() {
    var display = ProgressDisplay(style: .terminal(columns: 20), cells: 1)
    #expect(display.update(line("load"), now: 0) == "\r\u{1B}[Ktp2  load  packed  ")
    #expect(display.update(line("load"), now: 0.01) == "", "not more than ten times a second")
    #expect(display.update(line("load"), now: 0.2) != "")
    #expect(display.clear() == "\r\u{1B}[K")
    #expect(display.clear() == "")
  }

  @Test("progress lines are told from other output")
  func parses() throws {
    let text = ProgressLine.prefix + (try JSONText.line(line("load", done: 1, total: 2)))
    #expect(StudyRun.progress(text) == line("load", done: 1, total: 2))
    #expect(StudyRun.progress("@padtax nonsense") == nil)
    #expect(StudyRun.progress("loading") == nil)
  }
}
