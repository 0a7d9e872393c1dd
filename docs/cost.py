"""The table and the picture of `docs/rules.md`: what a step costs by each rule, from docs/cost.json.

.venv/bin/python -m tests.benchmarks.rules --write docs/cost.json measures it; this writes and draws it.
"""

import json
from pathlib import Path
from statistics import median

from blocks import write

from analysis.plotting import PALETTE, new_figure, styled

HERE = Path(__file__).parent
RULES = {
    "ordinary": ("ordinary", "o", PALETTE[5]),
    "modified": ("modified, order 1", "s", PALETTE[0]),
    "modified, order 2": ("modified, order 2", "D", PALETTE[4]),
    "target": ("target", "^", PALETTE[2]),
    "inner": ("inner", "v", PALETTE[3]),
    "outer": ("outer", "P", PALETTE[1]),
    "the notes' Function": ("the notes' code", "x", "#555555"),
}


def block(found):
    """Write the table: medians of ratios of runs next to each other, and memory."""
    yield "| rule | B3: time | of the notes' | memory | B4: time | of the notes' | memory |"
    yield "|---|---|---|---|---|---|---|"
    for name in found["B3"]["time"]:
        cells = []
        for net in (found["B3"], found["B4"]):
            time, notes = net["time"][name], net["time"]["the notes' Function"]
            beside = median(a / b for a, b in zip(time, notes, strict=True))
            held = net["memory"][name] / net["memory"]["ordinary"]
            cells += [f"{median(time):.2f}", f"{beside:.2f}", f"{held:.2f}"]
        yield f"| {name} | {' | '.join(cells)} |"


BLOCKS = {"cost": block}


def drawn(depth):
    """Two panels: time in forward passes, and megabytes, against the number of layers."""
    layers = [int(n) for n in depth]
    with styled():
        figure = new_figure(9.0, 4.0)
        time, memory = figure.subplots(1, 2)
        for name, (label, mark, colour) in RULES.items():
            style = {"label": label, "marker": mark, "color": colour, "markersize": 5}
            time.plot(layers, [median(each["time"][name]) for each in depth.values()], **style)
            memory.plot(layers, [each["memory"][name] / 1e6 for each in depth.values()], **style)
        time.set(ylabel="time of a step, in forward passes", ylim=(0, None), xscale="log")
        memory.set(ylabel="peak memory of a step, MB", yscale="log", xscale="log")
        for ax in (time, memory):
            ax.set(xlabel="layers of 256 units, batch 1000")
            ax.set_xticks(layers, [str(n) for n in layers])
            ax.minorticks_off()
        time.legend(ncols=2, fontsize="small")
        return figure


if __name__ == "__main__":
    found = json.loads((HERE / "cost.json").read_text(encoding="utf-8"))
    drawn(found["depth"]).savefig(HERE / "pictures" / "cost.png", dpi=150)
    write(HERE / "rules.md", found, BLOCKS)
