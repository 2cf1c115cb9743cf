import Kernels
import Models
import Testing

@testable import Transformers

@Suite struct KVCacheTests {
  @Test("Bytes are keys and values of the shard's layers and heads, four bytes each")
  func bytes() throws {
    // 3 layers over two stages, 4 KV heads over two ranks, heads of 6 numbers.
    let model = try TinyModel.make(layers: 3, kvHeads: 4, headDimension: 6)
    let layout = try ParallelLayout(tensor: 2, pipeline: 2)
    for rank in 0..<4 {
      let plan = try ShardPlan(model: model, layout: layout, rank: rank)
      let cache = try KVCache(plan: plan, slots: 10, backend: ReferenceBackend())
      #expect(cache.bytes(slots: 10) == 2 * plan.layers.count * 10 * 2 * 6 * 4)
      #expect(cache.bytes(slots: 7) == 7 * plan.kvBytesPerToken(elementBytes: 4))
    }
  }

  @Test("More ranks than KV heads: each holds one head, so the ranks hold copies together")
  func replicatedHeads() throws {
    let model = try TinyModel.make(layers: 2, kvHeads: 2, headDimension: 4)
    let plan = try ShardPlan(model: model, layout: try ParallelLayout(tensor: 8), rank: 5)
    let cache = try KVCache(plan: plan, slots: 3, backend: ReferenceBackend())
    #expect(cache.bytes(slots: 3) == 2 * 2 * 3 * 1 * 4 * 4)
  }

  @Test func eachLayerHasMemoryOfItsOwn() throws {
    let model = try TinyModel.make(layers: 3, kvHeads: 2, headDimension: 4)
    let plan = try ShardPlan(model: model, layout: .single, rank: 0)
    let cache = try KVCache(plan: plan, slots: 5, backend: ReferenceBackend())
    let views = (0..<3).map { cache.view(layer: $0) }
    let addresses = Set(views.flatMap { [$0.keys.pointer, $0.values.pointer] })
    #expect(addresses.count == 6)
    #expect(views.allSatisfy { $0.keys.count == 5 * 2 * 4 && $0.values.count == 5 * 2 * 4 })
    #expect(views.allSatisfy { $0.slots == 5 && $0.kvHeads == 2 && $0.headDimension == 4 })
  }
}
