import Kernels
import Models
import Tensors

/// Prefill of equal prompts: its linear layers against the same bare sgemm calls, and the whole of
/// it against its GEMM FLOPs at the rate of those calls.
struct PrefillMeasurement {
  private static let sequences = 2
  private static let length = 256

  private let engine: Engine
  private let rounds: Int
  private var ranks: Ranks { engine.ranks }

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    let batch = try engine.batch(
      .packed, lengths: Array(repeating: Self.length, count: Self.sequences), outputs: 1)
    let products = try linearLayers(rows: Self.sequences * Self.length)
    let flops = products.reduce(0) { $0 + $1.flops }
    let steps = engine.matrixFLOPs(batch)
    report.note("\nprefill of \(Self.sequences) x \(Self.length) slots")
    var linear = PairedRatio()
    var whole = PairedRatio()
    for round in 0...rounds {
      var bare = 0.0
      var layers = 0.0
      // Product by product, so that neighbours in time are compared.
      for product in products {
        bare += try secondsOfBare(product)
        layers += try ranks.seconds {
          engine.backend.linear(product.x, product.linear, into: product.y)
        }
      }
      let prefill = try ranks.sample { try engine.run(batch).prefill }
      guard round > 0 else { continue }  // The first round is warm-up.
      linear.add(ceiling: bare, judged: layers)
      whole.add(ceiling: bare / flops, judged: prefill / steps)
    }
    let peak = -(try ranks.slowest(-engine.backend.measureMultiplyAddPeak(seconds: 0.1)))
    report.ceiling("multiply-add peak, slowest rank", peak, "GFLOP/s")
    let bare = isSingle ? "bare sgemm" : "bare packed product"
    report.ceiling("\(bare), all ranks at once, each", 1e-9 / whole.bestCeiling, "GFLOP/s")
    if isSingle { report.ratio("prefill linear layers / bare sgemm", linear, atLeast: 0.95) }
    report.ratio(
      "whole prefill / its GEMM FLOPs at the rate of the \(bare)", whole,
      atLeast: ranks.precision.target(0.80, 0.65))
    if !isSingle { try overSgemm(products, &report) }
  }

  private var isSingle: Bool { ranks.precision == .fp32 }

  /// Seconds of the product alone: no bias, nothing of the backend around it.
  private func secondsOfBare(_ product: Product) throws -> Double {
    if isSingle {
      return try ranks.sample {
        engine.backend.secondsOfSgemm(product.x, product.weight, into: product.y)
      }
    }
    return try ranks.seconds { engine.backend.linear(product.x, product.bare, into: product.y) }
  }

  /// Products in bfloat16 beside sgemm of the same shapes. Five times as fast with tiles; twice at
  /// most with vdpbf16ps, which is no target.
  private func overSgemm(_ products: [Product], _ report: inout Report) throws {
    var ratio = PairedRatio()
    for _ in 0..<rounds {
      for product in products {
        let single = try ranks.sample {
          engine.backend.secondsOfSgemm(product.x, product.weight, into: product.y)
        }
        ratio.add(ceiling: single, judged: try secondsOfBare(product))
      }
    }
    guard engine.backend.bfloat16Dispatch.kernels == "amx" else {
      return report.unjudged("bf16 products / sgemm", ratio, "5 with AMX, which this machine lacks")
    }
    report.ratio("bf16 products / sgemm", ratio, atLeast: 5)
  }

  private struct Product {
    let x: Matrix
    let weight: Matrix
    let linear: any LinearWeight
    let bare: any LinearWeight
    let y: Matrix
    var flops: Double { 2 * Double(x.rows) * Double(weight.rows) * Double(weight.columns) }
  }

  /// The four products of a layer in this rank's shapes.
  private func linearLayers(rows: Int) throws -> [Product] {
    let plan = engine.shard.plan
    let hidden = plan.model.hiddenSize
    let shapes = [
      (hidden, plan.queryWidth + 2 * plan.kvWidth), (plan.queryWidth, hidden),
      (hidden, 2 * plan.feedForward.count), (plan.feedForward.count, hidden),
    ]
    return try shapes.enumerated().map { index, shape in
      let (inputs, outputs) = shape
      let weight = try filled(outputs, inputs)
      return Product(
        x: try filled(rows, inputs), weight: weight,
        // Query, key and value have a bias.
        linear: try engine.backend.makeLinear(
          weight, bias: index == 0 ? [Float](repeating: 0.1, count: outputs) : nil),
        bare: try engine.backend.makeLinear(weight, bias: nil),
        y: try engine.backend.matrix(rows: rows, columns: outputs))
    }
  }

  /// Elements in -0.5..<0.5, so that no product meets denormals or infinities.
  private func filled(_ rows: Int, _ columns: Int) throws -> Matrix {
    let matrix = try engine.backend.matrix(rows: rows, columns: columns)
    var state: UInt32 = 12345
    for index in 0..<matrix.count {
      state = state &* 1_664_525 &+ 1_013_904_223
      matrix.pointer[index] = Float(state >> 8) / Float(1 << 24) - 0.5
    }
    return matrix
  }
}
