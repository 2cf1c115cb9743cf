import Kernels
import Models
import Scheduling
import Tensors

/// Physical keys and values of a shard's layers, as one block per layer. Regions are placed in it
/// by the plan: padded or packed, the memory is the same.
public final class KVCache {
  private let keys: [Storage]
  private let values: [Storage]
  private let kvHeads: Int
  private let headDimension: Int
  /// Token positions per layer and KV head.
  public let slots: Int
  /// True when all layers use the same memory, because nothing is read after its layer has run.
  public let isTransient: Bool

  /// - Throws: what the backend throws when the memory is not there.
  init(
    plan: ShardPlan, slots: Int, isTransient: Bool = false, backend: any Backend
  ) throws {
    kvHeads = plan.kvHeads.count
    headDimension = plan.model.headDimension
    self.slots = slots
    self.isTransient = isTransient
    let elements = slots * kvHeads * headDimension
    let layers = isTransient ? plan.layers.prefix(1) : plan.layers[...]
    keys = try layers.map { _ in try backend.allocate(elements) }
    values = try layers.map { _ in try backend.allocate(elements) }
  }

  /// An encoder's: no layer keeps anything.
  init(withoutLayers slots: Int) {
    (keys, values) = ([], [])
    (kvHeads, headDimension) = (0, 0)
    self.slots = slots
    isTransient = false
  }

  /// - Parameter layer: index among the shard's own layers.
  func view(layer: Int) -> KVCacheView {
    let layer = isTransient ? 0 : layer
    return KVCacheView(
      keys: keys[layer], values: values[layer], offset: 0, slots: slots, kvHeads: kvHeads,
      headDimension: headDimension)
  }

  /// Bytes of a number of slots over all layers of the shard.
  public func bytes(slots: Int) -> Int {
    2 * (keys.first?.elementBytes ?? 0) * keys.count * slots * kvHeads * headDimension
  }
}
