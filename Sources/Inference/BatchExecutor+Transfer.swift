// What one micro-batch sends, in order, on a rank with tensor rank r of t and stage s of p.
//
// S slots, U of them with a token; H hidden, V vocabulary (V_r this rank's block), L layers of the
// stage, n sampled slots, c rows that choose a token. Float elements unless noted. Each line:
// operation on communicator, count as in the ledger, [units, usefulUnits]. Lines on `tensor` only
// when t > 1. Waits carry no bytes.
//
// Reduction all-reduce:                          Reduction reduce-scatter (t > 1), m = ceil(S / t),
//                                                S' = t·m, S' − S dead slots behind the S:
//   first stage (embedding)
//     all-reduce tensor S·H [S, U]                 reduce-scatter tensor S'·H [S', U]
//   other stages: receive, see below
//   each layer
//                                                  all-gather tensor S'·H [S', U]     (before QKV)
//     all-reduce tensor S·H [S, U]                 reduce-scatter tensor S'·H [S', U] (attention out)
//                                                  all-gather tensor S'·H [S', U]     (before gate/up)
//     all-reduce tensor S·H [S, U]                 reduce-scatter tensor S'·H [S', U] (down)
//     (in chunks of b of the S slots, u of them with a token: started all-reduces b·H [b, u] instead)
//   not the last stage: send, see below
//   last stage, generate, only when n > 0
//                                                  all-gather tensor n·H [n, n] (uneven blocks: the
//                                                    normed sampled slots of each rank)
//     gather tensor, root 0: n·V on the root, n·V_r elsewhere [n, n]              both
//     broadcast tensor, root 0: c int32 [c, c], only when c > 0                   both
//     p > 1: send pipeline c int32 to 0 [c, c]                                    both
//   last stage, score
//                                                  all-gather tensor S'·H [S', U] (normed slots)
//     per block of up to 256 of the S slots, b slots of which u carry a token:    both
//       all-reduce(max) tensor b float [b, u]; all-reduce(sum) tensor 2·b double [b, u]
//     p > 1: send pipeline double to 0, one per target [k, k], only when k > 0    both
//
// Send to stage s + 1 and receive from stage s − 1, on `pipeline`, non-blocking:
//   megatron, all-reduce:       one, S·H [S, U]
//   megatron, reduce-scatter:   one, m·H [m, u_r]; u_r of rank r's own slots r·m..<(r+1)·m carry a token
//   vllm-v0 (all-reduce only):  two, first the hidden state, then the residual, S·H/t each [S, U];
//                               after both are here, and t > 1, on `tensor`: two all-gathers S·H
//                               [S, U] each, the hidden state's first
//
// Receives are posted one micro-batch ahead where the ring has room, with the phase and units of the
// micro-batch that they belong to.

import MPI
import Scheduling
import Tensors
import Transformers

extension BatchExecutor {
  /// Waits for a micro-batch's activations and makes them whole; posts the receive of the next.
  func receive(
    slot: Int, rows: Int, flow: Flow, outcome: inout BatchOutcome
  ) throws -> ResidualStream {
    try link.startReceive(into: ring[slot], flow.current.passed)
    if let ahead = flow.ahead { try link.startReceive(into: ring[ahead.slot], ahead.passed) }
    // What a device was asked for and has not done is no waiting.
    context.device?.memory.settle()
    let from = context.now()
    try ring[slot].finishReceive()
    outcome.receiveWaits.append(
      (context.ledger.context.phase, from, context.now()))
    try link.join(ring[slot], rows: rows)
    return ring[slot].stream(rows: rows)
  }

  /// Starts passing a micro-batch's activations on.
  func pass(
    slot: Int, _ messages: TrafficContext, outcome: inout BatchOutcome
  ) throws {
    context.device?.memory.settle()
    outcome.sendStarts.append(context.now())
    try link.startSend(from: ring[slot], messages)
  }
}
