"""Trains, evaluates and reports every point of a grid; what is finished is not done again.

python -m experiments.grid --config=configs/digits_grid.py --workdir=runs/grid [--dry_run]
"""

from absl import flags

from experiments import cli
from jaxdml.runs import execute, grid, plan

DRY_RUN = flags.DEFINE_bool("dry_run", False, "Print the plan, and train nothing.")


def main() -> None:
    """The grid that the configuration file's `get_grid()` gives."""
    base = cli.config()
    over = cli.grid()
    points = grid.expand(base, over)
    cli.note_unread(points)
    if DRY_RUN.value:
        planned = plan.plan(points, plan.loader(cli.data_dir()))
        print(plan.describe(planned))
        return
    cli.write_report(execute.run(base, over, cli.workdir(), cli.data_dir()))


if __name__ == "__main__":
    cli.define_config()
    cli.main(main)
