import Studies
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
