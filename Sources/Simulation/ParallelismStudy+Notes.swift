extension ParallelismStudy {
  /// What a reader of arXiv:2603.05692 must know to get its numbers, found by making them.
  public static let notes = [
    "Memory is counted as the paper does: all weights in the products' format, KV in fp8, no "
      + "activations, no reserve; the paper rounds parameters to 405 and 70 billion.",
    "Largest nano-batches count one nano-batch alone. A pipeline of p stages that is kept busy holds "
      + "p of them, each with its keys and values: PP8 with nano-batches of 512 needs 1336 GB a device "
      + "and fits on none (R1). Times and gains of such rows are those of a system that cannot run.",
    "A ring all-reduce moves 2(n-1)/n of a state over one link: a rank with more peers would take "
      + "longer (1, 1.5, 1.75 for TP 2, 4, 8), which contradicts TP2 slower than TP1 (S12) beside TP8 "
      + "at 0.32 of TP1 (S10). A direct one, in which every pair has its own link, moves 2/n and fits.",
    "TPS = B * OSL / (TTFT + (OSL - 1) * TPOT) per device, with a nano-batch for each stage in flight; "
      + "the pipeline is full, so its bubble is not counted.",
  ]
}

extension ParallelismTable {
  /// Figures of Topcu et al., "Parallelization Strategies for Dense LLM Deployment"
  /// (arXiv:2603.05692), with the tolerance that a cost model is held to.
  public static let published = """
    \(header)
    K3,llama-3.1-405b,mi325x,fp8,2,1,,,,kv_room_2x_tp2,,214,GB,0.01,exact
    K4,llama-3.1-405b,mi325x,fp8,4,1,,,,kv_room,,619,GB,0.01,exact
    K6a,llama-3.1-405b,mi325x,fp8,1,2,,,,kv_room_per_gpu,,53.5,GB,0.01,exact
    K6b,llama-3.1-405b,mi325x,fp8,1,4,,,,kv_room_per_gpu,,154.75,GB,0.01,exact
    K7,llama-3.1-405b,mi355x,fp4,1,1,,,,kv_room,,85.5,GB,0.01,exact
    K9,llama-3.1-405b,mi355x,fp4,1,1,,9428,684,max_batch_pow2,,32,requests,0,exact
    K10,llama-3.1-405b,mi355x,fp4,1,4,,9428,684,max_nano_batch_pow2,,256,requests,0,exact
    K13,llama-3.1-70b,mi325x,fp8,1,1,256,9092,208,fits,,0,bool,0,exact
    K17,llama-3.1-70b,mi325x,fp8,4,1,,,,heads_per_gpu,,16,heads,0,exact
    S1,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,prefill_speedup,tp4,1.87,x,0.03,model
    S2,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,prefill_speedup,tp2,3.61,x,0.03,model
    S3,llama-3.1-70b,mi325x,fp8,8,1,256,9092,208,decode_speedup,tp4,1.67,x,0.05,model
    S5,llama-3.1-405b,mi355x,fp4,8,1,256,9428,684,prefill_speedup,tp4,1.89,x,0.03,model
    S7,llama-3.1-405b,mi355x,fp4,8,1,256,9428,684,decode_speedup,tp4,1.61,x,0.05,model
    S10,llama-3.1-405b,mi355x,fp4,8,1,32,9428,684,ttft_ratio,tp1,0.32,x,0.05,model
    S12,llama-3.1-405b,mi355x,fp4,2,1,32,9428,684,ttft_ratio,tp1,1.0,x,,trend_above
    S17,llama-3.1-70b,mi325x,fp8,1,8,1024,9092,208,tps_gain,nopar_b1,4.2,x,0.1,model
    S19,llama-3.1-405b,mi355x,fp4,1,8,512,9428,684,tps_gain,nopar_b1,13.8,x,0.2,model
    S22,llama-3.1-405b,mi355x,fp4,1,8,512,9428,684,prefill_time_ratio,dp_b32,16.03,x,0.05,model
    R1,llama-3.1-405b,mi355x,fp4,1,8,512,9428,684,all_in_flight_fit,,0,bool,0,refuse
    """
}
