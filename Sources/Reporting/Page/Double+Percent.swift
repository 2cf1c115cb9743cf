import Units

extension Double {
  /// A share as `+48` or `−3.2`, in percent.
  /// - Parameter decimals: one below 9.5 %, else none, when left out.
  func signedPercent(_ decimals: Int? = nil) -> String {
    let text = (magnitude * 100).fixed(decimals ?? (magnitude < 0.095 ? 1 : 0))
    return (self < 0 ? "−" : "+") + text
  }
}
