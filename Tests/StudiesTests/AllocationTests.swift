import Models
import Studies
import Testing

@Suite struct AllocationTests {
  private func plan(
    _ launcher: RankLauncher, ranks: Int, threads: Int = 1, nodes: String
  ) throws -> LaunchPlan {
    let host = HostFacts(
      cores: 4, memoryBytes: 1, availableBytes: 1, isRoot: false, name: "box", cpuModel: "cpu")
    let allocation = try #require(
      Allocation(variables: ["SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": nodes]))
    return LaunchPlan(
      launcher, ranks: ranks, threads: threads, program: ["rank"], host: host, variables: [:],
      allocation: allocation)
  }

  @Test("nodes are Slurm's, and none outside a job")
  func nodes() {
    #expect(Allocation(variables: ["SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "3"])?.nodes == 3)
    #expect(Allocation(variables: ["SLURM_JOB_ID": "7", "SLURM_NNODES": "2"])?.nodes == 2)
    #expect(Allocation(variables: ["SLURM_JOB_NUM_NODES": "3"]) == nil)
    #expect(Allocation(variables: ["SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "x"]) == nil)
  }

  @Test("ranks are spread evenly or the run is refused")
  func even() throws {
    let two = try #require(Allocation(variables: ["SLURM_JOB_ID": "7", "SLURM_NNODES": "2"]))
    #expect(try two.ranksPerNode(ParallelLayout(parsing: "tp2pp2")) == 2)
    func complaint(_ layout: String) throws -> String {
      do {
        return "no error: \(try two.ranksPerNode(ParallelLayout(parsing: layout)))"
      } catch let error as StudyError { return error.description }
    }
    #expect(
      try complaint("tp1").contains(
        "tp1 has 1 ranks and this allocation 2 nodes: 1 would be idle"))
    #expect(try complaint("pp3").contains("some would have more than others"))
  }

  @Test("srun is told nodes, ranks on each, and to put neighbours together")
  func srun() throws {
    let arguments = try plan(.srun(path: "/bin/srun"), ranks: 4, nodes: "2").command.arguments
    #expect(
      arguments.suffix(4) == [
        "--nodes=2", "--ntasks-per-node=2", "--distribution=block:block", "rank",
      ])
  }

  @Test("mpirun is told ranks on each node, and counts cores by node")
  func mpirun() throws {
    let fits = try plan(.openMPI(path: "mpirun"), ranks: 4, threads: 2, nodes: "2")
    #expect(
      fits.command.arguments.prefix(6) == [
        "-np", "4", "--map-by", "ppr:2:node:PE=2", "--bind-to", "core",
      ])
    #expect(!fits.isOversubscribed)
    let crowded = try plan(.openMPI(path: "mpirun"), ranks: 6, threads: 2, nodes: "2")
    #expect(crowded.isOversubscribed && crowded.command.arguments.contains("--oversubscribe"))
  }
}
