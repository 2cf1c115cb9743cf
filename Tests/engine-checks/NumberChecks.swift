import Inference
import Kernels
import MPI
import Models
import Scheduling
import Serving
import Transformers

/// A weight that is no number, on one rank and in one layer at a time: serving stops on all ranks
/// with an error that names both.
func checkNumbers(_ world: borrowing Communicator, _ checks: Checks) throws {
  let input = try ServingCase(seed: 12, ranks: world.size)
  let model = input.base.model
  for layout in try EngineChecks.layouts(ranks: world.size)
  where layout.data == 1 && (try? layout.validate(for: model)) != nil {
    for (layer, tensor, part) in [
      (0, "mlp.down_proj.weight", "feed-forward"), (2, "self_attn.v_proj.weight", "attention"),
      (model.layerCount - 1, "mlp.up_proj.weight", "feed-forward"), (-1, "norm.weight", "LM head"),
    ] {
      let context = try RankContext(layout: layout, world: world)
      let plan = try ShardPlan(model: model, layout: layout, rank: context.rank)
      // The last tensor rank of the stage that has the layer; of the head its first one.
      let isThere = layer < 0 ? plan.hasLMHead : plan.layers.contains(layer)
      let isFaulty =
        isThere && context.coordinates.tensor == (layer < 0 ? 0 : layout.tensor - 1)
      let name = layer < 0 ? "model.norm.weight" : "layers.\(layer).\(tensor)"
      let weights = FaultyWeights(
        input.base.weights, fault: Fault(tensor: name, factor: .nan), isFaulty: isFaulty)
      let shard = try TransformerShard(
        plan: plan, source: weights, backend: try CPUBackend(threads: 1), group: context.tensor,
        positions: 64)
      let limits = try input.limits(.inFlight, stages: layout.pipeline)
      let executor = try ServingExecutor(context: context, shard: shard, limits: limits)
      let loop = try ServingLoop(executor)
      var text = "no error"
      do {
        _ = try loop.run(
          context.isCoordinator ? ServingSession(input.requests, limits: limits) : nil)
      } catch let error as InferenceError {
        text = "\(error)"
      }
      // Every rank must have the same words.
      let texts = try world.gatherArrays(Array(text.utf8), root: 0) ?? []
      let faulty = try world.gather([Int32(isFaulty ? 1 : 0)], root: 0) ?? []
      let rank = faulty.firstIndex(of: 1) ?? -1
      let place = layer < 0 ? part : "layer \(layer) (\(part))"
      checks.expect(
        "\(layout) names rank \(rank), \(place)",
        text.contains("a logit is not a number in iteration ")
          && text.contains("rank \(rank) on") && text.hasSuffix(place)
          && texts.allSatisfy { $0 == Array(text.utf8) }, text)
    }
  }
}
