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
    _ request: (_ ranks: Int) throws -> NetbenchRequest, output: Output, limit: StepLimit,
    fault: NetbenchFault?, arguments: [String]
  ) throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    defer { _ = environment.threads }
    // Nothing is recorded: the ledger says which call a rank is in.
    let world = try Communicator.world(
      label: Traffic.control, ledger: TrafficLedger(capacity: 1, isRecording: false))
    return RankLaunch.guarding(rank: world.rank) {
      let start = utc()
      let request = try world.together("arguments") {
        do { return try request(world.size) } catch {
          throw InferenceError(.badInput, "\(error)")
        }
      }
      let activity = RankActivity()
      let watchdog = try Watchdog(activity, limit: limit, name: "netbench", world: world)
      defer { watchdog?.stop() }
      activity.isMeasuring = true
      activity.awaitOthers(steps: 0)
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
      let began = MonotonicClock.nanoseconds()
      let leftOut = try measure(
        request, groups, world: world, activity: activity, fault: fault,
        progress: { done, total, stage in
          guard output.isMachineReadable, world.rank == 0 else { return }
          let line = ProgressLine(
            layout: "\(request.ranks) ranks", stage: "netbench", policy: stage, batch: nil,
            done: done, total: total,
            elapsedSeconds: Double(MonotonicClock.nanoseconds() - began) / 1e9)
          StandardStream.output.line(ProgressLine.prefix + (try JSONText.line(line)))
        }
      ) { result in
        results.append(result)
        guard isTable else { return }
        for line in table.lines(result) { StandardStream.output.line(line) }
      }
      activity.rest()
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
    activity: RankActivity, fault: NetbenchFault?,
    progress: (_ done: Int, _ total: Int, _ stage: String) throws -> Void,
    result: (NetbenchResult) -> Void
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
    // Operations and sizes, those of sizes that are left out too.
    let total = groups.reduce(0) { sum, set in
      sum + request.sizes(on: set).reduce(0) { $0 + $1.count }
    }
    var done = 0
    for set in groups {
      let group = set.groups.firstIndex { $0.contains(world.rank) }
      // Ranks outside all groups are one of their own, which does nothing.
      let own = try world.split(
        color: group ?? set.groups.count, key: world.rank, label: Traffic.group)
      guard let own else { preconditionFailure("a coloured split gives a group") }
      let measurement = GroupMeasurement(
        request: request, groups: set, isMember: group != nil, activity: activity, fault: fault,
        input: input, output: output)
      for (operation, count) in request.sizes(on: set) {
        let stage = "\(operation.rawValue) on \(set.name)"
        let before = done
        try progress(done, total, stage)
        let first = try measurement.run(operation, world: world, own: own) { row in
          done += 1
          try progress(done, total, stage)
          result(row)
        }
        done = before + count
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

extension NetbenchRequest {
  /// Operations that are measured on these groups, each with its number of sizes.
  fileprivate func sizes(on set: RankGroups) -> [(operation: MeasuredOperation, count: Int)] {
    operations.filter { ($0 == .pingPong) == set.isPairs }
      .map { ($0, ladder.extents(of: $0, ranks: set.ranks).count) }
  }
}
