import FoundationEssentials
import Records
import Studies
import TestSupport
import Testing

@Suite struct DoctorTests {
  private func doctor(_ variables: [String: String], folders: [String]) -> Doctor {
    let host = HostFacts(
      cores: 2, memoryBytes: 8 << 30, availableBytes: 4 << 30, isRoot: false, name: "box",
      cpuModel: "cpu")
    return Doctor(
      host: host, variables: variables, mpirun: nil, version: { _ in "mpirun (Open MPI) 4.1.4" },
      libraryFolders: folders)
  }

  @Test("a machine with everything is healthy, Slurm or not")
  func healthy() throws {
    let folder = try TestFolder()
    for name in ["mpirun", "padtax-rank"] { try folder.program(name, "true") }
    for name in ["libopenblas.so.0", "libhwloc.so.15"] { try folder.write("", name) }
    let doctor = doctor(
      ["PATH": folder.path, "PADTAX_RANK": folder.path + "/padtax-rank"], folders: [folder.path])
    #expect(doctor.isHealthy)
    #expect(doctor.findings.last?.state == .absent)
    #expect(doctor.findings.contains { $0.text.hasSuffix("mpirun: mpirun (Open MPI) 4.1.4") })
  }

  @Test("what is missing is named with its remedy")
  func missing() {
    let doctor = doctor(["PATH": "/no", "PADTAX_RANK": "/no/rank"], folders: ["/no"])
    let missing = doctor.findings.filter { $0.state == .missing }
    #expect(!doctor.isHealthy)
    #expect(missing.map(\.subject) == ["mpirun", "padtax-rank", "BLAS", "hwloc"])
    #expect(missing.filter { $0.text.contains("apt-get install") }.count == 3)
  }

  @Test("a Slurm without PMIx is told, with what to do")
  func clusters() throws {
    let folder = try TestFolder()
    try folder.program("srun", "true")
    func findings(_ plugins: String) -> [Doctor.Finding] {
      Doctor(
        host: HostFacts.detect(), variables: ["PATH": folder.path], mpirun: nil,
        version: { _ in "" }, plugins: { _ in plugins }, libraryFolders: [folder.path]
      ).findings
    }
    let lacking = try #require(findings("MPI plugin types are...\n\tnone").last)
    #expect(
      lacking.subject == "Slurm" && lacking.state == .poor && lacking.text.contains("--mpirun"))
    #expect(findings("\tnone\n\tpmix").last?.state == .ok)
    let alone = findings("srun: error: DNS\nsrun: fatal: Could not establish a configuration")
    #expect(alone.last?.state == .absent && alone.last?.text.contains("no cluster here") == true)
  }

  private func provenance(gemm: Double, oversubscribed: Bool = false) -> Provenance {
    Provenance(
      cell: "tp2", arguments: [], padtaxVersion: "0", commit: nil, dirty: nil, seed: 1,
      clock: "wall", startUTC: "",
      model: ModelFacts(
        name: "m", parameters: 1, layers: 1, hidden: 1, queryHeads: 1, kvHeads: 1,
        headDimension: 1, feedForward: 1, vocabulary: 1, weights: ""),
      layout: "tp2", mpiLibrary: "", mpiStandard: "", oversubscribed: oversubscribed,
      ranks: (0..<2).map { rank in
        RankFacts(
          rank: rank, host: "h", process: 1, cpuModel: "", usableCores: 2, binding: "",
          numaNode: "", backend: "OpenBLAS", library: "", blasCore: "Prescott",
          instructionSet: "AVX-512", threads: 1, peakGFLOPS: 100,
          gemmGFLOPS: rank == 0 ? 90 : gemm, weightBytes: 0, loadAverage: 0)
      }, environment: [:], warnings: ["kernels are old"])
  }

  @Test("the slowest rank's share of the peak decides on the BLAS; shared cores are told")
  func trial() {
    let slow = DoctorTrial.findings(provenance(gemm: 20), seconds: 1)
    #expect(slow.map(\.subject) == ["2 ranks", "BLAS speed", "warning"])
    #expect(slow.map(\.state) == [.ok, .poor, .poor])
    #expect(
      slow[1].text.contains("20 % of the multiply-add peak; ") && slow[1].text.contains("CORETYPE"))
    let fast = DoctorTrial.findings(provenance(gemm: 80, oversubscribed: true), seconds: 1)
    #expect(fast.map(\.state) == [.poor, .ok, .poor] && !fast[1].text.contains("CORETYPE"))
  }

  @Test(
    "two real ranks run the trial",
    .enabled(if: TestSupport.RankLauncher.unavailableReason == nil, "mpirun cannot be started"))
  func realTrial() throws {
    let launcher = try Studies.RankLauncher.choose(
      mpirun: nil, variables: ProcessInfo.processInfo.environment,
      version: Doctor.version(of:))
    func findings(_ program: String) throws -> [Doctor.Finding] {
      try DoctorTrial(
        launcher, rankProgram: program, host: HostFacts.detect(),
        variables: ProcessInfo.processInfo.environment.merging(["SLURM_JOB_ID": ""]) { $1 }
      ).findings()
    }
    let found = try findings(try TestSupport.RankLauncher.executable("padtax-rank"))
    #expect(found.first?.subject == "2 ranks" && found.first?.state != .missing, "\(found)")
    #expect(found.contains { $0.subject == "BLAS speed" })
    let folder = try TestFolder()
    let failing = try findings(
      try folder.program("padtax-rank", "echo 'padtax: error: no luck' >&2; exit 1"))
    #expect(failing.map(\.state) == [.missing])
    #expect(failing[0].text.contains("padtax: error: no luck; by hand: "))
  }

  @Test("cards are what the rank program says, and a machine without one is healthy")
  func cards() throws {
    let folder = try TestFolder()
    try folder.program("cards", "echo 'GPU 0: card'; echo 'GPU 1: card'")
    try folder.program("none", "echo 'padtax: error: no driver' >&2; exit 2")
    func finding(_ program: String) -> Doctor.Finding? {
      doctor(["PADTAX_RANK": folder.path + "/" + program], folders: []).findings
        .first { $0.subject == "GPU" }
    }
    let cards = try #require(finding("cards"))
    #expect(cards.state == .ok && cards.text == "GPU 0: card; GPU 1: card")
    let none = try #require(finding("none"))
    #expect(none.state == .absent && none.text.hasSuffix("kind: cuda; no driver"))
  }
}
