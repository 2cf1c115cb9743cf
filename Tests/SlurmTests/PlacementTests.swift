import Models
import Records
import Slurm
import Testing

@Suite struct PlacementTests {
  private func place(
    _ layout: String, cpus: Int = 8, gpus: Int = 0, memory: Int = 64 << 30, threads: Int = 1,
    nodes: Int? = nil, model: [String] = []
  ) throws -> Placement {
    let folder = try JobFolder(layouts: "[\(layout)]")
    let settings = ["backend.threads=\(threads)", "model.layers=8"] + model
    let job = try JobFile.read(path: folder.job, settings: settings)
    var site = SiteSettings(cpus: cpus, memoryBytes: memory)
    site.gpus = gpus
    return try Placement(
      ResolvedJob(job, file: folder.job), ParallelLayout(parsing: layout), site: site,
      usesGPUs: gpus > 0, nodes: nodes)
  }

  private func complaint(_ body: () throws -> Placement) -> String {
    do {
      return "no error: \(try body())"
    } catch { return "\(error)" }
  }

  @Test(
    "ranks fill as few nodes as hold them evenly, a tensor group on one node",
    arguments: [
      ("tp1", 8, 1, 1, 1), ("tp4pp2", 8, 1, 1, 8), ("tp4pp2", 7, 1, 2, 4), ("tp2pp4", 6, 1, 2, 4),
      ("tp2pp4", 3, 1, 4, 2), ("pp8", 5, 1, 2, 4), ("pp6", 5, 1, 2, 3), ("tp2pp2", 8, 4, 2, 2),
    ])
  func nodes(layout: String, cpus: Int, threads: Int, nodes: Int, tasks: Int) throws {
    let placement = try place(layout, cpus: cpus, threads: threads)
    #expect(placement.nodes == nodes && placement.tasksPerNode == tasks)
    #expect(placement.tasksPerNode % placement.layout.tensor == 0)
  }

  @Test("GPUs bound the ranks of a node as CPUs do")
  func gpus() throws {
    #expect(try place("tp2pp4", cpus: 64, gpus: 4).tasksPerNode == 4)
    #expect(
      complaint { try place("tp8", cpus: 64, gpus: 4) }.contains(
        "layout tp8: a tensor group has 8 ranks of 1 threads and must lie on one node; a node of the "
          + "site has 4 GPUs and 64 CPUs, room for 4"))
  }

  @Test("a tensor group larger than a node is refused")
  func group() {
    #expect(
      complaint { try place("tp4", cpus: 3) }.contains("layout tp4: a tensor group has 4 ranks"))
    #expect(
      complaint { try place("tp2", cpus: 3, threads: 2) }.contains("has 3 CPUs, room for 1"))
  }

  @Test("nodes that were asked for are taken, or refused with those that work")
  func wanted() throws {
    #expect(try place("tp2pp4", nodes: 4).tasksPerNode == 2)
    #expect(
      complaint { try place("tp2pp4", nodes: 3) }
        == "layout tp2pp4: its 4 tensor groups cannot be spread evenly over 3 nodes; valid: 1, 2, 4"
    )
    #expect(complaint { try place("pp8", cpus: 3, nodes: 2) }.contains("2 nodes would need room"))
  }

  @Test("memory spreads ranks over more nodes, and what fits on none is refused")
  func memory() throws {
    let large = [
      "model.hidden=1024", "model.heads=16", "model.head-dimension=64", "model.feed-forward=4096",
      "model.vocabulary=50000",
    ]
    // About 0.3 GB of weights a rank and half a GiB of program.
    let whole = try place("pp4", model: large)
    #expect(whole.nodes == 1)
    let spread = try place("pp4", memory: 2 << 30, model: large)
    #expect(spread.nodes == 2 && spread.memoryBytes <= 2 << 30)
    let text = complaint { try place("pp4", memory: 600 << 20, model: large) }
    #expect(text.contains("about ") && text.contains("600 MiB"), "\(text)")
  }

  @Test("the reference's weights are asked for besides the ranks', as far as there is room")
  func reference() throws {
    let large = ["model.vocabulary=2000000"]
    let room = try place("tp1", model: large)
    let tight = try place("tp1", memory: room.memoryBytes - 1, model: large)
    // An embedding of 2,000,000 x 32 numbers of four bytes: with a quarter on top, and once more.
    #expect(room.memoryBytes > 256_000_000 / 4 * 9 + (512 << 20))
    #expect(tight.memoryBytes == room.memoryBytes - 1)
  }
}
