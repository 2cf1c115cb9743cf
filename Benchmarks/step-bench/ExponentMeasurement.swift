import Glibc
import Inference
import Models

/// How the time of a prefill grows with tokens, layers and sequences: exponents of powers fitted to
/// medians of a few runs. Products grow with the first power of each, attention with the second of
/// tokens. Nothing is judged.
struct ExponentMeasurement {
  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    report.note("\nexponents of prefill time")
    let tokens = try [64, 128, 256, 512].map { length in
      (Double(length), try seconds(engine, [length]))
    }
    report.exponent("tokens of one prompt, 64 to 512", Self.exponent(tokens), tokens)
    let batches = try [1, 2, 4, 8].map { count in
      (Double(count), try seconds(engine, Array(repeating: 64, count: count)))
    }
    report.exponent("sequences of 64 tokens, 1 to 8", Self.exponent(batches), batches)
    let layers = try [2, 4, 8].map { count in
      var cut = ModelOverrides()
      cut.layerCount = count
      // The head costs once whatever the layers are.
      cut.vocabularySize = 1024
      let model = try engine.model.overriding(cut)
      let other = try Engine(model: model, ranks: engine.ranks, backend: engine.backend)
      return (Double(count), try seconds(other, [256]))
    }
    report.exponent("layers, 2 to 8", Self.exponent(layers), layers)
  }

  private func seconds(_ engine: Engine, _ lengths: [Int]) throws -> Double {
    let batch = try engine.batch(.packed, lengths: lengths, outputs: 1)
    var samples = try (0...rounds).map { _ in
      try engine.ranks.sample { try engine.run(batch).prefill }
    }
    samples.removeFirst()
    return samples.sorted()[rounds / 2]
  }

  /// Slope of log seconds over log size.
  static func exponent(_ points: [(size: Double, seconds: Double)]) -> Double {
    let x = points.map { log($0.size) }
    let y = points.map { log($0.seconds) }
    let (mx, my) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
    let over = zip(x, y).reduce(0) { $0 + ($1.0 - mx) * ($1.1 - my) }
    return over / x.reduce(0) { $0 + ($1 - mx) * ($1 - mx) }
  }
}

extension Report {
  func exponent(_ name: String, _ value: Double, _ points: [(size: Double, seconds: Double)]) {
    let times = points.map { fixed($0.seconds * 1e3) }.joined(separator: ", ")
    note("  \(name): \(fixed(value)) (ms: \(times))")
  }
}
