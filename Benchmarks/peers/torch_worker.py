#!/usr/bin/env python3
"""Qwen2 of a given shape, random weights, in PyTorch and transformers: takes orders from standard input.

Words, one a line: padded (one right-padded batch), packed (all prompts in one row through the linear
layers, attention prompt by prompt), decode (some steps of several sequences). Each answer is its
seconds. race.py starts it; the shape comes as JSON in the first argument.
"""

import copy
import json
import os
import sys
import time

shape = json.loads(sys.argv[1])
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(shape["threads"])
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402
import transformers  # noqa: E402

torch.set_num_threads(shape["threads"])
torch.set_grad_enabled(False)
torch.manual_seed(7)
kind = torch.bfloat16 if shape["precision"] == "bf16" else torch.float32
lengths = shape["lengths"]
bounds = [0]
for length in lengths:
    bounds.append(bounds[-1] + length)


def prompt_by_prompt(module, query, key, value, attention_mask, scaling=None, **unused):
    """Causal attention inside each prompt of a packed row."""
    parts = [
        torch.nn.functional.scaled_dot_product_attention(
            query[:, :, begin:end], key[:, :, begin:end], value[:, :, begin:end],
            is_causal=True, scale=scaling, enable_gqa=True)
        for begin, end in zip(bounds, bounds[1:])
    ]
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


transformers.AttentionInterface.register("prompt_by_prompt", prompt_by_prompt)
try:
    transformers.AttentionMaskInterface.register("prompt_by_prompt", lambda *a, **k: None)
except AttributeError:
    pass

configuration = transformers.Qwen2Config.from_pretrained(shape["model"])
configuration._attn_implementation = "sdpa"
model = transformers.Qwen2ForCausalLM(configuration).to(kind).eval()


def attention(name):
    model.config._attn_implementation = name


def tokens(*size):
    return torch.randint(0, shape["vocabulary"], size)


width = max(lengths)
rows = tokens(len(lengths), width)
mask = torch.tensor([[1] * n + [0] * (width - n) for n in lengths])
row = tokens(1, sum(lengths))
places = torch.cat([torch.arange(n) for n in lengths])[None]
last = torch.tensor([end - 1 for end in bounds[1:]])

attention("sdpa")
filled = model(
    tokens(shape["sequences"], shape["context"]), use_cache=True,
    logits_to_keep=1).past_key_values


def padded():
    attention("sdpa")
    # The last slot of each row stands for its sampled one: as many rows of the head.
    return lambda: model(rows, attention_mask=mask, use_cache=True, logits_to_keep=1)


def packed():
    attention("prompt_by_prompt")
    return lambda: model(row, position_ids=places, use_cache=True, logits_to_keep=last)


def decode():
    attention("sdpa")
    cache = copy.deepcopy(filled)
    step = tokens(shape["sequences"], 1)

    def run():
        for _ in range(shape["steps"]):
            model(step, past_key_values=cache, use_cache=True)

    return run


works = {"padded": padded, "packed": packed, "decode": decode}
print(json.dumps({
    "engine": f"PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()}), "
    f"transformers {transformers.__version__}"}), flush=True)
for line in sys.stdin:
    run = works[line.strip()]()
    start = time.perf_counter()
    run()
    print(time.perf_counter() - start, flush=True)
