"""Speed against PyTorch, against bare matrix products, and against the machine's roofline.

    python -m experiments.bench [--cases="ae,few conv"] [--rounds=5] [--nogrid] [--write]

First a step of training. For each case the same networks and losses are trained here and in
PyTorch, in each way that someone would try who wants speed: see `experiments/benchmark/pytorch.py`.
Each contestant is a process of its own. They take turns, and the fastest way of PyTorch counts.
Products are those of the networks alone. The operations and operands that the compiler counts are
set beside a large product and a copy of the same run: the larger share is that of the roofline.
More than a copy's speed means that operands stay in caches.

Then the whole of configs/bench_grid.py on MNIST (on digits where DATA has none): from the start of
the command to its report, once with nothing compiled before, and once more; and, between these, the
same points by a loop in PyTorch with its fused Adam, which writes no report.

With --precision=bfloat16 both are trained in mixed precision, and ours in float32 as well; products
stay in float32. Beside each ratio stands the last one of this machine, from
experiments/benchmark/ratios.csv; --write writes the new ones there. `make bench` installs what this
needs.
"""

import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from experiments.benchmark import ours, products, ratios
from experiments.benchmark.cases import CASES, Case
from experiments.benchmark.turns import Contestant
from jaxdml.commands import cli
from jaxdml.options import ConfigError, listed
from jaxdml.train import population

ROUNDS = flags.DEFINE_integer("rounds", 5, "How often each contestant has its turn.", lower_bound=1)
ONLY = flags.DEFINE_list(
    "cases", None, "Cases whose steps are timed. Default: all that fit the device."
)
STEPS = flags.DEFINE_bool("steps", True, "Time the steps of training.")
GRID = flags.DEFINE_bool("grid", True, "Time the whole grid, too: some minutes.")
PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "Of the products.")
WRITE = flags.DEFINE_bool("write", False, "Write the ratios to experiments/benchmark/ratios.csv.")
GRID_CASES = ("40 points, first start", "40 points, second start")


def main() -> None:
    """Prints the tables."""
    if not importlib.util.find_spec("pytorch_metric_learning"):
        raise ConfigError("bench needs PyTorch: pip install 'jaxdml[bench]'")
    names = ONLY.value or usual()
    if strange := [name for name in names if name not in CASES]:
        raise ConfigError(f"--cases must be some of {listed(CASES)}, but one is {strange[0]!r}")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # processes share a GPU
    if STEPS.value:
        flops, bandwidth = products.roofline()
        print(f"{ratios.machine()}, {', '.join(ratios.now())}")
        print(f"a large product {flops / 1e9:.0f} GFLOP/s, a copy {bandwidth / 1e9:.1f} GB/s")
        chosen = {name: CASES[name]._replace(precision=PRECISION.value) for name in names}
        for name, case in chosen.items():
            keep([step(name, case, flops, bandwidth)])
    if GRID.value:
        keep(whole_grid())


def keep(found: list[ratios.Ratio]) -> None:
    """Writes ratios to the repository's file, where that was asked for."""
    if WRITE.value:
        ratios.write(found)


def usual() -> list[str]:
    """All cases on an accelerator; on a CPU, where points follow each other, up to eight points."""
    return [name for name, case in CASES.items() if population.accelerated() or case.points <= 8]


def step(name: str, case: Case, flops: float, bandwidth: float) -> ratios.Ratio:
    """Times a case, and prints its rows: milliseconds for each step and point."""
    from experiments.benchmark import pytorch

    narrow = case.precision != "float32"
    wide = case._replace(precision="float32")
    contestants = [
        Contestant("jaxdml", ours.training, case),
        *([Contestant("in float32", ours.training, wide)] if narrow else []),
        Contestant("products", products.training, case),
        *(Contestant(v, pytorch.training, case, v) for v in pytorch.variants(case)),
    ]
    name = name if not narrow else f"{name} in {case.precision}"
    print(f"\n{name}", flush=True)
    facts: dict[str, dict[str, float]] = {}
    for contestant in contestants:
        answer = contestant.ready()
        if isinstance(answer, str):
            print(f"  {contestant.name:12} cannot take part: {answer}")
        else:
            facts[contestant.name] = answer
    taken: dict[str, list[float]] = {name: [] for name in facts}
    for _ in range(ROUNDS.value):
        for contestant in contestants:
            if contestant.name in taken:
                taken[contestant.name].append(contestant.turn(case.steps) / case.points)
                time.sleep(0.3)  # threads of the one before spin for a while
    for contestant in contestants:
        contestant.close()
    middle = {who: statistics.median(seconds) for who, seconds in taken.items()}
    fastest = min(
        (who for who in middle if who not in ("jaxdml", "products")), key=middle.__getitem__
    )
    for who, seconds in middle.items():
        mark = "  fastest of PyTorch" if who == fastest else ""
        print(f"  {who:12}{1e3 * seconds:9.3f} ms{mark}")
    mine = middle["jaxdml"]
    by_turn = [b / a for a, b in zip(taken["jaxdml"], taken[fastest], strict=True)]
    row = ratios.Ratio(
        ratios.machine(), name, middle[fastest] / mine, min(by_turn), max(by_turn), fastest,
        middle["products"] / mine, *ratios.now(),
    )  # fmt: skip
    say(row)
    done, moved = (
        facts["jaxdml"]["flops"] / mine / flops,
        facts["jaxdml"]["bytes"] / mine / bandwidth,
    )
    print(
        f"  {facts['jaxdml']['flops'] / 1e6:.0f} MFLOP, {case.flops / 1e6:.0f} of them products, "
        f"at {done:.2f} of a large product's speed; "
        f"{facts['jaxdml']['bytes'] / 2**20:.0f} MiB of operands, at {moved:.2f} of a copy's",
        flush=True,
    )
    return row


def say(row: ratios.Ratio) -> None:
    """Prints a ratio, and the last one of this machine."""
    before = ratios.read().get((row.machine, row.case))
    last = f" (last {before.of_pytorch:.2f}, {before.date})" if before else ""
    print(
        f"  {row.of_pytorch:.2f} × PyTorch, {row.lowest:.2f} to {row.highest:.2f} by turns{last}",
        end="",
    )
    if row.of_products is not None:
        last = f" (last {before.of_products:.2f})" if before and before.of_products else ""
        print(f"; {row.of_products:.2f} of the products' speed{last}", end="")
    print()


def whole_grid() -> list[ratios.Ratio]:
    """Seconds from start to results, in processes of their own."""
    data = cli.data_dir()
    name = "mnist" if (data / "mnist").is_dir() else "digits"
    with tempfile.TemporaryDirectory() as scratch:
        compiled = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{scratch}/compiled"}
        module = [sys.executable, "-m"]
        grid = [*module, "experiments.grid", "--config=configs/bench_grid.py"]
        grid += [f"--data_dir={data}", f"--config.data.name={name}"]
        first, said = timed([*grid, f"--workdir={scratch}/first"], compiled)
        compiling = seconds_compiling(said)
        # between ours: where a shared machine becomes faster or slower, it lies in the middle
        other = [*module, "experiments.bench_pytorch", f"--data_dir={data}", f"--data={name}"]
        plain, their_score = timed(other, dict(os.environ))
        second, said = timed([*grid, f"--workdir={scratch}/second"], compiled)
        print(f"\n40 points of two epochs on {name}, scored by nearest neighbours, in seconds")
        print(f"  {'jaxdml, first start':28}{first:9.1f}   compiling {compiling:.1f}")
        print(
            f"  {'jaxdml, second start':28}{second:9.1f}   compiling {seconds_compiling(said):.1f}"
        )
        print(f"  {'PyTorch, scikit-learn':28}{plain:9.1f}")
        print(f"  PyTorch, {their_score.splitlines()[-1]}; jaxdml: {mean(scratch)}")
    rows = []
    for case, seconds in zip(GRID_CASES, (first, second), strict=True):
        ratio = plain / seconds
        row = ratios.Ratio(
            ratios.machine(), case, ratio, ratio, ratio, "fused", None, *ratios.now()
        )
        print(f"  {case}:", end="")
        say(row)
        rows.append(row)
    return rows


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Seconds that a command took, and what it said."""
    start = time.perf_counter()
    done = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, errors="replace"
    )
    return time.perf_counter() - start, done.stderr + done.stdout


def seconds_compiling(said: str) -> float:
    """What a run says that it spent on compiling."""
    found = re.search(r"compiling ([\d.]+) s", said)
    assert found, said
    return float(found[1])


def mean(scratch: str) -> str:
    """Mean accuracies of the first run, to see that both trained the same."""
    from jaxdml.runs.storage import files

    scores: dict[str, list[float]] = {}
    for row in files.read_csv(Path(scratch) / "first" / "results.csv"):
        if row["metric"] == "accuracy":
            scores.setdefault(row["protocol"], []).append(float(row["value"]))
    return ", ".join(f"{protocol} {np.mean(found):.3f}" for protocol, found in scores.items())


if __name__ == "__main__":
    cli.main(main)
