#!/usr/bin/env python3
"""Qwen2 of a given shape, random weights, in vLLM's CPU engine: takes orders from standard input.

Words, one a line: padded (as many prompts of the longest length: vLLM never pads, so this is what a
rectangle would cost it), packed (the prompts), decode (some steps of several sequences). Each answer is
its seconds. race.py starts it; the shape comes as JSON in the first argument.
"""

import json
import os
import random
import sys
import time

shape = json.loads(sys.argv[1])
ranks, threads = shape["ranks"], shape["threads"]
cores = sorted(os.sched_getaffinity(0))
if ranks > 1:
    places = "|".join(str(core) for core in cores[:ranks])
    os.sched_setaffinity(0, cores[:ranks])
else:
    places = ",".join(str(core) for core in cores[:threads])
os.environ.update(
    VLLM_CPU_KVCACHE_SPACE="1", VLLM_CPU_NUM_OF_RESERVED_CPU="0", OMP_NUM_THREADS=str(threads),
    VLLM_CPU_OMP_THREADS_BIND=places,
    # The scheduler in this process: a step then has all requests, and no message on its way.
    VLLM_ENABLE_V1_MULTIPROCESSING="0",
    VLLM_HOST_IP="127.0.0.1", VLLM_NO_USAGE_STATS="1", DO_NOT_TRACK="1", HF_HUB_OFFLINE="1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
# The engine writes to standard output too; answers go where it was.
answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def main():
    import torch
    import vllm

    widest = len(shape["lengths"]) * max(shape["lengths"])
    most = max(len(shape["lengths"]), shape["sequences"])
    engine = vllm.LLM(
        model=shape["model"], load_format="dummy", skip_tokenizer_init=True, max_model_len=512,
        dtype="bfloat16" if shape["precision"] == "bf16" else "float32",
        tensor_parallel_size=ranks, max_num_seqs=most, max_num_batched_tokens=widest,
        enable_prefix_caching=False, disable_log_stats=True,
        enforce_eager=not shape["compiled"]).llm_engine
    made = 0
    draw = random.Random(7)

    def step_times(lengths, outputs):
        """Seconds of each step until every request has its outputs; the first is the prefill."""
        nonlocal made
        greedy = vllm.SamplingParams(
            max_tokens=outputs, temperature=0, ignore_eos=True, detokenize=False)
        for length in lengths:
            made += 1
            tokens = [draw.randrange(shape["vocabulary"]) for _ in range(length)]
            engine.add_request(str(made), {"prompt_token_ids": tokens}, greedy)
        times = []
        while engine.has_unfinished_requests():
            start = time.perf_counter()
            engine.step()
            times.append(time.perf_counter() - start)
        if len(times) != outputs:
            sys.exit(f"vllm_worker: {outputs} steps were asked for, vLLM made {len(times)}")
        return times

    works = {
        "padded": lambda: step_times([max(shape["lengths"])] * len(shape["lengths"]), 1)[0],
        "packed": lambda: step_times(shape["lengths"], 1)[0],
        "decode": lambda: sum(
            step_times([shape["context"]] * shape["sequences"], shape["steps"] + 1)[1:]),
    }
    step_times([8] * most, 4)
    print(json.dumps({"engine": f"vLLM {vllm.__version__} (torch {torch.__version__})"}),
          file=answers)
    for line in sys.stdin:
        print(works[line.strip()](), file=answers)


if __name__ == "__main__":
    main()
