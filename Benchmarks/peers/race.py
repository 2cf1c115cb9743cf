#!/usr/bin/env python3
"""padtax and PyTorch on one shape, one precision and as many threads, turn by turn.

  race.py --python VENV/bin/python [--precision fp32|bf16] [--threads 1|2] [--layers N] [--rounds N]

padtax runs as `mpirun -np THREADS step-bench --race`, one thread a rank (tp2 for two threads); PyTorch
with transformers as torch_worker.py with so many threads, under the interpreter named, which must have
torch and transformers (for instance in a virtual environment). Each keeps its model; only one works at
a time. Prints medians, the ratio of each pair's times (median), and what packing gives either. With
--csv FILE lines are added to a table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument("--python", default=sys.executable)
arguments.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
arguments.add_argument("--threads", type=int, choices=[1, 2], default=1)
arguments.add_argument("--layers", type=int, default=6)
arguments.add_argument("--rounds", type=int, default=3)
arguments.add_argument("--csv")
asked = arguments.parse_args()


class Runner:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.process.stdout.readline())

    def seconds(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


bench = os.path.join(here, "..", "..", ".build", "release", "step-bench")
# A rank that waits must leave the core to the other engine. Open MPI refuses root unless told twice.
os.environ["OMPI_MCA_mpi_yield_when_idle"] = "1"
os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
ours = Runner(
    ["mpirun", "-np", str(asked.threads), "--bind-to", "none", bench, "--race",
     "--precision", asked.precision, "--layers", str(asked.layers), "--patience", "2"])
shape = dict(ours.about, threads=asked.threads, precision=asked.precision)
theirs = Runner([asked.python, os.path.join(here, "torch_worker.py"), json.dumps(shape)])

words = ["padded", "packed", "decode"]
times = {word: ([], []) for word in words}
for turn in range(asked.rounds + 1):
    for word in words:
        pair = [0.0, 0.0]
        for side in ([0, 1] if turn % 2 else [1, 0]):
            pair[side] = (ours, theirs)[side].seconds(word)
        if turn > 0:  # The first round is warm-up.
            times[word][0].append(pair[0])
            times[word][1].append(pair[1])
ours.end()
theirs.end()

about = theirs.about
print(f"qwen2.5-0.5b with {shape['layers']} layers and {shape['vocabulary']} tokens, "
      f"{asked.precision}, {asked.threads} thread(s); torch {about['torch']} "
      f"({about['capability']}), transformers {about['transformers']}")
medians = {}
lines = []
for word in words:
    a, b = times[word]
    medians[word] = (statistics.median(a), statistics.median(b))
    ratio = statistics.median(y / x for x, y in zip(a, b))
    per = shape["steps"] if word == "decode" else 1
    mine, other = (1e3 * value / per for value in medians[word])
    print(f"  {word:7} padtax {mine:9.1f} ms, torch {other:9.1f} ms: torch / padtax {ratio:.2f}")
    lines.append([asked.precision, asked.threads, shape["layers"], word, f"{mine:.2f}",
                  f"{other:.2f}", f"{ratio:.3f}", asked.rounds])
tax = [medians["padded"][side] / medians["packed"][side] - 1 for side in (0, 1)]
print(f"  padding tax on prefill: padtax {tax[0]:.0%}, torch {tax[1]:.0%}")
if asked.csv:
    is_new = not os.path.exists(asked.csv)
    with open(asked.csv, "a") as table:
        if is_new:
            table.write("precision,threads,layers,what,padtax_ms,torch_ms,torch_over_padtax,rounds\n")
        for line in lines:
            table.write(",".join(map(str, line)) + "\n")
