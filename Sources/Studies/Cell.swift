import Models
import Records
import Units

/// One launch of ranks within a study: one layout of one variation of the job. What a study counts,
/// skips when it is done, and runs again when it is not.
public struct Cell: Hashable, Sendable {
  /// Layout and a digest of everything that decides what the cell measures: the model's shape, the
  /// batches, the policies, the seed, …. Neither the job's name, nor the place of its files, nor the
  /// other cells change it.
  public let id: String
  public let layout: ParallelLayout
  /// What the cell varies of the job, in words; empty for a job without axes.
  public let variation: String
  /// The cell's own job.
  public let job: JobSpecification

  public init(layout: ParallelLayout, of resolved: ResolvedJob, variation: String = "") throws {
    self.layout = layout
    self.variation = variation
    var job = resolved.job
    job.layouts = [layout]
    self.job = job
    // What the paths lead to is in the model and the batches.
    job.name = ""
    job.question = ""
    // Writes more down, measures the same.
    job.trace = nil
    job.stepLimit = nil
    if job.model.kind != .preset { job.model.value = "" }
    if job.workload.kind != .generate && job.workload.kind != .padRatio { job.workload.value = "" }
    var digest = Digest()
    digest.add(try JSONText.line(job))
    digest.add(try JSONText.line(resolved.model))
    digest.add(try JSONText.line(resolved.batches))
    id = "\(layout)-\(digest.text.prefix(8))"
  }
}
