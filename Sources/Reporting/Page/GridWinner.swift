import Workloads

/// The layout with the shortest TTFT for one run, variation, policy, pad ratio and spread.
struct GridWinner: Sendable, Hashable {
  var run: String
  var variation: String
  var origin: String
  var policy: String
  var target: PaddingPair
  var layout: String
  /// Its TTFT, and how much longer the next layout takes (0.1: 10 %); nil when there is no other.
  var seconds: Double
  var lead: Double?

  /// In the order of the grid.
  static func all(_ grid: [GridRow]) -> [GridWinner] {
    struct Place: Hashable {
      var run: String
      var variation: String
      var origin: String
      var policy: String
      var target: PaddingPair
    }
    var order: [Place] = []
    var times: [Place: [(layout: String, seconds: Double)]] = [:]
    for entry in grid {
      guard let seconds = entry.row[.batchTTFT] else { continue }
      let place = Place(
        run: entry.row.run, variation: entry.row.variation, origin: entry.row.origin.rawValue,
        policy: entry.row.policy, target: entry.target)
      if times[place] == nil { order.append(place) }
      times[place, default: []].append((entry.row.layout, seconds))
    }
    return order.compactMap { place in
      let sorted = (times[place] ?? []).sorted { ($0.seconds, $0.layout) < ($1.seconds, $1.layout) }
      guard let best = sorted.first else { return nil }
      return GridWinner(
        run: place.run, variation: place.variation, origin: place.origin, policy: place.policy,
        target: place.target, layout: best.layout, seconds: best.seconds,
        lead: sorted.count > 1 ? sorted[1].seconds / best.seconds - 1 : nil)
    }
  }
}
