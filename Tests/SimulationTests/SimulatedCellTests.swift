import Models
import Records
import Scheduling
import TestSupport
import Testing
import Workloads

@testable import Simulation

@Suite struct SimulatedCellTests {
  private func resolved(
    _ lines: String = "", model: String = "{preset: qwen2.5-7b, layers: 4}"
  ) throws -> ResolvedJob {
    let job = try JobFile.parse(
      """
      name: cell
      model: \(model)
      layouts: [tp2pp2dp2]
      policies: [right-pad, packed, megatron-iterative]
      hardware: a100-80gb
      micro-batches: 2
      output-tokens: 5
      workload: {generate: "uniform:10-90", batch-size: 8, batches-taken: 2}
      \(lines)
      """, file: "j.yaml", folder: ".")
    return try ResolvedJob(job, file: "j.yaml")
  }

  private func cell(_ resolved: ResolvedJob) throws -> SimulatedCell {
    try SimulatedCell(
      name: "c", resolved: resolved,
      deployment: Deployment(
        resolved, layout: resolved.job.layouts[0],
        hardware: resolved.job.simulation?.hardware[0] ?? ""))
  }

  @Test func `records are the same bytes on any number of threads`() throws {
    let cell = try cell(resolved())
    func bytes(threads: Int) throws -> [[UInt8]] {
      let outputs = WorkerPool.map([0, 1], threads: threads) { batch in
        Result { try cell.run(unit: batch) }
      }
      return try outputs.map { output in
        let output = try output.get()
        return try output.batches.flatMap { try JSONLinesWriter.line($0) }
          + output.ranks.flatMap { try JSONLinesWriter.line($0) }
      }
    }
    let one = try bytes(threads: 1)
    #expect(one.allSatisfy { !$0.isEmpty })
    #expect(try bytes(threads: 2) == one)
  }

  @Test func `every rank's phase is its compute, communication and idle time`() throws {
    let output = try cell(resolved()).run(unit: 0)
    #expect(output.batches.count == 3 && output.ranks.count == 3 * 8 * 2)
    #expect(output.batches.allSatisfy { $0.origin == .modelled && $0.batchTTFTSeconds > 0 })
    for record in output.ranks {
      let sum = record.computeSeconds + record.communicationSeconds + record.idleSeconds
      #expect(abs(sum - record.wallSeconds) < 1e-12)
      #expect(record.computeSeconds > 0)
    }
    let padded = output.batches.first { $0.policy == "right-pad" }
    let packed = output.batches.first { $0.policy == "packed" }
    #expect((padded?.batchTTFTSeconds ?? 0) > (packed?.batchTTFTSeconds ?? 1))
  }

  @Test func `a written cell is read as a finished one`() throws {
    let folder = try TemporaryDirectory()
    let directory = CellDirectory(path: folder.file("c"), name: "c")
    let cell = try cell(resolved())
    try cell.write(
      [try cell.run(unit: 0), try cell.run(unit: 1)], to: directory, arguments: [],
      version: "1", start: "2026-01-01T00:00:00Z")
    #expect(directory.state() == .done)
    let read = try JSONLines.read(BatchRecord.self, path: directory.batches)
    #expect(read.map(\.order) == Array(0..<6))
  }

  @Test func `a batch that does not fit is refused with the numbers`() throws {
    let resolved = try resolved("memory-reserve: 0.9", model: "{preset: qwen2.5-72b}")
    #expect {
      try cell(resolved)
    } throws: {
      ($0 as? SimulationError)?.kind == .memory && "\($0)".contains("reserve 77.31 GB")
        && "\($0)".contains("a device has 85.90 GB")
    }
  }

  @Test func `keys of a job come back from its own text`() throws {
    let job = try resolved("network: pcie5\nnodes: 1\ncache-format: fp8\noverlap: 0.5").job
    let again = try JobFile.parse(job.yaml, file: "again.yaml", folder: ".")
    #expect(again == job)
    #expect(job.simulation?.cacheFormat == "fp8" && job.simulation?.overlap == 0.5)
  }

  @Test func `unknown hardware names the nearest`() throws {
    var resolved = try resolved()
    resolved = try ResolvedJob(
      {
        var job = resolved.job
        job.simulation?.hardware = ["a100-40"]
        return job
      }(), file: "j.yaml")
    #expect {
      try cell(resolved)
    } throws: {
      "\($0)".contains("no hardware 'a100-40'") && "\($0)".contains("a100-40gb")
    }
  }
}
