import Records
import Units

extension Answer {
  /// Three sentences about systems that serve requests over time: what batching by requests costs,
  /// where it goes, what to do. Medians over repeats, for the loads of one kind of times.
  struct Serving: Sendable {
    let rows: [ServingRow]

    init(_ all: [ServingRow]) {
      let origin = Origin.all.first { origin in all.contains { $0.run.origin == origin } }
      rows = all.filter { $0.run.origin == origin }
    }

    /// The best system of either kind under one load and layout.
    private struct Match {
      var padded: ServingRow
      var continuous: ServingRow

      /// How many times less output the padded one has.
      var output: Double? { ratio(continuous, padded, "output_throughput") }
      /// How many times longer its median time to the first token is.
      var wait: Double? { ratio(padded, continuous, "p50_ttft_ms") }

      private func ratio(_ over: ServingRow, _ under: ServingRow, _ metric: String) -> Double? {
        guard let above = over[metric], let below = under[metric], below > 0 else { return nil }
        return above / below
      }
    }

    /// Loads by layout, in order.
    private var loads: [[ServingRow]] {
      let names = ReportData.unique(rows.map(Self.load))
      return names.map { name in rows.filter { Self.load($0) == name } }
    }

    private static func load(_ row: ServingRow) -> String { "\(row.run.load) on \(row.place)" }

    private static func best(_ rows: [ServingRow]) -> ServingRow? {
      rows.max { ($0["output_throughput"] ?? 0) < ($1["output_throughput"] ?? 0) }
    }

    private var matches: [Match] {
      loads.compactMap { load in
        guard let padded = Self.best(load.filter { $0.isRequestLevel == true }),
          let continuous = Self.best(load.filter { $0.isRequestLevel == false })
        else { return nil }
        return Match(padded: padded, continuous: continuous)
      }.sorted { ($0.output ?? 0) < ($1.output ?? 0) }
    }

    var sentences: [Prose] {
      guard !rows.isEmpty else { return ["Nothing was measured."] }
      return [costSentence, slotSentence, adviceSentence]
    }

    private var costSentence: Prose {
      guard let match = matches.last, let output = match.output else {
        guard let best = Self.best(rows), let rate = best["output_throughput"] else {
          return "No system answered enough requests for a figure."
        }
        return """
          \(best.run.system) has the highest \("output", term: "serving_throughput"), \
          \(rate.significant(3)) tokens/s under \(Self.load(best)).
          """
      }
      let wait: Prose =
        match.wait.map {
          """
          , whose median \("time to first token", term: "serving_latency") is \
          \($0.significant(3)) times as long
          """
        } ?? ""
      let least = matches.first.flatMap(\.output) ?? output
      let range =
        matches.count > 1
        ? "; over \(matches.count) loads and layouts that is \(least.fixed(2)) to \(output.fixed(2)) times"
        : ""
      return """
        Under \(Self.load(match.padded)), \(match.continuous.run.system) gives \(output.fixed(2)) times the \
        \("output", term: "serving_throughput") of \(match.padded.run.system), \
        \("batched request by request", term: "aggregation")\(wait)\(range).
        """
    }

    private var slotSentence: Prose {
      func share(_ row: ServingRow) -> String {
        guard let empty = row.emptySlotsPerToken else { return "an unknown part" }
        return "\(Summary.percent(empty / (1 + empty))) %"
      }
      func waste(_ row: ServingRow) -> String {
        row.median(\.memoryWaste).map { "\(Summary.percent($0)) %" } ?? "an unknown part"
      }
      guard let row = matches.last?.padded ?? rows.first else { return "" }
      let other: Prose =
        matches.last.map { match in
          "; with \(match.continuous.run.system) \(share(match.continuous)) and \(waste(match.continuous))"
        } ?? ""
      return """
        With \(row.run.system), \(share(row)) of the computed \("slots hold no token", term: "slot_budget") \
        and \(waste(row)) of the reserved \("KV memory", term: "kv_waste") is never filled\(other).
        """
    }

    private var adviceSentence: Prose {
      guard let fastest = Self.best(rows) else { return "" }
      let quick = rows.filter { $0["p50_ttft_ms"] != nil }
        .min { ($0["p50_ttft_ms"] ?? 0) < ($1["p50_ttft_ms"] ?? 0) }
      guard !matches.isEmpty else {
        return rows.contains { $0.isRequestLevel == true }
          ? "Serve the same requests with an in-flight system beside it to know what batching by requests costs."
          : "Serve the same requests with static beside it to know what batching by requests would cost."
      }
      let second: Prose =
        quick.map {
          """
          ; the shortest median time to first token, \(($0["p50_ttft_ms"] ?? 0).significant(3)) ms, has \
          \($0.run.system) under \(Self.load($0))
          """
        } ?? ""
      return """
        The highest output, \((fastest["output_throughput"] ?? 0).significant(3)) tokens/s, has \
        \(fastest.run.system) under \(Self.load(fastest))\(second).
        """
    }

    var tiles: [Tile] {
      guard let match = matches.last else { return [] }
      let condition =
        "\(match.continuous.run.system) over \(match.padded.run.system), \(match.padded.run.load)"
      var tiles: [Tile] = []
      func add(_ value: String?, _ name: String, _ term: String, _ condition: String) {
        guard let value else { return }
        tiles.append(Tile(value: value, name: name, term: term, condition: condition))
      }
      add(
        match.output.map { "\($0.fixed(2))×" }, "output tokens a second", "serving_throughput",
        condition)
      if let wait = match.wait {
        add(
          "\((wait < 1 ? 1 / wait : wait).significant(2))×",
          "\(wait < 1 ? "longer" : "shorter") median time to first token", "serving_latency",
          condition)
      }
      add(
        match.padded.emptySlotsPerToken.map { "\((100 * $0 / (1 + $0)).fixed(0)) %" },
        "slots without a token", "slot_budget", match.padded.run.system)
      add(
        match.padded.median(\.memoryWaste).map { "\(($0 * 100).fixed(0)) %" },
        "reserved KV never filled", "kv_waste", match.padded.run.system)
      return tiles
    }

    var isDistrusted: Bool { rows.contains(where: \.isDistrusted) }
    var origin: Origin? { rows.first?.run.origin }
  }
}
