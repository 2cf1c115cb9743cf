import Glibc

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
}

func fixed(_ value: Double, _ digits: Int) -> String {
  var scale = 1.0
  for _ in 0..<digits { scale *= 10 }
  let whole = Int((abs(value) * scale).rounded())
  let fraction = String(whole % Int(scale))
  let zeros = String(repeating: "0", count: digits - fraction.count)
  return (value < 0 && whole > 0 ? "-" : "") + "\(whole / Int(scale)).\(zeros)\(fraction)"
}

func row(_ cells: String...) -> String {
  cells.map { String(repeating: " ", count: max(0, 11 - $0.count)) + $0 }.joined()
}

func exitCode(_ code: Int32) -> Never { exit(code) }
