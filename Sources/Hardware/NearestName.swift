/// Names the valid choice that someone probably meant.
enum NearestName {
  /// `did you mean h100? valid: a b c`, the guess only where one is near.
  static func text(_ name: String, among choices: [String]) -> String {
    let all = "valid: " + choices.sorted().joined(separator: " ")
    let near = choices.map { (distance(name.lowercased(), $0.lowercased()), $0) }.min { $0 < $1 }
    guard let (distance, choice) = near, distance <= max(2, choice.count / 2) else { return all }
    return "did you mean \(choice)? \(all)"
  }

  /// Characters to put in, leave out or replace (Levenshtein).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for (i, character) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, other) in b.enumerated() {
        let replaced = diagonal + (character == other ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
      }
    }
    return row[b.count]
  }
}
