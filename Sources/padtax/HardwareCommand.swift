import ArgumentParser
import Hardware
import Records
import Simulation
import Units

/// Shows the devices that simulations can name, and fits kernels to measurements.
struct HardwareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hardware",
    abstract: "List the devices that can be simulated, show one with its sources, fit kernels.",
    discussion: """
      Examples:
        padtax hardware
        padtax hardware h100
        padtax hardware fit tables --device h100 --out kernels.json
      """,
    subcommands: [Show.self, Fit.self], defaultSubcommand: Show.self)

  /// Runs `body`; what is wrong with hardware is bad input.
  fileprivate static func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch let error as HardwareError { throw RecordError("\(error)") }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the catalogue, or show a device's numbers and their sources (the default).")

    @Argument(help: "A device: NAME or FILE.yaml.") var device: String?

    func run() throws {
      try HardwareCommand.reporting {
        guard let device else { return try list() }
        show(try HardwareCatalogue.accelerator(device))
      }
    }

    private func list() throws {
      let formats: [NumberFormat] = [.fp32, .bf16, .fp8, .fp4]
      let names = HardwareCatalogue.names
      let width = 2 + (names.map(\.count).max() ?? 0)
      Terminal.line(
        "device".padded(to: width, alignment: .leading) + "memory".padded(to: 9)
          + "bandwidth".padded(to: 12) + "  TFLOP/s:"
          + formats.map { $0.rawValue.padded(to: 8) }.joined() + "  kernels  network of a node")
      for name in names {
        let device = try HardwareCatalogue.accelerator(name)
        let peaks = formats.map { format in
          (device.peaks[format].map { ($0 / 1e12).significant(4) } ?? "-").padded(to: 8)
        }
        Terminal.line(
          name.padded(to: width, alignment: .leading) + "\(device.memory)".padded(to: 9)
            + "\(Bandwidth(device.bandwidth))".padded(to: 12) + "          " + peaks.joined()
            + "  \(kernels(device).padded(to: 9, alignment: .leading))"
            + "\(device.devicesPerNode) x \(device.nodeLink)")
      }
      Terminal.line(
        "kernels: table = measured on it; carried = another device's tables, scaled by the rooflines; "
          + "roofline = only the data sheet is known")
      Terminal.line(
        "this machine: padtax calibrate RUN... --out FILE.yaml makes a file that jobs name instead")
    }

    private func kernels(_ device: Accelerator) -> String {
      guard device.tables != nil else { return "roofline" }
      return device.isCarriedOver ? "carried" : "table"
    }

    private func show(_ device: Accelerator) {
      func line(_ what: String, _ key: String, _ value: String) {
        let source = device.sources[key].map { " (\($0.source); \($0.date))" } ?? ""
        Terminal.line("  \(what): \(value)\(source)")
      }
      Terminal.line("\(device.name): \(device.description)")
      line("memory", "memory-gib", "\(device.memory)")
      line("bandwidth", "bandwidth-gbps", "\(Bandwidth(device.bandwidth))")
      let peaks = NumberFormat.allCases.compactMap { format in
        device.peaks[format].map { "\(format.rawValue) \(FLOPRate($0))" }
      }
      line("dense peak", "peak-tflops", peaks.joined(separator: ", "))
      line("devices of a node", "devices-per-node", "\(device.devicesPerNode)")
      line("network", "links", device.network)
      line("kernels", "kernels", device.kernelSource)
      for surface in device.tables?.surfaces ?? [] {
        let knots = surface.axes.map { "\($0.knots.count)" }.joined(separator: " x ")
        Terminal.line(
          "    \(surface.operation.rawValue) \(surface.format.rawValue): \(knots) knots over "
            + surface.operation.columns.joined(separator: ", ") + ", fitted to \(surface.rows) rows"
        )
      }
      let share = device.efficiency
      line(
        "without a table", "efficiency",
        "\(Percentage(share.gemm)) of the peak in products, \(Percentage(share.attention)) in "
          + "attention; \(Percentage(share.memory)) and \(Percentage(share.attentionMemory)) of the "
          + "bandwidth; a launch \(Seconds(share.launch)), of attention "
          + "\(Seconds(share.attentionLaunch))")
      let engine = device.overheads
      line(
        "engine overheads", "overhead-us",
        "step \(Seconds(engine.step)), sequence \(Seconds(engine.perSequence)), collective "
          + "\(Seconds(engine.perCollective)), kernel \(Seconds(engine.perKernel))")
    }
  }

  struct Fit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Fit kernels to measured tables; print how well rows left out are met.")

    @Argument(help: "Folder with tables such as gemm_bf16.csv, or one table.") var tables: String
    @Option(help: "The device that was measured; its peaks and bandwidth normalise the rows.")
    var device: String
    @Option(help: "Hands that the rows are dealt into for cross-validation.") var folds = 10
    @Option(help: "Seed of the dealing.") var seed: UInt64 = 1
    @Option(help: "Name of the kernels.") var name = "fitted"
    @Option(help: "Where the rows come from.") var source = "measured tables"
    @Option(help: "When they were measured.") var date = "unknown"
    @Option(help: "Write the fitted kernels here, as JSON.") var out: String?

    func run() throws {
      try HardwareCommand.reporting {
        let accelerator = try HardwareCatalogue.accelerator(device)
        let roofline = KernelRoofline(
          peaks: accelerator.peaks, bandwidth: accelerator.bandwidth)
        let fit = KernelFit(try KernelMeasurements.read(tables), roofline: roofline)
        let surfaces = try fit.surfaces()
        for (table, surface) in zip(fit.tables, surfaces) {
          try report(table, surface, roofline)
        }
        guard let out else { return }
        let fitted = KernelTables(
          name: name, source: source, date: date, roofline: roofline,
          efficiency: fit.efficiency(fallback: accelerator.efficiency), surfaces: surfaces)
        try AtomicFile.write(fitted.fileText, to: out)
        Terminal.line("written: \(out)")
      }
    }

    private func report(
      _ table: KernelMeasurements, _ surface: KernelSurface, _ roofline: KernelRoofline
    ) throws {
      guard (2...table.rows.count).contains(folds) else {
        throw RecordError(
          "--folds must be 2 to \(table.rows.count), the rows of \(table.name); found \(folds)")
      }
      let errors = try KernelFit.crossValidation(
        table, roofline: roofline, folds: folds, seed: seed, axes: surface.axes)
      let knots = surface.axes.map { "\($0.knots.count)" }.joined(separator: " x ")
      Terminal.line(
        "\(table.name): \(knots) knots; rows left out (\(folds) folds, seed \(seed)): "
          + (ErrorSummary(errors)?.description ?? "no finite errors"))
    }
  }
}
