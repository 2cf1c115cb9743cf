import Records
import Testing

@Suite struct JobAxesTests {
  private func write(_ axes: String, in folder: TemporaryFolder) throws -> String {
    try folder.write(JobText.small + "\n" + axes, "x.yaml")
  }

  private func complaint(_ axes: String) throws -> String {
    let folder = try TemporaryFolder()
    let path = try write(axes, in: folder)
    do {
      let count = try JobFile.axes(path: path).count
      for variation in 0..<count { _ = try JobFile.read(path: path, variation: variation) }
      return "\(count) variations"
    } catch {
      return error.description.replacing(folder.path + "/", with: "")
    }
  }

  @Test("axes are crossed, zipped keys advance together, the last axis fastest")
  func product() throws {
    let folder = try TemporaryFolder()
    let path = try write(
      """
      axes:
        repeats: [1, 2]
        policies: [[packed], [packed, right-pad]]
      zip:
        - {seed: [5, 6, 6], model.scale: [1/4, 1/8, 1/16]}

      """, in: folder)
    let axes = try JobFile.axes(path: path)
    #expect(axes.count == 12)
    #expect(axes.text(0) == "repeats=1 policies=[packed] seed=5 model.scale=1/4")
    #expect(axes.text(11) == "repeats=2 policies=[packed, right-pad] seed=6 model.scale=1/16")
    let job = try JobFile.read(path: path, variation: 4)
    #expect(job.repeats == 1 && job.policies.count == 2)
    #expect(job.seed == 6 && job.model.scale == "1/8")
    // As it stands, without its axes.
    #expect(try JobFile.read(path: path).seed == JobText.parse().seed)
    // Written out and read back: the same variations.
    let copy = try folder.write(try JobText.parse().yaml + axes.yaml { $0 }, "y.yaml")
    let again = try JobFile.axes(path: copy)
    #expect((0..<12).map(again.text) == (0..<12).map(axes.text))
    #expect(
      try JobFile.read(path: copy, variation: 4).policies
        == JobFile.read(path: path, variation: 4).policies)
  }

  @Test(
    "what cannot be varied is named by line and column",
    arguments: [
      ("axes: {repeats: [1, 2]}", "2 variations"),
      ("axes: [1]", "x.yaml:14:7: axes: expected keys with lists of values"),
      ("axes: {repeats: 3}", "x.yaml:14:17: axes.repeats: expected a list of values"),
      ("axes: {repeats: []}", "x.yaml:14:17: axes.repeats: expected a list of values"),
      ("axes: {repeats: [1, 1]}", "x.yaml:14:21: axes.repeats: '1' is there twice"),
      ("axes: {repeats: [1, x]}", "x.yaml:14:21: repeats: 'x' is not a whole number"),
      ("axes: {reapets: [1]}", "x.yaml:14:18: unknown key 'reapets'"),
      ("axes: {name: [a]}", "x.yaml:14:14: axes.name: cannot be varied"),
      ("zip: {seed: [1]}", "x.yaml:14:6: zip: expected a list of mappings"),
      ("zip: [{seed: [1, 2], repeats: [1]}]", "x.yaml:14:7: zip: seed has 2 values and repeats 1"),
      ("axes: {seed: [1]}\nzip: [{seed: [2]}]", "x.yaml: axes: 'seed' is varied twice"),
    ])
  func refuses(axes: String, start: String) throws {
    let text = try complaint(axes + "\n")
    #expect(text.hasPrefix(start), "\(text)")
  }

  @Test("an included file lies under the one that includes it, its paths seen from there")
  func includes() throws {
    let folder = try TemporaryFolder()
    try folder.write(
      """
      name: base
      model: {preset: qwen2.5-0.5b, scale: 1/4}
      layouts: [tp1]
      policies: [packed]
      workload: {batches: b/x.json, batch-size: 3}
      repeats: 7

      """, "shared/base.yaml")
    let path = try folder.write(
      """
      include: shared/base.yaml
      name: top
      layouts: [tp2]
      workload: {batch-size: 5}

      """, "top.yaml")
    let job = try JobFile.read(path: path, settings: ["seed=9"])
    #expect(job.name == "top" && job.layouts.description == "[tp2]" && job.repeats == 7)
    #expect(job.workload.value == folder.path + "/shared/b/x.json" && job.workload.batchSize == 5)
    #expect(job.model.scale == "1/4" && job.seed == 9)

    // Another source takes the place of the base's.
    let other = try folder.write(
      "include: shared/base.yaml\nworkload: {generate: chat}\n", "other.yaml")
    #expect(try JobFile.read(path: other).workload.kind == .generate)
    #expect(try JobFile.read(path: other).workload.batchSize == nil)
  }

  @Test("errors in an included file name that file, and a circle is found")
  func includeErrors() throws {
    let folder = try TemporaryFolder()
    func complaint(_ path: String) throws -> String {
      do {
        _ = try JobFile.read(path: path)
        return "none"
      } catch { return error.description.replacing(folder.path + "/", with: "") }
    }
    try folder.write("name: b\nrepeats: none\n", "b.yaml")
    let top = try folder.write(
      "include: b.yaml\n" + JobText.small, "a.yaml")
    #expect(try complaint(top).hasPrefix("b.yaml:2:10: repeats: 'none' is not"))
    let missing = try folder.write("include: no.yaml\n", "m.yaml")
    #expect(try complaint(missing).hasPrefix("m.yaml:1:10: include: cannot read the job file no"))
    let circle = try folder.write("include: c.yaml\n", "c.yaml")
    #expect(try complaint(circle).hasSuffix("c.yaml: files include each other in a circle"))
  }
}
