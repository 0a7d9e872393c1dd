"""Train the studies of the findings page and keep what it says of them, in docs/findings.json.

    python docs/studies.py FOLDER [NAME ...]

FOLDER gets a sweep for each study; those that are there are not trained again, and one that was interrupted
goes on.  On two cores all take about an hour and a half.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from scipy import stats

from analysis.plotting import save
from training.statistics import bootstrap_ratio, verdict
from training.sweeping.figures import figures_of
from training.sweeping.plotting import spectrum
from training.sweeping.protocols import (
    at_equal,
    best_published,
    epochs_until,
    fair,
    published,
    score,
)
from training.sweeping.spectra import RATES, trained
from training.sweeping.store import Store, read_dataset, read_plan
from training.sweeping.tables import costs, settings

HERE = Path(__file__).parent
KEPT = HERE / "findings.json"
SMALL = "--networks N1,N2,N3,B1"
ORDERS = "--orders 1,2,3 --alphas 0,312/125,2/125,-63/25,126/125"  # and the widest basin of order 1, degree 5
STUDIES = {
    "published": f"{SMALL} --protocol paper",
    "small": f"{SMALL} {ORDERS} --learning-rates log:0.001:3:21 --runs 30",
    "initialisations": f"{SMALL} --initialisations orthogonal,kaiming,rank-2 "
    "--learning-rates log:0.001:3:13 --runs 15",
    "data": "--networks N1,N2,N3 --data normal,fixed --samples 10000 --batch-sizes 2000,10000 "
    "--learning-rates log:0.01:1:5 --runs 12 --epochs 500",
    "B2-kaiming": "--networks B2 --initialisations kaiming --batch-sizes 250 --epochs 500 "
    "--learning-rates log:0.0001:0.1:7 --runs 12",
    "N4": "--networks N4 --batch-sizes 250 --epochs 25 --learning-rates 0.1,0.3,1,3 --runs 12",
    "B2": "--networks B2 --batch-sizes 250 --epochs 500 --learning-rates 0.1,0.3,1,3 --runs 12",
    "published-B2": "--networks B2 --protocol paper --learning-rates 0.2:1:0.2 --runs 3 --epochs 300",
    "pictures": "--networks u-dcgan-digits --data digits --initialisations kaiming --batch-sizes 128 "
    "--epochs 60 --learning-rates log:0.001:1:7 --runs 6",
    "published-B3-B4": "--networks B3,B4 --protocol paper --learning-rates 0.1,0.2,0.3,0.5,0.6 "
    "--batch-sizes 250 --runs 2 --epochs 15",
    "batches": f"{SMALL} --batch-sizes 32,100,1000,10000 --learning-rates log:0.01:1:5 "
    "--runs 12 --epochs 300",
}
"""Each by the options of `corrector sweep`."""

DRAWN = {"published": ("rates",), "small": ("pareto",), "B2-kaiming": ("epochs",)}
"""Which figures of a study the page shows."""

FIRST = "modified order 1"
"""What correctors of other orders are compared with."""

REPORTED = 10
"""Runs to report, at least, of which none has a part in choosing the rate, where there are more."""

COARSE = 1e-6
"""A score that is small enough for any use."""

NEAR = 0.1
"""The score at which a run counts as nearly idempotent."""


def train(name, folder):
    """Carry out a study, or go on with it."""
    command = ["sweep", *STUDIES[name].split(), "--yes", "--output", str(folder / name)]
    subprocess.run([sys.executable, "-m", "corrector", *command], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - this very program


def summary(path):
    """What the page says of a study."""
    plan, data = read_plan(path), read_dataset(path)
    seconds = Store(path, plan).seconds()
    found = {"runs": int(data.diverged.size), "epochs": plan.epochs, "settings": []}
    for one in settings(data):
        first = one.data.isel(epoch=0, rule=0, learning_rate=0)
        entry = dict(zip(("network", "initialisation", "data", "batch"), map(_plain, one.at), strict=False))
        entry["kept_at_first"] = _plain(float(first.kept.median()))
        entry["at_equal_rates"] = at_equal_rates(one.data)
        if plan.reductions == ("seed",):
            entry["published"] = as_published(one.data)
        else:
            few = min(max(1, plan.runs // 3), max(1, plan.runs - REPORTED))
            table = fair(one.data, costs(one, plan), tuning=few)
            by_time = fair(one.data, costs(one, plan, seconds), tuning=few)
            entry["passes"], entry["seconds"] = as_fair(table), as_fair(by_time)
            entry["sooner"] = as_sooner(one.data, table)
            entry["coarser"] = coarser(one.data, table, costs(one, plan))
            if FIRST in data.rule:
                modified = [rule for rule in data.rule.values if str(rule).startswith("modified")]
                orders = one.data.sel(rule=modified)
                found_orders = fair(orders, costs(one, plan), tuning=few, reference=FIRST)
                entry["orders"] = as_fair(found_orders)
        found["settings"].append(entry)
    return found


def as_fair(table):
    """A fair table as JSON."""
    plain = ("rule", "rate", "spent", "runs", "diverged", "collapsed", "edge")
    rows = [
        {
            **{name: _plain(getattr(row, name)) for name in plain},
            **{name: _estimate(found) for name, found in row.measures.items()},
            "ratios": {name: _ratio(found) for name, found in row.ratios.items()},
        }
        for row in table.rows
    ]
    return {"budget": table.budget, "reported": len(table.reported), "rows": rows}


def as_published(data):
    """Each rule at its best rate as the sources average, and how many runs improved at every rate."""
    improved = data.sizes["run"] - published(data).discarded
    return [
        {
            **{name: _plain(value) for name, value in row._asdict().items()},
            "improved": {f"{float(one.learning_rate):g}": int(one) for one in improved.sel(rule=row.rule)},
        }
        for row in best_published(data)
    ]


def at_equal_rates(data):
    """How the modified rule ends beside the ordinary one, at rates equal in name and in effect."""
    rules = [str(rule) for rule in data.rule.values]
    ours = FIRST if FIRST in rules else "modified"
    found = {}
    for kind in ("nominal", "effective"):
        try:
            same = at_equal(data, ours, "ordinary", rates=kind)
        except ValueError:  # no two rates are equal
            found[kind] = None
            continue
        found[kind] = {name: getattr(same, name) for name in ("pairs", "sound", "of")}
        found[kind] |= {"first": same.rates[0], "last": same.rates[-1]}
        found[kind]["ratios"] = {name: _ratio(ratio) for name, ratio in same.ratios.items()}
    return found


def coarser(data, table, prices):
    """The first corrector's ratio of scores where none counts as less than `COARSE`."""
    scores = {}
    for row in table.rows:
        epoch = round(row.spent / prices[row.rule])
        at = data.sel(rule=row.rule, learning_rate=row.rate, run=list(table.reported)).sel(epoch=epoch)
        scores[row.rule] = score(at, COARSE).values
    ours = FIRST if FIRST in scores else "modified"
    return _ratio(bootstrap_ratio(scores[ours], scores["ordinary"]))


def as_sooner(data, table):
    """How many runs come to a score of `NEAR`, when, and how much sooner than by the ordinary rule."""
    found = epochs_until(data, table, NEAR)
    theirs = found[table.reference]
    return {
        rule: {
            "reached": int(np.isfinite(ours).sum()),
            "median": _plain(float(np.median(ours))),
            "ratio": _ratio(bootstrap_ratio(ours, theirs)),
        }
        for rule, ours in found.items()
    }


def spectra(seeds=10_000):
    """How often the final rank of N1 is the number of first eigenvalues with real part above ½."""
    rows = []
    for rate, steps in RATES.items():
        found = trained(range(seeds), rate=rate, steps=steps)
        right = int(((found.reached == found.predicted) & found.arrived).sum())
        interval = stats.binomtest(right, seeds).proportion_ci(method="wilson")
        rows.append(
            {
                "rate": rate,
                "seeds": seeds,
                "arrived": int(found.arrived.sum()),
                "right": right,
                "low": float(interval.low),
                "high": float(interval.high),
            }
        )
        if rate == min(RATES):
            save(spectrum(found), HERE / "pictures" / "findings-spectrum.png")
    return rows


def _estimate(found):
    return {name: _plain(getattr(found, name)) for name in ("mean", "low", "high", "count")}


def _ratio(found):
    return _estimate(found) | {"verdict": verdict(found)}


def _plain(value):
    value = getattr(value, "item", lambda: value)()
    if not isinstance(value, float):
        return value
    return float(f"{value:.5g}") if np.isfinite(value) else None


def keep(kept):
    """Write what the page says, a line a study."""
    lines = (f"{json.dumps(name)}: {json.dumps(found, ensure_ascii=False)}" for name, found in kept.items())
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(folder, names):
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in names or STUDIES:
        train(name, folder)
        kept[name] = summary(folder / name) | {"command": f"corrector sweep {STUDIES[name]}"}
        for kind in DRAWN.get(name, ()):
            save(figures_of(folder / name)[kind](), HERE / "pictures" / f"findings-{name}-{kind}.png")
        keep(kept)
    if not names:
        kept["spectra"] = spectra()
        keep(kept)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
