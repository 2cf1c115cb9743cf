/// What the report's numbers mean: the one table behind every link from a number to its definition.
/// Keys are the names of `docs/METRICS.md` and of `summary.csv`.
enum Glossary {
  struct Entry: Sendable {
    let key: String
    /// What a reader calls it.
    let name: String
    let definition: String

    init(_ key: String, _ name: String, _ definition: String) {
      self.key = key
      self.name = name
      self.definition = definition
    }
  }

  static let entries: [Entry] =
    measurement + padding + times + againstPacked + resources + serving + network

  static func entry(_ key: String) -> Entry? { entries.first { $0.key == key } }

  /// The text as a link to its definition; plain text when the table lacks the key.
  static func link(_ key: String, text: String) -> HTML {
    entry(key) == nil
      ? HTML(text: text) : "<a class=\"def\" href=\"#def-\(key)\">\(text)</a>"
  }

  /// The entry's own name as a link to it.
  static func link(_ metric: SummaryMetric) -> HTML {
    link(metric.rawValue, text: entry(metric.rawValue)?.name ?? metric.rawValue)
  }

  private static let serving = [
    Entry(
      "aggregation", "aggregation",
      "request: a batch is put together once and held until its last request is done, rows padded to "
        + "the longest. iteration: requests join and leave between any two steps, nothing is padded."
    ),
    Entry(
      "serving_latency", "latencies of requests",
      "From a request's intended arrival, queueing included: TTFT to its first token, E2EL to its "
        + "last; TPOT = (E2EL − TTFT)/(output tokens − 1), ITL every gap between tokens."),
    Entry(
      "serving_throughput", "throughput of requests",
      "Requests, or output tokens, over the time from the first arrival to the last token of the "
        + "window; warm-up left out."),
    Entry(
      "goodput", "goodput",
      "Requests a second that met every service level of the job."),
    Entry(
      "pareto", "Pareto front",
      "Output tokens/s per user (1000/mean TPOT in ms) against output tokens/s per rank: a system "
        + "under a load is on the front when no other of its layout has more of both."),
  ]

  private static let network = [
    Entry(
      "busbw", "bus bandwidth (busbw)",
      "Size of a collective over its time, times nccl-tests' factor: 2(n−1)/n for an all-reduce of n "
        + "ranks, (n−1)/n for all-gather and reduce-scatter. What each rank's link carries, so that it "
        + "can be held against the link's own bandwidth. The table's: what the network's file says for "
        + "that operation, size and number of ranks.")
  ]

  private static let measurement = [
    Entry(
      "origin", "origin",
      "measured: timed on real ranks. virtual: timed by a simulated clock. modelled: computed from "
        + "a cost model. imported: measured by somebody else and read from files."),
    Entry(
      "n", "n",
      "Executions behind a number: batches times repeats; warm-up runs are stored but not counted."),
    Entry(
      "interval", "interval",
      "Bootstrap 95 % interval of the median: 2000 seeded resamples of the n values. It says how "
        + "well the median of this run is known, not how another machine would do."),
    Entry(
      "pairs", "pairs",
      "Executions of a policy that were compared with a packed execution of the same batch and "
        + "repeat on the same ranks."),
    Entry(
      "ttft_input_effect", "input effect on TTFT",
      "Standard deviation of the batches' true log TTFTs: about how far inputs move it, relatively."
    ),
    Entry(
      "ttft_noise", "noise of TTFT",
      "Standard deviation of log TTFT between repeats of one batch."),
    Entry(
      "total_input_effect", "input effect on total time",
      "Standard deviation of the batches' true log total times."),
    Entry(
      "total_noise", "noise of total time",
      "Standard deviation of log total time between repeats of one batch."),
    Entry(
      "outliers", "outliers",
      "Executions further than 3.5 scaled median absolute deviations from their batch's median; "
        + "marked, never left out."),
  ]

  private static let padding = [
    Entry(
      "slot", "slot",
      "A token position that is computed, stored or sent. A useful slot carries a real token."),
    Entry("pad_ratio", "pad ratio p", "Share of the prefill's slots that hold no token."),
    Entry(
      "cov_pad", "spread cov_pad",
      "Population standard deviation of the padding per row (longest prompt − its length) / mean."),
    Entry(
      "cov_len", "spread cov_len",
      "Population standard deviation of the prompt lengths / their mean."),
    Entry("input_tokens", "input tokens", "Real prompt tokens of a batch."),
    Entry("prefill_slots", "prefill slots", "Slots that the prefill of a batch computes."),
    Entry("decode_slots", "decode slots", "Slots that the decode steps of a batch compute."),
    Entry("truncated_tokens", "truncated tokens", "Prompt tokens that the policy cut off."),
    Entry(
      "slot_budget", "slot budget",
      "The slots of a batch by what they were for. length: the row is shorter than the longest of "
        + "its batch or micro-batch. fixed: the longest row is shorter than the fixed length. "
        + "bucket: the longest row of a bucket is shorter than the bucket's edge. fill: the row waits "
        + "while longer prompts are fed. finished: the row is done but still resident. graph: the "
        + "step has fewer rows than the CUDA graph that runs it. useful and these causes add up to "
        + "all slots."),
  ]

  private static let times = [
    Entry(
      "batch_ttft_s", "TTFT",
      "Time to first token of a batch: from its start until each of its sequences has its first "
        + "token; median over executions."),
    Entry("total_s", "total time", "From the start of a batch to its last token; median."),
    Entry(
      "prefill_effective_tps", "effective prefill rate",
      "Real input tokens / TTFT, tokens per second."),
    Entry("prefill_raw_tps", "raw prefill rate", "Prefill slots, padded ones too, / TTFT."),
    Entry(
      "decode_tps", "decode rate",
      "Tokens after each sequence's first / (total time − TTFT), tokens per second."),
    Entry(
      "tpot_ms", "TPOT",
      "Time per output token after each sequence's first, in milliseconds; median."),
    Entry("end_to_end_tps", "end-to-end rate", "(Real input + output tokens) / total time."),
    Entry("tprit_ms", "TPRIT", "TTFT per real input token, in milliseconds."),
    Entry(
      "mean_nll", "mean NLL", "Mean negative log-likelihood in nats over the scored tokens."),
    Entry(
      "prefill_mfu", "MFU",
      "Model FLOPs utilisation: FLOPs of the prefill on real tokens / (TTFT · peak), with the peak "
        + "measured on each rank at start."),
    Entry("prefill_mfu_raw", "raw MFU", "As MFU, with the FLOPs on all slots."),
    Entry(
      "fit", "fit",
      "Least-squares line through the TTFTs over (longest − shortest prompt): slope in seconds per "
        + "token, intercept, R²."),
  ]

  private static let againstPacked = [
    Entry(
      "padding_tax_ttft", "padding tax",
      "TTFT padded / TTFT packed − 1: the same batches on the same ranks, pair by pair; median."),
    Entry(
      "padding_tax_total", "padding tax on the total", "The same on the total time of a batch."),
    Entry(
      "packing_speedup", "packing speed-up", "TTFT padded / TTFT packed, pair by pair; median."),
    Entry(
      "ideal_packing_speedup", "ideal speed-up",
      "FLOPs of the padded prefill / FLOPs of its real tokens, counted exactly: what packing would "
        + "gain if time were FLOPs."),
    Entry(
      "packing_efficiency", "packing efficiency",
      "(packing speed-up − 1) / (ideal speed-up − 1): the part of the possible gain that packing "
        + "reached. Above 1.05 for a policy of one rectangle something other than packing changed."),
  ]

  private static let resources = [
    Entry("compute_share", "compute share", "Part of the ranks' wall time outside MPI."),
    Entry(
      "communication_share", "communication share",
      "Part of the ranks' wall time in which data moved: of a collective the shortest time that any "
        + "member spent in it, of an activation from sent and awaited to its arrival."),
    Entry(
      "idle_share", "idle share",
      "The rest of the ranks' wall time: waiting for slower ranks, earlier stages, tokens."),
    Entry(
      "prefill_communication_share", "communication share of prefill",
      "Communication share of the prefill alone."),
    Entry("prefill_idle_share", "idle share of prefill", "Idle share of the prefill alone."),
    Entry(
      "decode_communication_share", "communication share of decode",
      "Communication share of the decode steps alone."),
    Entry("decode_idle_share", "idle share of decode", "Idle share of the decode steps alone."),
    Entry(
      "sent_bytes", "bytes sent",
      "Bytes of the buffers that model operations were given, per batch, over all ranks. An "
        + "all-reduce counts its buffer once per rank; bytes on links are not measured."),
    Entry(
      "padded_sent_bytes", "padded bytes sent",
      "The part of them that belongs to slots without a token."),
    Entry(
      "padded_communication_share", "padded share of communication",
      "Part of the communication time that belongs to slots without a token: per rank, phase and "
        + "operation its time · padded bytes / bytes."),
    Entry(
      "control_bytes", "control bytes", "Bytes of plans and tokens, which are not the model's."),
    Entry(
      "energy_j", "energy",
      "Joules that the GPU boards of all ranks took per execution of a batch, boards as a whole, by "
        + "NVML's counters; the mean, since a counter moves in steps of some 100 ms. Processors, memory "
        + "and network of the hosts are not in it."),
    Entry(
      "energy_j_per_token", "joules per real token",
      "That energy of all executions together over their real input and output tokens; slots without "
        + "a token count nothing."),
    Entry(
      "kv_waste", "W",
      "Memory waste: 1 − KV slots that hold a token at the end / KV slots reserved."),
    Entry(
      "kv_bytes_reserved_per_rank", "KV reserved",
      "Bytes of the KV cache on the rank that reserved most."),
    Entry("weight_bytes_per_rank", "weights", "Bytes of weights on the rank that holds most."),
    Entry(
      "peak_memory_bytes_per_rank", "peak memory",
      "High-water mark of resident memory of the largest rank's process."),
  ]
}
