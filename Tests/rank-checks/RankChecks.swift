import Glibc
import MPI

/// Checks of the MPI module that need ranks: `mpirun -np N rank-checks`, N from 1 to 4.
///
/// One line for each check, then a count; exit code 1 when one failed. The other modes misbehave on
/// purpose, so that a test can watch: `abort CODE`, `hang`, `drop-request`, `end-early`, `test-clocked`.
@main
enum RankChecks {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    do throws(MPIError) {
      let failures = try run(mode: arguments.first ?? "all", value: arguments.last ?? "")
      // All owners of MPI handles ended with `run`, so MPI is finalised here.
      if MPIEnvironment.isRunning {
        print("FAIL - MPI is still running after its environment went out of scope")
        exit(1)
      }
      exit(failures == 0 ? 0 : 1)
    } catch {
      print("FAIL - unexpected error: \(error)")
      fflush(nil)
      MPIEnvironment.abort(code: 1)
    }
  }

  static func run(mode: String, value: String) throws(MPIError) -> Int {
    let environment = try MPIEnvironment(threads: .funneled)
    let ledger = TrafficLedger(capacity: 4)
    let world = try Communicator.world(label: .world, ledger: ledger)
    switch mode {
    case "all": return try all(environment, world, ledger)
    case "abort":
      if world.rank == world.size - 1 { MPIEnvironment.abort(code: Int32(value) ?? 99) }
      while true { sleep(1) }
    case "hang":
      while true { sleep(1) }
    case "drop-request":
      // Must trap: the receive can never finish.
      var landing: Int32 = 0
      try withUnsafeMutablePointer(to: &landing) { (pointer) throws(MPIError) -> Void in
        _ = try world.startReceive(
          into: UnsafeMutableBufferPointer(start: pointer, count: 1), from: world.rank)
      }
      return 0
    case "test-clocked":
      // Must trap: what has really arrived must not decide what happens in virtual time.
      let clock = VirtualClock(rank: world.rank, costs: .simple)
      let clocked = try world.duplicate(label: .copy, clock: clock)
      let landing = Landing<Int32>([1])
      var request = try clocked.startSend(landing.constant, to: world.rank)
      _ = try request.test()
      return 0
    case "end-early":
      if world.rank == world.size - 1 { kill(getpid(), SIGKILL) }
      while true { sleep(1) }
    default:
      print(
        "FAIL - unknown mode \(mode); valid: all, abort CODE, hang, drop-request, end-early, "
          + "test-clocked")
      return 1
    }
  }

  private static func all(
    _ environment: borrowing MPIEnvironment, _ world: borrowing Communicator,
    _ ledger: TrafficLedger
  ) throws(MPIError) -> Int {
    let checks = Checks(control: try Communicator.world(label: .control))
    try checkEnvironment(environment, world, checks)
    try checkElement(Float.self, world, checks)
    try checkElement(Double.self, world, checks)
    try checkElement(Int32.self, world, checks)
    try checkElement(Int64.self, world, checks)
    try checkElement(UInt8.self, world, checks)
    try checkElement(UInt64.self, world, checks)
    try checkElement(BFloat16Word.self, world, checks)
    try checkRounding(world, checks)
    try checkMessages(world, checks)
    try checkRequests(world, checks)
    try checkGroups(world, checks)
    try checkErrors(world, checks)
    try checkLedger(world, ledger, checks)
    try checkClock(world, checks)
    return checks.finish()
  }
}

extension CommunicatorLabel {
  static let world = CommunicatorLabel(raw: 1, name: "world")
  static let control = CommunicatorLabel(raw: 2, name: "control")
  static let part = CommunicatorLabel(raw: 3, name: "part")
  static let copy = CommunicatorLabel(raw: 4, name: "copy")
  static let own = CommunicatorLabel(raw: 5, name: "self")
}
