/// What a cluster asks of every job: the site file that `padtax slurm` reads.
/// `slurm/site.example.yaml` documents each key.
public struct SiteSettings: Hashable, Sendable {
  public enum Launcher: String, Hashable, Sendable, CaseIterable {
    /// `srun --mpi=pmix`
    case srun
    case mpirun
  }

  public var account: String?
  public var partition: String?
  public var qos: String?
  public var constraint: String?
  public var launcher = Launcher.srun
  public var modules: [String] = []
  /// Image in which the ranks run, and the words that run a program in it.
  public var container: String?
  public var containerCommand = "apptainer exec"
  /// The padtax of the compute nodes; the one that renders when nil.
  public var program: String?
  /// Per node.
  public var cpus: Int
  public var gpus = 0
  public var memoryBytes: Int
  /// Nodes are not shared with other jobs.
  public var exclusive = false
  /// Array elements that run at the same time.
  public var concurrent = 4
  /// Longest time that a job may ask for; nil without a limit.
  public var maxSeconds: Int?
  /// What one rank reaches, for the estimate of time.
  public var gflops = 10
  public var gbytesPerSecond = 5
  public var environment: [String: String] = [:]
  /// `#SBATCH` lines as they are.
  public var directives: [String] = []
  /// Shell lines that run before padtax.
  public var commands: [String] = []

  public init(cpus: Int, memoryBytes: Int) {
    self.cpus = cpus
    self.memoryBytes = memoryBytes
  }
}
