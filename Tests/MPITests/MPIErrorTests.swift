import Testing

@testable import MPI

@Suite struct MPIErrorTests {
  @Test func theDescriptionNamesCallPlacePeerAndText() {
    let error = MPIError(
      operation: "MPI_Send", code: 6, text: "invalid rank", communicator: "tensor (rank 0 of 2)",
      peer: 7)
    #expect(
      error.description
        == "MPI_Send on tensor (rank 0 of 2), peer rank 7: invalid rank (code 6)")
    let bare = MPIError(
      operation: "MPI_Init_thread", code: 1, text: "no", communicator: nil, peer: nil)
    #expect(bare.description == "MPI_Init_thread: no (code 1)")
  }

  @Test func withoutAnEnvironmentACommunicatorIsAnError() {
    #expect(!MPIEnvironment.isRunning)
    do throws(MPIError) {
      _ = try Communicator.world(label: CommunicatorLabel(raw: 1, name: "world"))
      Issue.record("a communicator without an environment")
    } catch {
      #expect(error.text.contains("create an MPIEnvironment first"))
    }
  }

  @Test func theLibraryAndStandardAreKnownWithoutAnEnvironment() {
    #expect(MPIEnvironment.libraryVersion.contains("MPI"))
    #expect(MPIEnvironment.standardVersion.contains("."))
  }
}

@Suite struct TrafficEventTests {
  @Test func anEventTakes56Bytes() {
    #expect(MemoryLayout<TrafficEvent>.stride == 56)
  }

  @Test func theClockDoesNotRunBackwards() {
    let times = (0..<100).map { _ in MonotonicClock.nanoseconds() }
    #expect(times == times.sorted())
    #expect(times[0] > 0)
  }

  @Test func recordedEventsSurviveGrowth() {
    let ledger = TrafficLedger(capacity: 1)
    for i in 0..<9 {
      ledger.context.units = Int32(i)
      ledger.record(.send, .double, label: 3, peer: Int32(i), count: i, start: 1, end: 2)
    }
    let events = ledger.events()
    #expect(events.map(\.peer) == (0..<9).map { Int32($0) })
    #expect(events.map(\.bytes) == (0..<9).map { $0 * 8 })
    #expect(events.map(\.context.units) == (0..<9).map { Int32($0) })
    #expect(events.allSatisfy { $0.start == 1 && $0.end == 2 })
    #expect(ledger.capacity == 16)
  }
}

@Suite struct MPIEnvironmentTests {
  @Test func aProcessIsAloneIfNoLauncherSaysOtherwise() {
    func isAlone(_ variables: [String: String]) -> Bool {
      MPIEnvironment.isAlone { variables[$0] }
    }
    #expect(isAlone([:]) && isAlone(["SLURM_JOB_ID": "7"]))
    #expect(isAlone(["OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"]))
    #expect(!isAlone(["OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "0"]))
    for name in ["PMIX_RANK", "PMI_RANK", "SLURM_PROCID"] { #expect(!isAlone([name: "0"])) }
  }
}
