import Records
import Reporting
import Testing

/// A cell `tp2pp2` on two nodes of two ranks, all alike: stage 0 on n0, stage 1 on n1.
private struct Cluster {
  var executions = 4
  var ranks = 4
  /// Ranks of each node; a stage has two.
  var ranksPerNode = 2
  var factors: [Int: Double] = [:]
  var absent: Set<Int> = []
  var isCrowded = false
  var origin = Origin.measured
  var policies = ["packed"]

  var cell: CellContents {
    let batches = policies.flatMap { policy in
      (0..<executions).map { turn in
        var batch = Fixture.batch(policy, turn: turn, ttft: 1, total: 2, crowded: isCrowded)
        batch.origin = origin
        return batch
      }
    }
    let records = policies.flatMap { policy in
      (0..<executions).flatMap { turn in
        (0..<ranks).filter { !absent.contains($0) }.map { rank in
          // The phase lasts as long as the slowest rank; who is faster waits.
          let busy = 0.1 * (factors[rank] ?? 1)
          var record = Fixture.rank(
            policy, "decode", rank: rank, wall: 1, compute: busy, communication: 0)
          record.repeatIndex = turn
          record.stage = rank * 2 / ranks
          record.origin = origin
          return record
        }
      }
    }
    var provenance = Fixture.provenance(crowded: isCrowded)
    let facts = provenance.ranks[0]
    provenance.ranks = (0..<ranks).map { rank in
      var own = facts
      own.rank = rank
      own.host = "n\(rank / ranksPerNode)"
      return own
    }
    return CellContents(
      name: "c", state: .done, provenance: provenance,
      verifications: policies.map { Fixture.verification($0) }, batches: batches, ranks: records)
  }

  var audit: [String] { Fixture.summary(cell).audit }
}

@Suite struct AuditTests {
  @Test("a whole run has nothing to say")
  func whole() { #expect(Cluster().audit == []) }

  @Test("ranks without records are named with their nodes")
  func missingRanks() {
    var cluster = Cluster()
    cluster.ranks = 8
    cluster.absent = [2, 3, 4, 7]
    #expect(
      cluster.audit == ["c: no records of 4 of 8 ranks: ranks 2-4, 7 on n1, n2, n3"])
    cluster.absent = Set(0..<8)
    #expect(
      cluster.audit == ["c: no records of 8 of 8 ranks: ranks 0-7 on n0, n1, n2, n3"])
    var cell = Cluster(absent: [3]).cell
    cell.provenance = nil
    cell.batches = cell.batches.map {
      var batch = $0
      batch.layout = "tp2pp2"
      return batch
    }
    #expect(Fixture.summary(cell).audit == ["c: no records of 1 of 4 ranks: rank 3"])
  }

  @Test("ranks with fewer executions than others of their stage are named, in whole cells")
  func incomplete() {
    var cell = Cluster().cell
    var records: [RankRecord] = []
    for turn in 0..<4 {
      for rank in 0..<4 where turn < 3 || rank != 1 {
        var record = Fixture.rank(
          "packed", "decode", rank: rank, wall: 1, compute: 0.1, communication: 0)
        record.repeatIndex = turn
        record.stage = rank / 2
        records.append(record)
      }
    }
    cell.ranks = RankRecords(records)
    #expect(
      Fixture.summary(cell).audit == [
        "c: records are missing of rank 1 on n0: 3 of 4 in decode of packed"
      ])
    cell.state = .ready
    #expect(
      Fixture.summary(cell).audit == [
        "c: was stopped before it finished; what it had measured is kept"
      ])
  }

  @Test("cells that never ran are named in one sentence")
  func absentCells() {
    let cells = [Cluster().cell] + ["a", "b"].map { CellContents(name: $0, state: nil) }
    let summary = Summary(RunContents(identifier: "r", run: nil, job: nil, cells: cells))
    #expect(summary.audit == ["2 of 3 cells did not run: a, b"])
    #expect(summary.warnings.first == summary.audit.first)
  }

  @Test("a rank busy for more than 1.5 times its stage's median is a straggler")
  func straggler() {
    var cluster = Cluster()
    cluster.ranks = 16
    cluster.factors = [1: 1.51, 2: 1.49, 14: 3]
    cluster.policies = ["packed", "left-pad"]
    #expect(
      cluster.audit == [
        "c: straggler: rank 1 on n0: decode takes 1.51 times the median of its stage without its "
          + "waits (stage 0, left-pad, 4 executions)",
        "c: straggler: rank 14 on n7: decode takes 3.00 times the median of its stage without its "
          + "waits (stage 1, left-pad, 4 executions)",
      ])
    cluster.executions = 2
    #expect(cluster.audit == [], "too few executions")
    cluster.executions = 3
    #expect(cluster.audit.count == 2)
  }

  @Test("a node whose ranks are all slow is one straggler")
  func slowNode() {
    var cluster = Cluster()
    cluster.ranks = 12
    cluster.factors = [2: 2, 3: 4, 7: 2]
    #expect(
      cluster.audit == [
        "c: straggler: node n1: all its ranks (2-3): decode takes 2.00 to 4.00 times the median of "
          + "their stages without its waits (stage 0, packed, 4 executions)",
        "c: straggler: rank 7 on n3: decode takes 2.00 times the median of its stage without its "
          + "waits (stage 1, packed, 4 executions)",
      ])
  }

  @Test("times of ranks that share cores tell nothing, those of the virtual clock do")
  func crowded() {
    var cluster = Cluster()
    cluster.ranks = 8
    cluster.factors = [1: 2]
    cluster.isCrowded = true
    #expect(!cluster.audit.contains { $0.contains("straggler") })
    cluster.origin = .virtual
    #expect(cluster.audit.count { $0.contains("straggler") } == 1)
  }

  @Test("two builds, versions, commits or MPI libraries in one study are named with their cells")
  func builds() throws {
    func contents(_ change: (inout Provenance) -> Void) -> RunContents {
      var contents = StudyFixture(ratios: [0.2], spreads: [0.2], repeats: 1).contents
      for index in contents.cells.indices {
        contents.cells[index].provenance?.commit = "abc"
        contents.cells[index].provenance?.dirty = false
      }
      if var provenance = contents.cells[1].provenance {
        change(&provenance)
        contents.cells[1].provenance = provenance
      }
      return contents
    }
    func audit(_ change: (inout Provenance) -> Void) -> [String] {
      Summary(contents(change)).audit
    }
    #expect(audit { _ in } == [])
    #expect(
      audit { $0.commit = "def" } == [
        "2 different commits in one study: abc (tp1, pp2), def (tp2)"
      ])
    #expect(
      audit { $0.dirty = true } == [
        "2 different commits in one study: abc (tp1, pp2), abc with changes (tp2)"
      ])
    #expect(
      audit { $0.padtaxVersion = "9" } == [
        "2 different versions of padtax in one study: 0 (tp1, pp2), 9 (tp2)"
      ])
    #expect(
      audit { $0.mpiLibrary = "MPICH 4, x" } == [
        "2 different MPI libraries in one study: Open MPI v4.1.4 (tp1, pp2), MPICH 4 (tp2)"
      ])
    var forced = contents { _ in }
    forced.run?.forced = ["padtax-rank changed"]
    #expect(Summary(forced).audit == ["padtax-rank changed"])

    var (a, b) = (contents { _ in }, contents { _ in })
    b.identifier = "later"
    a.run?.binary = "1"
    b.run?.binary = "2"
    let joined = Summary(joining: [Summary(a), Summary(b)], runs: [a, b])
    #expect(
      joined.audit == [
        "2 different builds of padtax-rank in one study: 1 (20261121T113000Z), 2 (later)"
      ])
    b.run?.binary = "1"
    #expect(Summary(joining: [Summary(a), Summary(b)], runs: [a, b]).audit == [])
  }

  @Test("it stands above the answer and the tables, and is not said twice")
  func top() throws {
    let cell = Cluster(absent: [3]).cell
    let contents = RunContents(identifier: "r", run: nil, job: nil, cells: [cell])
    let summary = Summary(contents)
    let sentence = try #require(summary.audit.first)
    let page = try HTMLReport(summary, runs: [contents]).page(bundle: nil)
    let texts = [
      (summary.text(width: 200), "THROUGHPUT"), (summary.markdown, "**Latency"),
      (page, "id=\"answer\""),
    ]
    for (text, later) in texts {
      let parts = text.split(separator: sentence, omittingEmptySubsequences: false)
      #expect(parts.count == 2 && !parts[0].contains(later) && parts[1].contains(later))
    }
  }
}
