import Studies
import Testing

@Suite struct RankLauncherTests {
  private func plan(
    _ launcher: RankLauncher = .openMPI(path: "/bin/mpirun"), ranks: Int, threads: Int = 1,
    cores: Int = 2, root: Bool = false, variables: [String: String] = [:]
  ) -> LaunchPlan {
    let host = HostFacts(
      cores: cores, memoryBytes: 1, availableBytes: 1, isRoot: root, name: "box", cpuModel: "cpu")
    return LaunchPlan(
      launcher, ranks: ranks, threads: threads, program: ["/x/padtax-rank", "a job.yaml"],
      host: host, variables: variables)
  }

  /// What Open MPI's ranks get, by whatever launcher.
  private let additions = ["OMPI_MCA_btl_vader_eager_limit": "32768"]

  @Test("Open MPI's ranks pass short messages at once, unless the user says how")
  func transport() {
    let name = "OMPI_MCA_btl_vader_eager_limit"
    #expect(plan(ranks: 2, variables: [name: "4096"]).command.environment[name] == "4096")
    #expect(plan(.hydra(path: "/bin/mpiexec"), ranks: 2).command.environment[name] == nil)
  }

  @Test("as many ranks as cores are bound to cores")
  func fits() {
    let plan = plan(ranks: 2)
    #expect(
      plan.command.arguments == [
        "-np", "2", "--bind-to", "core", "/x/padtax-rank", "a job.yaml",
      ])
    #expect(plan.additions == additions)
    #expect(!plan.isOversubscribed)
  }

  @Test("more ranks than cores are allowed, unbound and told to yield")
  func oversubscribed() {
    let plan = plan(ranks: 3)
    #expect(
      plan.command.arguments.prefix(5) == ["-np", "3", "--oversubscribe", "--bind-to", "none"])
    #expect(plan.additions["OMPI_MCA_mpi_yield_when_idle"] == "1")
    #expect(plan.isOversubscribed)
  }

  @Test("ranks of several threads get a core for each thread, or none when there are too few")
  func threads() {
    let fitting = plan(ranks: 2, threads: 2, cores: 4)
    #expect(
      fitting.command.arguments.prefix(6) == [
        "-np", "2", "--map-by", "slot:PE=2", "--bind-to", "core",
      ])
    #expect(plan(ranks: 2, threads: 2, cores: 3).isOversubscribed)
  }

  @Test("root is confirmed only for root, and what the user set stays")
  func root() {
    let root = plan(ranks: 1, root: true)
    #expect(root.command.environment["OMPI_ALLOW_RUN_AS_ROOT"] == "1")
    #expect(root.command.environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1")
    #expect(plan(ranks: 1).command.environment["OMPI_ALLOW_RUN_AS_ROOT"] == nil)
    let set = plan(
      ranks: 3, root: true,
      variables: ["OMPI_MCA_mpi_yield_when_idle": "0", "HOME": "/h"])
    #expect(set.command.environment["OMPI_MCA_mpi_yield_when_idle"] == "0")
    #expect(set.command.environment["HOME"] == "/h")
  }

  @Test("srun gets the ranks, unbuffered, and ends them all when one fails")
  func srun() {
    let plan = plan(.srun(path: "/bin/srun"), ranks: 8, threads: 4, root: true)
    #expect(
      plan.command.arguments.dropLast(2) == [
        "--mpi=pmix", "--unbuffered", "--kill-on-bad-exit=1", "-n", "8", "--cpus-per-task=4",
      ])
    #expect(!plan.isOversubscribed && plan.additions == additions)
  }

  @Test("MPICH's launcher gets its own options")
  func hydra() {
    let plan = plan(.hydra(path: "/bin/mpiexec"), ranks: 2)
    #expect(plan.command.arguments.prefix(4) == ["-n", "2", "-bind-to", "core"])
    let crowded = self.plan(.hydra(path: "/bin/mpiexec"), ranks: 4)
    #expect(crowded.command.arguments.prefix(3) == ["-n", "4", "/x/padtax-rank"])
  }

  @Test("the shell text quotes what a shell would split")
  func shellText() {
    #expect(
      plan(ranks: 1).shellText
        == "OMPI_MCA_btl_vader_eager_limit=32768 /bin/mpirun -np 1 --bind-to core "
        + "/x/padtax-rank 'a job.yaml'")
  }

  @Test("srun is taken inside an allocation only, a named mpirun always")
  func chooses() throws {
    let folder = try TestFolder()
    try folder.program("srun", "true")
    try folder.program("mpirun", "true")
    func choose(_ mpirun: String?, job: String?, version: String = "Open MPI") throws
      -> RankLauncher
    {
      var variables = ["PATH": folder.path]
      variables["SLURM_JOB_ID"] = job
      return try RankLauncher.choose(mpirun: mpirun, variables: variables) { _ in version }
    }
    let mpirun = folder.path + "/mpirun"
    #expect(try choose(nil, job: "7") == .srun(path: folder.path + "/srun"))
    #expect(try choose(nil, job: nil) == .openMPI(path: mpirun))
    #expect(try choose(mpirun, job: "7") == .openMPI(path: mpirun))
    #expect(try choose(nil, job: nil, version: "HYDRA build") == .hydra(path: mpirun))
    let error = #expect(throws: StudyError.self) { try choose("/no/mpirun", job: nil) }
    #expect(error?.description == "--mpirun /no/mpirun: no such program")
    let none = #expect(throws: StudyError.self) {
      try RankLauncher.choose(mpirun: nil, variables: ["PATH": "/no"]) { _ in "" }
    }
    #expect(none?.description.contains("apt-get install openmpi-bin") == true)
  }
}
