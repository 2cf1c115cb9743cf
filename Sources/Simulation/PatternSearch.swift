/// Finds a low place of a function of several numbers without its derivatives.
///
/// Steps of each number in turn, then all that helped once more; halved when none helps (Hooke and
/// Jeeves, J. ACM 8, 1961). Nothing is random.
enum PatternSearch {
  /// - Parameters:
  ///   - step: the first, halved until it is no more than `least`.
  ///   - lowest: none of the numbers goes below.
  static func minimum(
    from start: [Double], step: Double, least: Double, lowest: Double,
    _ function: ([Double]) throws(SimulationError) -> Double
  ) throws(SimulationError) -> (numbers: [Double], value: Double) {
    var best = start
    var value = try function(best)
    var step = step
    while step > least {
      let (from, before) = (best, value)
      for index in best.indices {
        for change in [step, -step] {
          var trial = best
          trial[index] += change
          guard trial[index] >= lowest else { continue }
          let found = try function(trial)
          if found < value {
            (best, value) = (trial, found)
            break
          }
        }
      }
      guard value < before * (1 - 1e-6) else {
        step /= 2
        continue
      }
      // What helped once, once more.
      let further = zip(best, from).map { 2 * $0 - $1 }
      guard further.allSatisfy({ $0 >= lowest }) else { continue }
      let found = try function(further)
      if found < value { (best, value) = (further, found) }
    }
    return (best, value)
  }
}
