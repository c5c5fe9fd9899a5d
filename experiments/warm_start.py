"""From 5 to 20 labels a class: does a training that begins with the first one need fewer steps?

    python -m experiments.warm_start --set=mnist --data_dir=DATA --workdir=runs/warm_start \
        --output=warm_start

`five`: the recipe (`few`, 1,500 steps) with 5 labels a class. `fresh`: with 20 a class, the 5 among
them. `half`: the same from the network of `five` (`train.warm_start`), in 750 steps; `third`: in
500. `fresh half`: without it, in 750. Five draws, seeds 100 to 104, one network each. Accuracies
are of nearest neighbours among the labelled images, on all test images.
"""

from pathlib import Path
from typing import Any

from absl import flags

from jaxdml.commands import cli
from jaxdml.configs import few
from jaxdml.report.tables import statistics, table
from jaxdml.runs.execution import execute
from jaxdml.runs.storage import files, folder
from jaxdml.settings.fields import WARM_START, assign, flatten

SET = flags.DEFINE_enum("set", "mnist", ["mnist", "organamnist"], "Of data.")
DRAWS = flags.DEFINE_integer("draws", 5, "How many draws of labels.")
OUTPUT = flags.DEFINE_string("output", "runs/warm_start/table", "The folder for the table.")
MARGIN = 0.003
STEPS = {"five": 1500, "fresh": 1500, "half": 750, "third": 500, "fresh half": 750}
COLUMNS = ("way", "draw", "labels a class", "steps", "accuracy", "seconds")


def main() -> None:
    """Trains what is not finished yet, and prints the table."""
    parents = trained("five", {})
    begin = {r["config"]["seed"]: str(parents.point(r["point"])) for r in parents.results()}
    runs = {"five": parents}
    for way in ("fresh", "half", "third", "fresh half"):
        runs[way] = trained(way, begin if way in ("half", "third") else {})
    rows = [row for way, run_folder in runs.items() for row in rows_of(way, run_folder)]
    files.write_csv(Path(OUTPUT.value) / f"{SET.value}.csv", COLUMNS, rows)
    print(table.markdown(summary(rows)))


def trained(way: str, begin: dict[int, str]) -> folder.Folder:
    """The finished run of a way, each draw with its parent if it has one."""
    base = assign(
        flatten(few.get_config().to_dict()),
        {
            "data.name": SET.value,
            "data.labels_per_class": 5 if way == "five" else 20,
            "train.steps": STEPS[way],
            "eval.protocols": ("labelled",),
            "eval.baselines": (),
        },
    )
    seeds = range(100, 100 + DRAWS.value)
    varied = ("seed", "data.labels_seed", WARM_START)
    over = ({varied: tuple((seed, seed, begin.get(seed)) for seed in seeds)},)
    workdir = cli.workdir() / SET.value / way.replace(" ", "_")
    print(f"{SET.value} {way}", flush=True)
    return execute.run(base, over, workdir, cli.data_dir())


def rows_of(way: str, run_folder: folder.Folder) -> list[dict[str, Any]]:
    """A row a draw."""
    return [
        {
            "way": way,
            "draw": result["config"]["seed"],
            "labels a class": result["config"]["data.labels_per_class"],
            "steps": sum(result["steps"].values()),
            "accuracy": score["value"],
            "seconds": result["seconds"],
        }
        for result in run_folder.results()
        for score in result["scores"]
        if score["metric"] == "accuracy"
    ]


def summary(rows: list[dict[str, Any]]) -> table.Table:
    """Means, and each way against the fresh training of full length."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        values.setdefault(row["way"], {})[row["draw"]] = float(row["accuracy"])
    ways = list(values)
    against = [statistics.paired(values[way], values["fresh"]) for way in ways if way != "fresh"]
    said = iter(zip(against, statistics.verdicts(against, MARGIN), strict=True))
    body = []
    for way in ways:
        each = list(values[way].values())
        numbers = [f"{v:.4f}" for v in (sum(each) / len(each), min(each), max(each))]
        difference = ["", "", ""]
        if way != "fresh":
            one, verdict = next(said)
            if one is not None and one.low is not None:
                difference = [f"{one.mean:+.4f}", f"[{one.low:.4f}, {one.high:.4f}]", verdict]
        body.append([way, str(STEPS[way]), str(len(each)), *numbers, *difference])
    heading = ("way", "steps", "draws", "mean", "least", "most", "− fresh", "95 %", "it is")
    return table.Table("", heading, body, 1, [f"Equivalent: nearer than {MARGIN}."])


if __name__ == "__main__":
    cli.main(main)
