import Statistics

extension KernelFit {
  /// The most knots of each axis, from coarse to fine.
  private static func ladder(_ operation: KernelOperation) -> [[Int]] {
    switch operation {
    case .gemm: [[11, 11, 6], [21, 11, 7], [21, 21, 7]]
    case .prefillAttention: [[5, 9, 4, 3], [5, 11, 6, 5]]
    case .decodeAttention: [[6, 9, 4, 4], [12, 9, 4, 4], [12, 9, 6, 4]]
    }
  }

  /// The coarsest knots that serve rows left out nearly as well as finer ones.
  ///
  /// Coarser is smaller, and closer to the truth where rows are few. Judged by the sum of median and
  /// a quarter of the 90th percentile over five folds; nearly is within 15 % of the best.
  public static func axes(
    for table: KernelMeasurements, roofline: KernelRoofline
  ) throws(HardwareError) -> [KnotAxis] {
    let points = table.rows.map(\.call.point)
    let choices = ladder(table.operation).map { limits in
      limits.enumerated().map { axis, limit in
        KnotAxis.spread(over: points.map { Int($0[axis]) }, count: limit)
      }
    }
    guard table.rows.count >= 5 else { return choices[0] }
    var scores: [Double] = []
    for axes in choices {
      let errors = try crossValidation(table, roofline: roofline, folds: 5, seed: 1, axes: axes)
      guard let sizes = try? Sample(errors.map(\.magnitude)) else { continue }
      scores.append(sizes.median + sizes.quantile(0.9) / 4)
    }
    let best = scores.min() ?? 0
    let chosen = scores.firstIndex { $0 <= 1.15 * best } ?? 0
    return choices[chosen]
  }
}
