import Communication
import Costs
import Hardware
import Models
import Networks

/// A model under a layout on devices of one kind: everything that prices depend on but the batch.
public struct Deployment: Sendable {
  public let model: ModelConfiguration
  public let layout: ParallelLayout
  public let hardware: Accelerator
  public let settings: Settings
  /// Which operations the ranks perform; its element format is that of activations on the wire.
  public let traffic: TrafficModel
  public let prices: NetworkPrices
  /// What tensor rank 0 of each stage holds: never less than the other ranks of its stage.
  public let shards: [ShardPlan]

  /// What a user may choose; the defaults are stated in `docs/SIMULATOR.md`.
  public struct Settings: Hashable, Sendable {
    /// Weights and products.
    public var format: NumberFormat
    /// Keys and values.
    public var cacheFormat: NumberFormat
    public var dialect: Dialect
    public var reduction: TensorReduction
    /// As of `TrafficModel`. Chunks are priced one behind the other; `overlap` hides what it says.
    public var reductionChunks: Int
    /// The share of a stage's collectives, 0 to 1, that runs beside its compute where there is
    /// enough of it.
    public var overlap: Double
    /// The share of device memory, 0 to 1, that is left to the runtime.
    public var reserve: Double
    /// How many times as fast as the network says messages and collectives are.
    public var linkSpeed: Double
    /// Slots of a micro-batch whose feed-forward and attention intermediates are held at once.
    public var activationBlock: Int

    public init(
      format: NumberFormat = .bf16, cacheFormat: NumberFormat? = nil,
      dialect: Dialect = .megatron, reduction: TensorReduction = .allReduce,
      reductionChunks: Int = 1, overlap: Double = 0, reserve: Double = 0.05, linkSpeed: Double = 1,
      activationBlock: Int = 8192
    ) {
      self.linkSpeed = linkSpeed
      self.format = format
      self.cacheFormat = cacheFormat ?? (format == .fp32 ? .fp32 : .bf16)
      self.dialect = dialect
      self.reduction = reduction
      self.reductionChunks = reductionChunks
      self.overlap = overlap
      self.reserve = reserve
      self.activationBlock = activationBlock
    }
  }

  /// - Parameters:
  ///   - network: the links; those that the device's file names when nil.
  ///   - nodes: the node of each rank; filled one after another with the devices that one has when
  ///     nil.
  /// - Throws: `SimulationError` where the parts do not go together, with the valid choices.
  public init(
    model: ModelConfiguration, layout: ParallelLayout, hardware: Accelerator,
    network: Network? = nil, nodes: [Int]? = nil, settings: Settings = Settings()
  ) throws(SimulationError) {
    precondition((0...1).contains(settings.overlap), "the overlap is a share")
    precondition((0..<1).contains(settings.reserve), "the reserve is a share below 1")
    self.model = model
    self.layout = layout
    self.hardware = hardware
    self.settings = settings
    // Where the device lacks the format, before anything is priced.
    _ = try SimulationError.wrap { try hardware.peak(settings.format) }
    let nodes =
      nodes ?? (0..<layout.worldSize).map { $0 / hardware.devicesPerNode }
    let spans = Set(nodes).count
    let network = try SimulationError.wrap {
      try network ?? Network(parsing: spans > 1 ? hardware.network : hardware.nodeLink)
    }
    guard nodes.count == layout.worldSize else {
      throw SimulationError(
        .configuration, "layout \(layout) has \(layout.worldSize) ranks, \(nodes.count) have a node"
      )
    }
    guard spans == 1 || network.interNode != nil else {
      throw SimulationError(
        .configuration,
        "layout \(layout) needs \(spans) nodes of \(hardware.devicesPerNode) \(hardware.name), and "
          + "network \(network.name) has no link between nodes; name one after a +, as in "
          + "\(network.name)+\(hardware.betweenLink)")
    }
    traffic = try SimulationError.wrap {
      try TrafficModel(
        model: model, layout: layout, dialect: settings.dialect, reduction: settings.reduction,
        reductionChunks: settings.reductionChunks,
        activations: settings.format == .fp32 ? .float : .bfloat16)
    }
    prices = NetworkPrices(
      network, nodes: nodes, layout: layout, speed: settings.linkSpeed)
    let partition = traffic.partition
    shards = try SimulationError.wrap {
      try (0..<layout.pipeline).map {
        try ShardPlan(
          model: model, layout: layout, stage: $0, tensorRank: 0, partition: partition)
      }
    }
  }

  /// The ranks of a stage of a replica, tensor rank 0 first.
  func members(stage: Int, replica: Int) -> [Int] {
    (0..<layout.tensor).map { layout.rank(of: .init(tensor: $0, stage: stage, replica: replica)) }
  }

  /// Bytes of one number on the wire and between kernels.
  var activationBytes: Int { traffic.activations.bytes }

  /// Bytes of the weights on a device of a stage.
  func weightBytes(stage: Int) -> Double {
    Double(shards[stage].parameterCount) * settings.format.bytes
  }

  /// Bytes that one token's keys and values take on a device of a stage.
  func cacheBytesPerToken(stage: Int) -> Double {
    let shard = shards[stage]
    guard !model.isEncoder else { return 0 }
    return Double(2 * shard.layers.count * shard.kvWidth) * settings.cacheFormat.bytes
  }
}
