import FoundationEssentials
import Records
import Reporting
import TestSupport
import Testing

/// Reports opened by headless Chromium through `scripts/browse-report`.
///
/// `scripts/bootstrap --browser` and `scripts/fetch-vega` make what they need. PADTAX_SCREENSHOTS
/// names a folder that keeps the pages and pictures, to be looked at.
@Suite(.serialized) struct BrowserTests {
  /// What `scripts/browse-report` prints.
  private struct Seen: Decodable {
    var console: [String]
    var charts: [String: Int]
    var failed: [String]
    var overflow: [String: Int]
    var loadMilliseconds: Int
    var chartsMilliseconds: Int
    var bytes: Int
    var brokenLinks: [String]

    enum CodingKeys: String, CodingKey {
      case console, charts, failed, overflow, bytes
      case loadMilliseconds = "load_ms"
      case chartsMilliseconds = "charts_ms"
      case brokenLinks = "broken_links"
    }
  }

  private static let bundle: VegaBundle? = {
    let variables = ProcessInfo.processInfo.environment
    guard variables["PADTAX_VEGA"] == nil else {
      return try? VegaBundle.find(variables: variables, programFolder: "/")
    }
    return try? VegaBundle(path: "\(SharedData.packageFolder)/.build/vega/\(VegaBundle.fileName)")
  }()

  private static let hasBrowser: Bool = {
    let variables = ProcessInfo.processInfo.environment
    if variables["PADTAX_CHROMIUM"] != nil { return true }
    return (variables["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/chromium")
    }
  }()

  private func open(_ study: StudyFixture, _ name: String, quick: Bool = false) throws -> Seen {
    let temporary = try TemporaryDirectory()
    let kept = ProcessInfo.processInfo.environment["PADTAX_SCREENSHOTS"]
    let folder = kept.map { "\($0)/\(name)" } ?? temporary.path
    try AtomicFile.createFolder(folder)
    let contents = study.contents
    let page = try HTMLReport(Summary(contents), runs: [contents]).page(bundle: Self.bundle)
    try AtomicFile.write(page, to: folder + "/report.html")
    var arguments = ["\(SharedData.packageFolder)/scripts/browse-report"]
    if quick, kept == nil { arguments.append("--quick") }
    arguments.append(folder + "/report.html")
    if kept != nil { arguments.append(folder) }
    let output = try runProcess(arguments, timeLimit: 120)
    try #require(output.exitCode == 0, "\(output.summary)")
    print("\(name): \(output.standardOutput)")
    return try JSONText.decode(Seen.self, from: output.standardOutput, source: "browse-report")
  }

  @Test(
    "a small study opens without complaint, fits its window, and every chart has marks",
    .enabled(if: hasBrowser, "no chromium: scripts/bootstrap --browser installs it"),
    .enabled(if: bundle != nil, "no bundle of Vega: scripts/fetch-vega makes it"))
  func small() throws {
    let seen = try open(StudyFixture(), "small")
    #expect(seen.console.isEmpty)
    #expect(seen.failed.isEmpty && seen.brokenLinks.isEmpty)
    #expect(seen.charts.count == 26)
    for (name, marks) in seen.charts { #expect(marks > 1, "\(name) has \(marks) marks") }
    #expect(seen.charts["map-1"] == 12, "a rectangle and a number for each of 3 × 2 cells")
    #expect(seen.overflow == ["wide": 0, "phone": 0])
  }

  @Test(
    "a study of 500 cells is a file below 3 MB, and all of its charts are drawn",
    .enabled(if: hasBrowser, "no chromium: scripts/bootstrap --browser installs it"),
    .enabled(if: bundle != nil, "no bundle of Vega: scripts/fetch-vega makes it"))
  func large() throws {
    let study = StudyFixture(
      layouts: ["tp1", "tp2", "pp2", "tp4", "tp2pp2"],
      policies: ["right-pad", "left-pad", "sorted", "packed"], ratios: [0.2, 0.3, 0.4, 0.5, 0.6],
      spreads: [0.1, 0.2, 0.3, 0.4, 0.5], repeats: 1)
    let cells =
      study.layouts.count * study.policies.count * study.ratios.count * study.spreads.count
    #expect(cells == 500)
    let seen = try open(study, "large", quick: true)
    #expect(seen.bytes < 3_000_000)
    #expect(seen.console.isEmpty && seen.failed.isEmpty)
    #expect(seen.charts.count == 40 && seen.charts.values.allSatisfy { $0 > 1 })
  }
}
