import MPI
import Models
import Records
import Scheduling

/// Says on the coordinator's standard output how far a cell is.
public final class ProgressReporter {
  public enum Style: String, Sendable, CaseIterable {
    /// One line per stage and now and then one in between.
    case plain
    /// `ProgressLine`s for the program that launched the ranks.
    case machine
    case none
  }

  private let style: Style
  private let layout: ParallelLayout
  private let start = MonotonicClock.nanoseconds()
  private var lastPrint: UInt64 = 0
  private var done = 0
  private var total = 0

  /// - Parameter style: `none` on every rank but the coordinator.
  public init(style: Style, layout: ParallelLayout) {
    self.style = style
    self.layout = layout
  }

  func report(stage: String, policy: Policy? = nil) {
    show(stage: stage, policy: policy, batch: nil, always: true)
  }

  func begin(total: Int) {
    self.total = total
    show(stage: "measure", policy: nil, batch: nil, always: true)
  }

  /// More work than `begin` said.
  func extend(by count: Int) { total += count }

  func step(policy: Policy, batch: Int) {
    done += 1
    show(stage: "measure", policy: policy, batch: batch, always: done == total)
  }

  func warn(_ text: String) {
    guard style != .none else { return }
    StandardStream.error.line("padtax: warning: \(text)")
  }

  private func show(stage: String, policy: Policy?, batch: Int?, always: Bool) {
    guard style != .none else { return }
    let now = MonotonicClock.nanoseconds()
    guard always || now - lastPrint > 1_000_000_000 else { return }
    lastPrint = now
    let line = ProgressLine(
      layout: "\(layout)", stage: stage, policy: policy.map { "\($0)" }, batch: batch, done: done,
      total: total, elapsedSeconds: Double(now - start) / 1e9)
    switch style {
    case .machine:
      if let text = try? JSONText.line(line) {
        StandardStream.output.line(ProgressLine.prefix + text)
      }
    case .plain:
      let place = [line.policy, batch.map { "batch \($0)" }].compactMap { $0 }
      let counter = total > 0 ? " \(done)/\(total)" : ""
      StandardStream.output.line(
        "\(layout) \(stage)\(counter) \(place.joined(separator: " "))")
    case .none: break
    }
  }
}
