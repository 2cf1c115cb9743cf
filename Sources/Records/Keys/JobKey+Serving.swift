extension JobKey {
  /// Keys of jobs with batches that a section `serving` takes the place of, or that say nothing of
  /// systems.
  static let batchKeys = [
    "policies", "workload", "phase", "output-tokens", "micro-batches", "warm-up", "warm-up-batches",
    "until-ci", "most-repeats", "trace",
  ]

  static let serving = [
    JobKey("serving", "", "requests over time instead of batches", not: batchKeys),
    JobKey(
      "serving.systems", "[static, dynamic+delay:5000, in-flight, in-flight+prefix-cache]",
      "docs/SERVING.md"),
    JobKey(
      "serving.arrivals", "[\"poisson:2\", at-once]",
      "and gamma:RATE,BURSTINESS, ramp-linear:A-B, ramp-exponential:A-B, closed:USERS, trace[:SPEED]"
    ),
    JobKey(
      "serving.max-concurrency", "64",
      "most requests under way of an open loop (optional; not with closed)"),
    JobKey("serving.max-num-tokens", "2048", "slots per iteration (default 2048)"),
    JobKey("serving.max-batch-size", "32", "sequences at once (default 32)"),
    JobKey(
      "serving.max-sequence-length", "512",
      "prompt and output of the longest request; what contiguous KV reserves"),
    JobKey("serving.block-size", "16", "tokens per KV block (default 16)"),
    JobKey(
      "serving.kv-cache-free-mem-fraction", "0.9",
      "of the free memory, for KV blocks (default 0.9)"),
    JobKey("serving.max-tokens-in-paged-kv-cache", "65536", "cap of the pool (optional)"),
    JobKey(
      "serving.slo", "ttft:200 tpot:50 e2el:2000",
      "milliseconds; any of them (optional, for goodput)"),
    JobKey(
      "serving.calibrate", "false",
      "true: rates and slo are multiples of what the ranks are found to serve, such as "
        + "poisson:0.8x and ttft:10x (default false)"),
    JobKey(
      "serving.warm-up-requests", "8",
      "left out of the figures (absent: until TTFTs are steady)"),
    JobKey("serving.requests", "", "one of mix, trace"),
    JobKey("serving.requests.count", "200"),
    JobKey("serving.requests.mix", "", "kinds of requests, lengths by shape (docs/WORKLOADS.md)"),
    JobKey("serving.requests.mix.name", "rag"),
    JobKey("serving.requests.mix.share", "0.2", "of the requests, over the sum of all shares"),
    JobKey("serving.requests.mix.prompt", "\"uniform:192-448\""),
    JobKey("serving.requests.mix.output", "\"uniform:4-24\""),
    JobKey("serving.requests.mix.shared-prefix", "128", "tokens that open every prompt"),
    JobKey("serving.requests.mix.prefixes", "2", "different ones of these (default 1)"),
    JobKey("serving.requests.mix.tenants", "1", "share nothing with each other (default 1)"),
    JobKey(
      "serving.requests.mix.priority", "0",
      "smaller ones go first, to systems that look at it (default 0)"),
    JobKey(
      "serving.requests.trace", "trace.csv", "requests of a trace, with the moments it has",
      not: ["serving.requests.mix"]),
    JobKey(
      "serving.requests.first", "0", "first request taken (default 0)",
      not: ["serving.requests.mix"], with: ["serving.requests.trace"]),
    JobKey("serving.requests.longest-prompt", "448", "longer ones are cut (optional)"),
    JobKey("serving.requests.longest-output", "64", "and so are outputs (optional)"),
  ]
}
