/// Where a request stands among those that wait: smallest first.
struct AdmissionKey: Comparable, Hashable, Sendable {
  /// What the order goes by first: nothing, prompt tokens, or priority.
  var rank: Int
  var arrival: Double
  var id: Int

  init(_ request: ServingRequest, _ order: AdmissionOrder) {
    switch order {
    case .fcfs: rank = 0
    case .shortestFirst: rank = request.prompt.count
    case .priority: rank = request.priority
    }
    arrival = request.arrival
    id = request.id
  }

  static func < (a: Self, b: Self) -> Bool {
    (a.rank, a.arrival, a.id) < (b.rank, b.arrival, b.id)
  }
}

/// A binary heap of keys: `first` in O(1), `push` and `pop` in O(log n).
struct AdmissionQueue: Sendable {
  private var heap: [AdmissionKey] = []

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  var first: AdmissionKey? { heap.first }

  mutating func push(_ key: AdmissionKey) {
    heap.append(key)
    var child = heap.count - 1
    while child > 0, heap[child] < heap[(child - 1) / 2] {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func pop() -> AdmissionKey? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child] < heap[least] {
        least = child
      }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
