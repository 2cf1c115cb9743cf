import Records

/// Turns progress lines into what a person sees: one line that changes on a terminal, and now and
/// then a new line elsewhere.
public struct ProgressDisplay: Sendable {
  public enum Style: Hashable, Sendable {
    /// A terminal of so many columns.
    case terminal(columns: Int)
    /// Lines, at most one in so many seconds while nothing but the count changes.
    case lines(interval: Double)
  }

  private let style: Style
  private let cells: Int
  private var cell = 0
  private var lastTime = -Double.infinity
  private var lastStage: String?
  /// The first line of the stage: what came before it says nothing about the stage's pace.
  private var stageStart: ProgressLine?
  private var isShowing = false

  public init(style: Style, cells: Int) {
    self.style = style
    self.cells = cells
  }

  /// Begins cell `index`, counted from 0.
  public mutating func begin(cell index: Int) {
    cell = index
    lastStage = nil
    stageStart = nil
    lastTime = -Double.infinity
  }

  /// What to write for a progress line that came at `now` seconds; empty when nothing.
  public mutating func update(_ line: ProgressLine, now: Double) -> String {
    if stageStart?.stage != line.stage { stageStart = line }
    switch style {
    case .terminal(let columns):
      guard line.stage != lastStage || now - lastTime >= 0.1 || Self.isLast(line) else {
        return ""
      }
      remember(line, now)
      isShowing = true
      return "\r\u{1B}[K" + String(text(line).prefix(max(10, columns - 1)))
    case .lines(let interval):
      guard
        line.stage != lastStage || now - lastTime >= interval
          || Self.isLast(line)
      else { return "" }
      remember(line, now)
      return text(line) + "\n"
    }
  }

  /// What to write before other output: takes the changing line away.
  public mutating func clear() -> String {
    defer { isShowing = false }
    return isShowing ? "\r\u{1B}[K" : ""
  }

  private static func isLast(_ line: ProgressLine) -> Bool {
    line.total > 0 && line.done == line.total
  }

  private mutating func remember(_ line: ProgressLine, _ now: Double) {
    lastTime = now
    lastStage = line.stage
  }

  private func text(_ line: ProgressLine) -> String {
    var parts = cells > 1 ? ["[\(cell + 1)/\(cells)]"] : []
    parts += [line.layout, line.stage]
    if let policy = line.policy { parts.append(policy) }
    if let batch = line.batch { parts.append("batch \(batch)") }
    if line.total > 0 { parts.append("\(line.done)/\(line.total)") }
    if let seconds = secondsLeft(line) { parts.append("ETA " + Self.duration(seconds)) }
    return parts.joined(separator: "  ")
  }

  /// Seconds until the cell is done if it goes on as its stage went so far; nil before a unit of it
  /// is done.
  private func secondsLeft(_ line: ProgressLine) -> Double? {
    guard let start = stageStart, line.done > start.done, line.total > line.done else {
      return nil
    }
    let pace = (line.elapsedSeconds - start.elapsedSeconds) / Double(line.done - start.done)
    return pace * Double(line.total - line.done)
  }

  /// `45 s`, `3 min 20 s`, `2 h 5 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e7 else { return "unknown" }
    let whole = Int(seconds.rounded(.up))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}
