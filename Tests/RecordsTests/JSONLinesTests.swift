import FoundationEssentials
import Records
import Testing

@Suite struct JSONLinesTests {
  private func record(_ policy: String, error: Double = 1e-6) -> VerificationRecord {
    VerificationRecord(
      cell: "tp1", layout: "tp1", policy: policy, sequences: 2, tokensPerSequence: 3, layers: 2,
      maxLogitError: error, tolerance: 1e-4, tokensCompared: 6, ties: 0, passed: true,
      failure: nil)
  }

  private func read(_ path: String) throws -> ([VerificationRecord], [String]) {
    var warnings: [String] = []
    let records = try JSONLines.read(VerificationRecord.self, path: path) { warnings.append($0) }
    return (records, warnings)
  }

  @Test("records come back as they were appended, each in a line that opens with its schema")
  func roundTrips() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.jsonl"
    let records = [record("packed"), record("left-pad", error: 0.1 + 0.2)]
    do {
      let writer = try JSONLinesWriter(path: path)
      for record in records { try writer.append(record) }
    }
    #expect(try read(path).0 == records)
    let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    #expect(text.split(separator: "\n").count == 2)
    #expect(text.contains("\"schema\":\"padtax/verification\""))
  }

  @Test("an error that is no number can be written, as the largest there is")
  func infiniteError() throws {
    for error in [Double.infinity, .nan] {
      let text = try JSONText.line(record("packed", error: error))
      #expect(text.contains("\"max_logit_error\":1.797"))
    }
  }

  @Test("a torn last line is dropped with a warning, wherever it was torn")
  func tornLine() throws {
    let folder = try TemporaryFolder()
    let line = try JSONText.line(record("packed"))
    for cut in [1, line.utf8.count / 2, line.utf8.count] {
      let path = try folder.write(line + "\n" + line.prefix(cut), "torn-\(cut).jsonl")
      let (records, warnings) = try read(path)
      #expect(records == [record("packed")])
      #expect(warnings == ["\(path):2: the last line is torn and was dropped"])
    }
  }

  @Test("a line that changed after it was written is refused by its number")
  func damagedLines() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a.jsonl"
    do {
      let writer = try JSONLinesWriter(path: path)
      for policy in ["packed", "sorted"] { try writer.append(record(policy)) }
      try writer.synchronize()
    }
    let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    // The checksum that zlib gives for the first line without it.
    let line = try JSONText.line(record("packed"))
    #expect(text.hasPrefix(line.dropLast() + ",\"crc\":\"b10a2965\"}\n"), "\(text)")
    for change in [("packed", "pecked"), ("\"ties\":0", "\"ties\":1"), ("b10a2965", "b10a2960")] {
      let file = try folder.write(text.replacing(change.0, with: change.1), "b.jsonl")
      #expect(throws: RecordError.self) { try read(file) }
      do { _ = try read(file) } catch { #expect("\(error)".hasPrefix("\(file):1: the line is ")) }
    }
    // The last line torn anywhere: the first record is there and nothing else.
    for cut in 1..<text.utf8.count / 2 {
      let file = try folder.write(String(text.dropLast(cut)), "c.jsonl")
      #expect(try read(file).0 == [record("packed")])
    }
  }

  @Test("a broken line in the middle, another version and a missing key are named")
  func brokenLines() throws {
    let folder = try TemporaryFolder()
    let line = try JSONText.line(record("packed"))
    func complaint(_ text: String) throws -> String {
      let path = try folder.write(text, "x.jsonl")
      do {
        return "\(try read(path).0.count) records"
      } catch { return "\(error)".replacing(path, with: "F") }
    }
    #expect(try complaint("{]\n" + line + "\n").hasPrefix("F:1: not a "))
    let newer = line.replacing("\"version\":1", with: "\"version\":9")
    #expect(
      try complaint(newer + "\n")
        == "F:1: padtax/verification version 9; this padtax reads version 1")
    let cut = line.replacing("\"ties\":0,", with: "")
    #expect(try complaint(line + "\n" + cut + "\n").hasSuffix("key 'ties' is missing"))
    let other = line.replacing("padtax/verification", with: "padtax/batch")
    #expect(try complaint(other + "\n" + line + "\n") == "1 records")
    #expect(try complaint("") == "0 records")
  }

  @Test("a file that is not there is an error")
  func noFile() {
    #expect(throws: RecordError.self) { try read("/no/such.jsonl") }
    #expect(throws: RecordError.self) { try JSONLinesWriter(path: "/no/such.jsonl") }
  }
}

@Suite struct RunDirectoryTests {
  @Test("a cell shows the state that it entered last, and only that")
  func markers() throws {
    let folder = try TemporaryFolder()
    let cell = RunDirectory(path: folder.path).cell("tp2")
    #expect(cell.state() == nil)
    try AtomicFile.createFolder(cell.path)
    for marker in [CellDirectory.Marker.ready, .error, .done, .error] {
      try cell.enter(marker, text: "why")
      #expect(cell.state() == marker)
      let files = try FileManager.default.contentsOfDirectory(atPath: cell.path)
      #expect(files == [marker.rawValue], "no other marker and no temporary file")
    }
  }

  @Test("cells are listed by name and rank files are numbered with five digits")
  func paths() throws {
    let folder = try TemporaryFolder()
    let directory = RunDirectory(path: folder.path)
    #expect(directory.cells() == [])
    for name in ["tp2", "pp2"] { try AtomicFile.createFolder(directory.cell(name).path) }
    #expect(directory.cells() == ["pp2", "tp2"])
    #expect(directory.cell("tp2").node(7) == folder.path + "/cells/tp2/ranks/node-00007.jsonl")
    #expect(directory.cell("tp2").node(123_456).hasSuffix("node-123456.jsonl"))
  }

  @Test("a file is replaced as a whole and an impossible path is an error")
  func atomicFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: "long ", count: 10_000), "a")
    try AtomicFile.write("short", to: path)
    #expect(try String(contentsOf: URL(filePath: path), encoding: .utf8) == "short")
    #expect(throws: RecordError.self) { try AtomicFile.write("x", to: path + "/b") }
    #expect(throws: RecordError.self) { try AtomicFile.createFolder(path + "/b") }
  }
}
