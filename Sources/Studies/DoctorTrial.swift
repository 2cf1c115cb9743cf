import FoundationEssentials
import Records
import Units

/// Two ranks that run a tiny job: whether MPI works, answers are right, and how fast the BLAS is.
public struct DoctorTrial {
  private let launcher: RankLauncher
  private let rankProgram: String
  private let host: HostFacts
  private let variables: [String: String]

  public init(
    _ launcher: RankLauncher, rankProgram: String, host: HostFacts, variables: [String: String]
  ) {
    self.launcher = launcher
    self.rankProgram = rankProgram
    self.host = host
    self.variables = variables
  }

  /// One layer whose products are large enough to tell a BLAS by.
  static let job = """
    name: doctor
    model:
      {preset: qwen2.5-0.5b, layers: 1, hidden: 1024, heads: 16, kv-heads: 2, head-dimension: 64,
       feed-forward: 4096, vocabulary: 64}
    layouts: [tp2]
    policies: [packed]
    workload: {generate: "uniform:4-8", batch-size: 2, batches-taken: 1}
    output-tokens: 2
    warm-up: 0
    repeats: 1
    step-limit: 60
    verify: {sequences: 1, output-tokens: 2}

    """

  /// Runs the job in a folder of its own, which is gone afterwards.
  public func findings() throws -> [Doctor.Finding] {
    let folder =
      FileManager.default.temporaryDirectory.path + "/padtax-doctor-" + UUID().uuidString
    try AtomicFile.createFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try AtomicFile.write(Self.job, to: folder + "/job.yaml")
    let run = RunDirectory(path: folder + "/run")
    let launch = LaunchPlan(
      launcher, ranks: 2, threads: 1,
      program: [
        rankProgram, folder + "/job.yaml", "--layout", "tp2", "--out", run.path, "--progress",
        "none",
      ], host: host, variables: variables)
    var errors: [String] = []
    let begin = MonotonicTime.now()
    let status = try ChildProcess(launch.command).wait(signals: nil) { line in
      if case .error(let text) = line, !text.allSatisfy(\.isWhitespace) { errors.append(text) }
    }
    let seconds = MonotonicTime.now() - begin
    guard StudyRun.code(of: status) == .fine else {
      let reason = errors.first { $0.hasPrefix("padtax:") } ?? errors.first ?? "no reason given"
      return [
        Doctor.Finding(
          subject: "2 ranks", state: .missing,
          text: "\(StudyRun.text(status)): \(reason); by hand: \(launch.shellText)")
      ]
    }
    let path = run.cell("tp2").provenance
    let data = FileManager.default.contents(atPath: path) ?? Data()
    let provenance = try JSONText.decode(
      Provenance.self, from: String(decoding: data, as: UTF8.self), source: path)
    return Self.findings(provenance, seconds: seconds)
  }

  /// A product slower than this share of the multiply-add peak has the wrong kernels, or a neighbour.
  public static let slowShare = 0.5

  /// What two ranks that ran say of the machine.
  public static func findings(_ provenance: Provenance, seconds: Double) -> [Doctor.Finding] {
    var findings = [
      Doctor.Finding(
        subject: "2 ranks", state: provenance.oversubscribed ? .poor : .ok,
        text: "started, verified and measured in \(seconds.fixed(1)) s"
          + (provenance.oversubscribed
            ? "; they share a core: times of layouts with more ranks than cores are not to be "
              + "trusted, use --clock virtual" : ""))
    ]
    if let rank = provenance.ranks.min(by: { $0.gemmGFLOPS < $1.gemmGFLOPS }), rank.peakGFLOPS > 0 {
      let share = rank.gemmGFLOPS / rank.peakGFLOPS
      let isSlow = share < slowShare
      findings.append(
        Doctor.Finding(
          subject: "BLAS speed", state: isSlow ? .poor : .ok,
          text: "\(rank.backend) \(rank.blasCore) on \(rank.instructionSet): GEMM "
            + "\(rank.gemmGFLOPS.significant(3)) GFLOP/s, \((share * 100).fixed(0)) % of the "
            + "multiply-add peak"
            + (isSlow
              ? "; if the machine is idle, name the core with OPENBLAS_CORETYPE (Haswell, SkylakeX, "
                + "Zen) or another library with --set backend.blas=PATH" : "")))
    }
    findings += provenance.warnings.filter { !$0.contains("usable cores") }.map {
      Doctor.Finding(subject: "warning", state: .poor, text: $0)
    }
    return findings
  }
}
