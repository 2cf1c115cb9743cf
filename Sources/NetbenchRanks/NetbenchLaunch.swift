import FoundationEssentials
import Inference
import MPI
import Netbench
import Records

/// What `padtax-rank netbench` does: measures all operations on all groups and reports on rank 0.
public struct NetbenchLaunch {
  /// Where rank 0 puts what it found.
  public struct Output: Sendable {
    /// The table on standard output, as it grows.
    public var showsTable: Bool
    /// The report on one line of standard output, for the program that launched the ranks.
    public var isMachineReadable: Bool
    /// A file for the report.
    public var path: String?

    public init(showsTable: Bool, isMachineReadable: Bool, path: String?) {
      self.showsTable = showsTable
      self.isMachineReadable = isMachineReadable
      self.path = path
    }
  }

  /// Measures and returns the exit code: 3 where data came out wrong. Collective.
  /// - Parameter request: made from the ranks that the launch has.
  public static func run(
    _ request: (_ ranks: Int) throws -> NetbenchRequest, output: Output, fault: NetbenchFault?,
    arguments: [String]
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    let world = try Communicator.world(label: Traffic.control)
    return RankLaunch.guarding(rank: world.rank) {
      let start = utc()
      let request = try world.together("arguments") {
        do { return try request(world.size) } catch {
          throw InferenceError(.badInput, "\(error)")
        }
      }
      let survey = try HostSurvey(world)
      let groups = RankGroups.all(layout: request.layout, hosts: survey.hosts)
      let configuration = NetbenchReport.Configuration(
        request, devices: survey.devices, groups: groups)
      let isTable = output.showsTable && world.rank == 0
      var warnings = survey.warnings
      if isTable {
        for line in NetbenchTable.opening(configuration, warnings: warnings) {
          StandardStream.output.line(line)
        }
      }
      var table = NetbenchTable()
      var results: [NetbenchResult] = []
      let leftOut = try measure(request, groups, world: world, fault: fault) { result in
        results.append(result)
        guard isTable else { return }
        for line in table.lines(result) { StandardStream.output.line(line) }
      }
      warnings += leftOut
      for note in leftOut where isTable { StandardStream.output.line("note: \(note)") }
      guard world.rank == 0 else { return }
      let report = NetbenchReport(
        startTime: start, endTime: utc(), args: arguments,
        mpiLibrary: MPIEnvironment.libraryVersion, cpuModel: survey.cpuModel,
        hosts: Set(survey.hosts).count, oversubscribed: survey.oversubscribed,
        warnings: warnings, config: configuration, results: results)
      if let path = output.path { try AtomicFile.write(JSONText.pretty(report), to: path) }
      if output.isMachineReadable {
        StandardStream.output.line(NetbenchReport.linePrefix + (try JSONText.line(report)))
      }
    }
  }

  /// Measures everything; results arrive on rank 0. Returns sentences about sizes left out, the same
  /// on all ranks. Collective.
  private static func measure(
    _ request: NetbenchRequest, _ groups: [RankGroups], world: borrowing Communicator,
    fault: NetbenchFault?, result: (NetbenchResult) -> Void
  ) throws -> [String] {
    let largest = request.ladder.maximum / 4 + world.size
    let input = UnsafeMutableBufferPointer<Float>.allocate(capacity: largest)
    let output = UnsafeMutableBufferPointer<Float>.allocate(capacity: largest)
    defer {
      input.deallocate()
      output.deallocate()
    }
    input.initialize(repeating: 0)
    output.initialize(repeating: 0)
    var leftOut: [String] = []
    for set in groups {
      let group = set.groups.firstIndex { $0.contains(world.rank) }
      // Ranks outside all groups are one of their own, which does nothing.
      let own = try world.split(
        color: group ?? set.groups.count, key: world.rank, label: Traffic.control)
      guard let own else { preconditionFailure("a coloured split gives a group") }
      let measurement = GroupMeasurement(
        request: request, groups: set, isMember: group != nil, fault: fault, input: input,
        output: output)
      for operation in request.operations where (operation == .pingPong) == set.isPairs {
        let first = try measurement.run(operation, world: world, own: own, result: result)
        if let first {
          leftOut.append(
            "\(operation.rawValue) on \(set.name): sizes from \(first) bytes were left out, because "
              + "they take too long (--seconds)")
        }
      }
    }
    return leftOut
  }

  private static func utc() -> String { Date().formatted(.iso8601) }
}
