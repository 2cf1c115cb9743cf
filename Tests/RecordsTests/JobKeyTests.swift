import FoundationEssentials
import Records
import Testing

@Suite struct JobKeyTests {
  private func isServing(_ key: JobKey) -> Bool { key.path.hasPrefix("serving") }

  private func complaint(_ text: String, in folder: TemporaryFolder) throws -> String {
    let path = try folder.write(text, "job.yaml")
    do {
      _ = try JobFile.read(path: path, variation: 0)
      return "accepted"
    } catch { return error.description }
  }

  @Test("the written jobs parse, resolve and come back from the job that was read")
  func written() throws {
    for serving in [false, true] {
      let text = JobKey.job(serving: serving)
      let job = try JobText.parse(text)
      #expect((job.serving != nil) == serving)
      _ = try ResolvedJob(job, file: "job.yaml", settings: [], layouts: job.layouts)
      #expect(try JobText.parse(job.yaml) == job)
    }
  }

  @Test("the parser knows every key of the table, taken in the place of what it excludes")
  func everyKey() throws {
    let folder = try TemporaryFolder()
    try folder.write("trace: false\n", "base.yaml")
    for key in JobKey.all {
      let text = JobKey.job(serving: isServing(key), taking: key.path)
      #expect(try complaint(text, in: folder) == "accepted", "\(key.path)")
      let name = key.path.split(separator: ".").last ?? ""
      let lines = text.split(separator: "\n").map(String.init)
      let line = lines.firstIndex { line in
        let start = line.drop { $0 == " " || $0 == "-" }
        return start.hasPrefix("\(name):") && (key.path.contains(".") == line.hasPrefix(" "))
      }
      let found = try #require(line, "\(key.path) is not in the job")
      var misspelt = lines
      misspelt[found] = misspelt[found].replacing("\(name):", with: "\(name)s:")
      let refusal = try complaint(misspelt.joined(separator: "\n"), in: folder)
      #expect(refusal != "accepted", "\(key.path)s")
    }
  }

  @Test("docs/JOBS.md shows the written jobs as they are")
  func documented() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let data = try #require(FileManager.default.contents(atPath: "/\(root)/docs/JOBS.md"))
    let text = String(decoding: data, as: UTF8.self)
    #expect(text.contains("```yaml\n" + JobKey.job(serving: false) + "```\n"))
    // Of the other job only what is its own.
    let lines = JobKey.job(serving: true).split(separator: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix("serving:") })
    let section = lines[start...].prefix { $0.hasPrefix("serving:") || $0.hasPrefix(" ") }
    #expect(section.count > 25)
    #expect(text.contains("```yaml\n" + section.joined(separator: "\n") + "\n```\n"))
  }
}
