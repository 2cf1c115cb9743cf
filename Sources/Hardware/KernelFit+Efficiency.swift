import Glibc

extension KernelFit {
  /// The constants of a `RooflineModel` that come closest to the tables.
  ///
  /// A launch is what a tenth of the kernels stay below. The shares are those, in steps of 0.05, with
  /// the smallest mean error of log time: of GEMM in bf16, and of both kinds of attention together.
  /// What no table says is that of `fallback`.
  public func efficiency(fallback: RooflineModel.Efficiency) -> RooflineModel.Efficiency {
    let products = tables.filter { $0.operation == .gemm && $0.format == .bf16 }
    let attention = tables.filter { $0.operation != .gemm }
    let gemm = shares(products)
    let heads = shares(attention)
    return RooflineModel.Efficiency(
      gemm: gemm?.computing ?? fallback.gemm,
      attention: heads?.computing ?? fallback.attention,
      memory: gemm?.moving ?? fallback.memory, launch: gemm?.launch ?? fallback.launch,
      attentionMemory: heads?.moving ?? fallback.attentionMemory,
      attentionLaunch: heads?.launch ?? fallback.attentionLaunch)
  }

  private typealias Shares = (launch: Double, computing: Double, moving: Double)

  /// The constants of rows, each table counting alike; nil without rows.
  private func shares(_ tables: [KernelMeasurements]) -> Shares? {
    var rows: [(seconds: Double, computing: Double, moving: Double, weight: Double)] = []
    for table in tables {
      for row in table.rows {
        guard let bound = roofline.seconds(KernelWork(row.call, table.format)) else { continue }
        rows.append((row.seconds, bound.computing, bound.moving, 1 / Double(table.rows.count)))
      }
    }
    guard !rows.isEmpty else { return nil }
    let launch = rows.map(\.seconds).sorted()[rows.count / 10]
    let steps = (1...20).map { Double($0) / 20 }
    var best: (error: Double, shares: Shares) = (.infinity, (launch, 1, 1))
    for computing in steps {
      for moving in steps {
        var error = 0.0
        for row in rows {
          let seconds = launch + max(row.computing / computing, row.moving / moving)
          error += row.weight * abs(log(seconds / row.seconds))
        }
        if error < best.error { best = (error, (launch, computing, moving)) }
      }
    }
    return best.shares
  }
}
