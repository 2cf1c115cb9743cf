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
}
