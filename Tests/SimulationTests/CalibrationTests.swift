import Glibc
import Hardware
import Networks
import Records
import Testing
import Units

@testable import Simulation

@Suite struct CalibrationTests {
  /// A core unlike those that searches begin with.
  private static let truth = Calibration.Parameters(
    logs: Calibration.Parameters.starts[0].logs.enumerated().map { $1 + ($0 % 2 == 0 ? 0.9 : -0.7) }
  )

  /// Cells priced on a device that is known, as if they had been measured.
  /// - Parameters:
  ///   - prompts: of each run.
  ///   - scale: how many times as slow device and links are.
  private func data(
    _ truth: Calibration.Parameters = truth, model: String = "qwen2.5-0.5b, layers: 2, scale: 1/8",
    prompts: [String] = ["uniform:10-90"], batchSize: Int = 4, outputs: Int = 3, scale: Double = 1
  ) throws -> CalibrationData {
    var data = CalibrationData()
    let device = Calibration.accelerator(truth, memory: Bytes(8 << 30), devicesPerNode: 2)
    for (layout, prompts) in prompts.flatMap({ prompts in ["tp1", "tp2"].map { ($0, prompts) } }) {
      let job = try JobFile.parse(
        """
        name: cell
        model: {preset: \(model)}
        layouts: [\(layout)]
        policies: [right-pad, packed]
        output-tokens: \(outputs)
        workload: {generate: "\(prompts)", batch-size: \(batchSize), batches-taken: 3}
        """, file: "j.yaml", folder: ".")
      let resolved = try ResolvedJob(job, file: "j.yaml")
      let deployment = try Deployment(
        model: resolved.model, layout: job.layouts[0], hardware: device,
        network: Network(parsing: "shared-memory"), settings: .init(format: .fp32, reserve: 0))
      let cell = try SimulatedCell(name: layout, resolved: resolved, deployment: deployment)
      let batches = try resolved.batches.indices.flatMap { try cell.run(unit: $0).batches }
        .map { record in
          var record = record
          record.batchTTFTSeconds *= scale
          record.totalSeconds *= scale
          return record
        }
      try data.add(cell: layout, resolved, batches: batches, heldOut: 0.33, seed: 5)
    }
    data.settings = data.settings.map { setting in
      var settings = setting.settings
      settings.linkSpeed /= scale
      return .init(
        model: setting.model, layout: setting.layout, network: setting.network,
        nodes: setting.nodes, settings: settings)
    }
    return data
  }

  private func calibration(_ data: CalibrationData) throws -> Calibration {
    try Calibration(data, memory: Bytes(8 << 30), devicesPerNode: 2)
  }

  @Test func `a device that is known is found again, and its batches left out are met`() throws {
    let data = try data()
    let calibration = try calibration(data)
    #expect(data.rows.count == 12 && data.rows.count { $0.isHeldOut } == 4)
    // Device and links half as fast double every time: another device, met as well.
    for calibration in [calibration, try self.calibration(self.data(scale: 2))] {
      let errors = calibration.lines.filter(\.isHeldOut).map(\.error)
      #expect(errors.count == 8)
      #expect(errors.allSatisfy { abs($0) < 0.03 }, "\(errors)")
    }
  }

  @Test
  func
    `slow attention of narrow heads is told from products, in runs of short and of long prompts`()
    throws
  {
    let truth = Calibration.Parameters(
      logs: [9.5e10, 4.2e9, 3e10, 6.4e8, 1.5e-6, 1e-8, 1e-9, 5e-5, 1e-8].map { log($0) })
    let errors = try calibration(
      data(
        truth, model: "qwen2.5-32b, scale: 1/4096", prompts: ["uniform:16-128", "uniform:8-448"],
        batchSize: 8, outputs: 9)
    ).lines.filter(\.isHeldOut).map(\.error)
    #expect(errors.count == 16)
    #expect(errors.allSatisfy { abs($0) < 0.05 }, "\(errors)")
  }

  @Test func `the file that is written gives the device that was fitted`() throws {
    let calibration = try calibration(data())
    let text = calibration.fileText(
      name: "mine", description: "a core", source: "a test", date: "today",
      network: "shared-memory")
    let device = try Accelerator(parsing: text, file: "hw.yaml")
    let fitted = Calibration.accelerator(
      calibration.parameters, memory: calibration.memory, devicesPerNode: 2)
    for call in [KernelCall.gemm(m: 1, n: 512, k: 512), .gemm(m: 512, n: 512, k: 512)] {
      let read = try device.kernels.time(of: call, in: .fp32).seconds
      #expect(try abs(read / fitted.kernels.time(of: call, in: .fp32).seconds - 1) < 1e-3)
    }
    #expect(abs(device.overheads.step / fitted.overheads.step - 1) < 1e-3)
    #expect(device.sources["efficiency"] == NumberSource(source: "a test", date: "today"))
  }

  @Test func `runs without a batch are refused`() {
    #expect(throws: SimulationError.self) { try calibration(CalibrationData()) }
  }
}
