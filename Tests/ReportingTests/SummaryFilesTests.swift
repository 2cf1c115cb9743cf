import Records
import Testing
import Workloads

@testable import Reporting

/// The tidy CSV and the Markdown of a summary.
@Suite struct SummaryFilesTests {
  private var summary: Summary {
    Fixture.summary(
      Fixture.cell([
        Fixture.batch("right-pad", turn: 0, ttft: 3, total: 6),
        Fixture.batch("right-pad", turn: 1, ttft: 5, total: 9),
        Fixture.batch("packed", turn: 0, ttft: 2, total: 4),
        Fixture.batch("packed", turn: 1, ttft: 2, total: 4),
      ]))
  }

  private func table(_ csv: String) -> [[String: String]] {
    let lines = csv.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(lines.allSatisfy { $0.count == lines[0].count })
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
  }

  @Test("every number of a row has one line, with the ends of its interval beside it")
  func tidy() throws {
    let lines = table(summary.csv)
    let padded = lines.filter { $0["policy"] == "right-pad" }
    let row = try #require(summary.row("tp2", "right-pad"))
    let expected = row.metrics.keys.filter { !$0.hasSuffix("_lower") && !$0.hasSuffix("_upper") }
    let plain = padded.compactMap { $0["metric"] }.filter { !$0.hasPrefix("padding_length") }
      .filter { !$0.hasPrefix("padding_finished") }
    #expect(plain.sorted() == expected.sorted() && plain.count == Set(plain).count)
    let ttft = try #require(padded.first { $0["metric"] == "batch_ttft_s" })
    #expect(ttft["value"] == "4.0" && ttft["lower"] == "3.0" && ttft["upper"] == "5.0")
    #expect(ttft["layout"] == "tp2" && ttft["executions"] == "2" && ttft["target_spread"] == "")
    let slots = try #require(padded.first { $0["metric"] == "padding_length_slots" })
    #expect(slots["value"] == "10.0")
    let ratio = try #require(padded.first { $0["metric"] == "pad_ratio" })
    #expect(ratio["lower"] == "" && ratio["upper"] == "")
  }

  @Test("a row without numbers says why on one line; cells of a grid name their target")
  func gaps() {
    var batch = Fixture.batch("right-pad", ttft: 3, total: 6)
    batch.batchPadding = BatchPadding(
      padRatio: 0.5, covLength: 1, covPadding: 0.4,
      target: PaddingPair(padRatio: 0.5, spread: PaddingSpread(.covPadding, 0.4)))
    let summary = Fixture.summary(
      Fixture.cell(
        [batch],
        verifications: [
          Fixture.verification("right-pad"),
          Fixture.verification("packed", passed: false, failure: "token 3"),
        ]))
    let lines = table(summary.csv)
    let refused = lines.filter { $0["policy"] == "packed" && $0["target_spread"] == "" }
    #expect(refused.map { $0["metric"] } == [""])
    #expect(refused.first?["note"] == "answers are wrong: token 3")
    let cell = lines.filter { $0["target_spread"] == "0.4" && $0["metric"] == "batch_ttft_s" }
    #expect(cell.map { $0["value"] } == ["3.0"])
    #expect(cell.first?["target_pad_ratio"] == "0.5" && cell.first?["target_measure"] == "cov_pad")
  }

  @Test("fields with commas and quotes are quoted as RFC 4180 asks")
  func quoting() {
    var summary = summary
    summary.job = "a,\"b\""
    #expect(summary.csv.contains("\nr1,\"a,\"\"b\"\"\",measured,toy,tp2,,tp2,packed,"))
  }

  @Test("the Markdown has the answer, the tables and the warnings, and lets no markup through")
  func markdown() {
    var summary = summary
    summary.question = "What | costs <b>padding</b>, @team?\n# x"
    summary.warnings = ["look_out"]
    let text = summary.markdown
    #expect(
      text.hasPrefix("### padtax: What \\| costs &lt;b&gt;padding&lt;/b&gt;, &#64;team? \\# x\n\n"))
    #expect(text.contains("\nThe padding tax of right-pad"))
    #expect(text.contains("| layout | policy | p, % | tax TTFT, % |"))
    #expect(text.contains("| tp2 | right-pad | 50.0 | 100.0 | \\[50.0, 150.0\\] |"))
    #expect(text.contains("<details><summary>1 warnings</summary>\n\n- look\\_out\n"))
    #expect(!text.contains("<b>"))
  }

  @Test("a summary of before there were an audit, a grid and bandwidths is read")
  func older() throws {
    var summary = summary
    summary.audit = []
    let text = try JSONText.line(summary)
    var lines = text
    for key in ["audit", "grid"] {
      #expect(text.contains("\"\(key)\":[]"))
      lines = lines.replacing(",\"\(key)\":[]", with: "").replacing("\"\(key)\":[],", with: "")
    }
    #expect(!lines.contains("audit") && !lines.contains("grid"))
    #expect(try JSONText.decode(Summary.self, from: lines, source: "x") == summary)
    #expect(try JSONText.decode(Summary.self, from: text, source: "x") == summary)
  }

  @Test("warnings name the variation of a cell with axes")
  func variations() {
    var cell = Fixture.cell(
      [Fixture.batch("right-pad", ttft: 3, total: 6)],
      verifications: [
        Fixture.verification("right-pad"),
        Fixture.verification("packed", passed: false, failure: "token 3"),
      ], state: .ready)
    cell.variation = "output-tokens=8"
    let warnings = Fixture.summary(cell).warnings
    #expect(warnings.contains("tp2 packed, output-tokens=8: answers are wrong: token 3"))
    #expect(
      warnings.contains {
        $0.hasPrefix("tp2 (output-tokens=8): was stopped before it finished")
      }, "\(warnings)")
  }
}
