import ArgumentParser
import Networks
import Records
import Statistics
import Units

/// Shows the link classes that networks are made of, and makes new ones from measurements.
struct NetworksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "networks",
    abstract: "List the networks that jobs can name, show what one costs, fit one to a sweep.",
    discussion: """
      Examples:
        padtax networks
        padtax networks nvlink4-h100+infiniband-ndr400 --ranks 16 --nodes 2
        padtax networks fit nccl_half.csv --name mine --out mine.json
      """,
    subcommands: [Show.self, Fit.self], defaultSubcommand: Show.self)

  /// Runs `body`; what is wrong with a network is bad input.
  fileprivate static func reporting(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as NetworkError {
      throw RecordError("\(error)")
    } catch let error as StatisticsError {
      throw RecordError("\(error)")
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the catalogue, or show a network's links and times (the default).")

    @Argument(help: "A network, as jobs write it: NAME, NAME+NAME, FILE.json.") var network: String?
    @Option(help: "Ranks of the collectives.") var ranks = 4
    @Option(help: "Nodes that the ranks fill in blocks.") var nodes = 1

    func run() throws {
      try NetworksCommand.reporting {
        guard let network else { return try list() }
        try show(Network(parsing: network))
      }
    }

    private func list() throws {
      let names = Catalogue.names
      let width = 2 + (names.map(\.count).max() ?? 0)
      Terminal.line(
        "link".padded(to: width, alignment: .leading) + "latency".padded(to: 10)
          + "bandwidth".padded(to: 12) + "  what")
      for name in names {
        let link = try Catalogue.link(name)
        Terminal.line(
          name.padded(to: width, alignment: .leading) + "\(Seconds(link.latency))".padded(to: 10)
            + "\(Bandwidth(link.bandwidth))".padded(to: 12) + "  \(link.description)")
      }
    }

    private func show(_ network: Network) throws {
      let placement = try network.nodeIndices(ranks: ranks, nodes: nodes)
      for link in [network.intraNode, network.interNode].compactMap(\.self) { describe(link) }
      let place = nodes == 1 ? "on one node" : "on \(nodes) nodes"
      Terminal.line("\(ranks) ranks \(place): time (bus bandwidth) by nccl-tests' size")
      let columns = CollectiveKind.allCases.map { $0.rawValue.padded(to: 22) }.joined()
      Terminal.line("size".padded(to: 10) + "send".padded(to: 11) + columns)
      for exponent in stride(from: 11, through: 29, by: 3) {
        let bytes = 1 << exponent
        let send = network.sendSeconds(bytes: bytes, sameNode: nodes == 1)
        let cells = CollectiveKind.allCases.map { kind in
          let seconds = network.collectiveSeconds(kind, bytes: bytes, nodes: placement)
          guard ranks > 1 else { return "-".padded(to: 22) }
          let busBandwidth = kind.busBandwidth(bytes: bytes, seconds: seconds, ranks: ranks)
          return "\(Seconds(seconds)) (\(Bandwidth(busBandwidth)))".padded(to: 22)
        }
        Terminal.line(
          "\(Bytes(bytes))".padded(to: 10) + "\(Seconds(send))".padded(to: 11) + cells.joined())
      }
    }

    private func describe(_ link: Link) {
      Terminal.line("\(link.name): \(link.description)")
      Terminal.line("  source: \(link.source) (\(link.date))")
      for (key, source) in link.sources.sorted(by: { $0.key < $1.key }) {
        Terminal.line("  \(key): \(source.source) (\(source.date))")
      }
      Terminal.line(
        "  latency \(Seconds(link.latency))"
          + (link.overhead > 0 ? " after \(Seconds(link.overhead)) for each operation" : "")
          + ", bandwidth \(Bandwidth(link.bandwidth)) each way"
          + (link.peerBandwidth < link.bandwidth
            ? ", \(Bandwidth(link.peerBandwidth)) to one peer" : "")
          + (link.sharedByNode ? ", shared by the node's ranks" : ""))
    }
  }

  struct Fit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fit a link file to a sweep of measured collectives; print how well rows left out "
        + "are met.")

    @Argument(help: "CSV with the columns op_name,num_gpus,latency_ms,message_bytes.")
    var sweep: String
    @Option(help: "Hands that the rows are dealt into for cross-validation.") var folds = 10
    @Option(help: "Seeds of the dealing, one line each.") var seeds: [UInt64] = [1, 2, 3]
    @Option(help: "Name of the link.") var name = "fitted"
    @Option(help: "What the link is.") var description = "fitted to a sweep"
    @Option(help: "Where the sweep comes from.") var source = "a sweep"
    @Option(help: "When it was measured.") var date = "unknown"
    @Option(help: "Write the link file here.") var out: String?

    func run() throws {
      try NetworksCommand.reporting {
        let rows = try CollectiveSweep(contentsOf: sweep)
        guard (2...rows.rows.count).contains(folds) else {
          throw RecordError("--folds must be 2 to \(rows.rows.count) (the rows), found \(folds)")
        }
        for seed in seeds {
          let interpolated = try rows.crossValidation(folds: folds, seed: seed)
          let tables = try rows.linkCrossValidation(folds: folds, seed: seed)
          Terminal.line("\(folds) folds, seed \(seed):")
          report("interpolated", interpolated)
          report("through a link's tables", tables)
        }
        guard let out else { return }
        let link = try rows.link(
          name: name, description: description, source: source, date: date)
        try AtomicFile.write(link.fileText, to: out)
        Terminal.line("written: \(out)")
      }
    }

    private func report(_ what: String, _ result: CollectiveSweep.CrossValidation) {
      Terminal.line(
        "  \(what), \(result.errors.count) rows: median error \(Percentage(result.median)), "
          + "95th percentile \(Percentage(result.percentile95))")
    }
  }
}
