import Models
import Records

/// One launch of ranks within a run: what a sweep counts, skips when it is done, and runs again
/// when it is not.
public struct Cell: Hashable, Sendable {
  /// Name of the cell's folder in the run directory.
  public let id: String
  public let layout: ParallelLayout

  public init(layout: ParallelLayout) {
    self.layout = layout
    id = layout.description
  }

  /// The cells of a job, in the order in which they run.
  public static func cells(of job: JobSpecification) -> [Cell] {
    job.layouts.map(Cell.init(layout:))
  }

  /// Those of the cells that have one of these layouts, all when nil.
  /// - Throws: `StudyError` naming the job's layouts when one is none of them.
  static func cells(of job: JobSpecification, only: [String]?) throws(StudyError) -> [Cell] {
    let cells = cells(of: job)
    guard let only else { return cells }
    var layouts: Set<ParallelLayout> = []
    for text in only {
      guard let layout = try? ParallelLayout(parsing: text), job.layouts.contains(layout) else {
        throw StudyError(
          "--layouts: '\(text)' is no layout of this run; it has "
            + job.layouts.map(\.description).joined(separator: ", "))
      }
      layouts.insert(layout)
    }
    return cells.filter { layouts.contains($0.layout) }
  }
}
