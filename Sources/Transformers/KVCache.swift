import Kernels
import Models
import Scheduling
import Tensors

/// Physical keys and values of a shard's layers, as one piece of memory per layer. Regions are placed
/// in it by the plan, or it is a pool of blocks of which plans make tables: padded, packed or paged,
/// the memory is the same.
public final class KVCache {
  private let keys: [Storage]
  private let values: [Storage]
  private let kvHeads: Int
  private let headDimension: Int
  private let format: StorageFormat
  /// Token positions per layer and KV head.
  public let slots: Int
  /// True when all layers use the same memory, because nothing is read after its layer has run.
  public let isTransient: Bool
  /// Slots of a block; nil where rows have regions.
  public let blockSlots: Int?

  /// - Parameter blockSlots: makes the memory a pool of blocks; divides `slots`.
  /// - Throws: what the backend throws when the memory is not there.
  init(
    plan: ShardPlan, slots: Int, isTransient: Bool = false, blockSlots: Int? = nil,
    backend: any Backend
  ) throws {
    precondition(slots % (blockSlots ?? 1) == 0, "a pool has whole blocks")
    self.blockSlots = blockSlots
    kvHeads = plan.kvHeads.count
    headDimension = plan.model.headDimension
    format = backend.cacheFormat
    self.slots = slots
    self.isTransient = isTransient
    let elements = slots * kvHeads * headDimension
    let layers = isTransient ? plan.layers.prefix(1) : plan.layers[...]
    keys = try layers.map { _ in try backend.allocateCache(elements) }
    values = try layers.map { _ in try backend.allocateCache(elements) }
  }

  /// An encoder's: no layer keeps anything.
  init(withoutLayers slots: Int) {
    (keys, values) = ([], [])
    (kvHeads, headDimension) = (0, 0)
    format = .float32
    self.slots = slots
    isTransient = false
    blockSlots = nil
  }

  /// - Parameter layer: index among the shard's own layers.
  func view(layer: Int) -> KVCacheView {
    let layer = isTransient ? 0 : layer
    return KVCacheView(
      keys: keys[layer], values: values[layer], offset: 0, slots: slots, kvHeads: kvHeads,
      headDimension: headDimension, blockSlots: blockSlots, format: format)
  }

  /// Bytes of a number of slots over all layers of the shard.
  public func bytes(slots: Int) -> Int {
    2 * format.byteCount * keys.count * slots * kvHeads * headDimension
  }
}
