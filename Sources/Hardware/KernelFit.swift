import Statistics

/// Fits a device's kernels to tables of measurements, and says how well.
public struct KernelFit: Sendable {
  public let roofline: KernelRoofline
  public let tables: [KernelMeasurements]

  /// - Parameter roofline: the data sheet's rates of the device that was measured.
  public init(_ tables: [KernelMeasurements], roofline: KernelRoofline) {
    precondition(!tables.isEmpty, "a fit has a table")
    self.tables = tables
    self.roofline = roofline
  }

  /// One surface for each table.
  public func surfaces() throws(HardwareError) -> [KernelSurface] {
    var surfaces: [KernelSurface] = []
    for table in tables {
      let axes = try Self.axes(for: table, roofline: roofline)
      surfaces.append(try KernelSurface(fitting: table, roofline: roofline, axes: axes))
    }
    return surfaces
  }

  /// Errors of a table's rows (predicted over measured − 1), each by a surface fitted without it.
  ///
  /// - Parameters:
  ///   - folds: hands that the rows are dealt into; 2 or more.
  ///   - seed: of the dealing.
  ///   - axes: knots of each fit, as `axes(for:roofline:)` finds them.
  public static func crossValidation(
    _ table: KernelMeasurements, roofline: KernelRoofline, folds: Int, seed: UInt64,
    axes: [KnotAxis]
  ) throws(HardwareError) -> [Double] {
    precondition(folds >= 2 && folds <= table.rows.count, "each fold has a row")
    let order = CounterRandom(seed: seed).permutation(count: table.rows.count)
    var fold = [Int](repeating: 0, count: order.count)
    for (place, row) in order.enumerated() { fold[row] = place % folds }
    var predicted = [Double](repeating: 0, count: order.count)
    for hand in 0..<folds {
      let kept = zip(table.rows, fold).filter { $1 != hand }.map(\.0)
      let surface = try KernelSurface(
        fitting: KernelMeasurements(
          operation: table.operation, format: table.format, rows: kept, name: table.name),
        roofline: roofline, axes: axes)
      let model = TableModel(
        [surface],
        roofline: RooflineModel(
          name: table.name, peaks: roofline.peaks, bandwidth: roofline.bandwidth,
          efficiency: .ideal))
      for (row, measured) in table.rows.enumerated() where fold[row] == hand {
        predicted[row] = try model.time(of: measured.call, in: table.format).seconds
      }
    }
    return zip(predicted, table.rows).map { $0 / $1.seconds - 1 }
  }
}
