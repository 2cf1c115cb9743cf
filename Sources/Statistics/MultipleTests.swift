/// p-values of several tests taken together.
///
/// Of m tests at 0.05 without any effect, 1 − 0.95ᵐ find one: 64 % of families of 20. Whoever picks
/// the rows that "differ" out of a table looks at m tests.
public enum MultipleTests {
  /// Holm's adjusted p-values, in the order given: below 0.05 they reject with at most 5 % false
  /// rejections in the family, whatever the tests' dependence.
  ///
  /// Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
  /// of Statistics 6 (1979).
  public static func holm(_ values: [Double]) -> [Double] {
    var adjusted = values
    var largest = 0.0
    for (step, index) in values.indices.sorted(by: { values[$0] < values[$1] }).enumerated() {
      largest = max(largest, min(1, values[index] * Double(values.count - step)))
      adjusted[index] = largest
    }
    return adjusted
  }
}
