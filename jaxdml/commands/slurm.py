"""A Dask cluster on SLURM for the command grid. Copy and adapt it.

    jaxdml slurm --jobs=4 --queue=gpu --gres=gpu:4      (leave it running)
    jaxdml grid --config=… --workdir=… --scheduler=ADDRESS

Each job is one worker, which trains chunks of points on all devices that SLURM gives it. The run
folder, the data and this environment must be on a file system that all nodes share. Jobs that end
at their time limit are replaced, and their chunks go on from the last checkpoint.

`--account`, `--cores`, `--memory` and `--walltime` are of each job, as SLURM has them. `--show`
prints the job script and submits nothing.
"""

import importlib.util
import re
import time
from typing import NoReturn

from absl import flags

from jaxdml.commands import cli
from jaxdml.options import ConfigError

OWN = flags.FlagValues()
JOBS = flags.DEFINE_integer(
    "jobs", 1, "How many workers there should be.", lower_bound=1, flag_values=OWN
)
QUEUE = flags.DEFINE_string("queue", None, "The partition.", flag_values=OWN)
ACCOUNT = flags.DEFINE_string("account", None, "The account.", flag_values=OWN)
CORES = flags.DEFINE_integer("cores", 8, "Cores of a job.", lower_bound=1, flag_values=OWN)
MEMORY = flags.DEFINE_string("memory", "32GB", "Memory of a job.", flag_values=OWN)
GRES = flags.DEFINE_string("gres", None, "Devices of a job, like gpu:4.", flag_values=OWN)
WALLTIME = flags.DEFINE_string("walltime", "08:00:00", "Time limit of a job.", flag_values=OWN)
PROLOGUE = flags.DEFINE_multi_string(
    "prologue", [], "Lines for the job script, like module load.", flag_values=OWN
)
SHOW = flags.DEFINE_bool(
    "show", False, "Print the job script, and submit nothing.", flag_values=OWN
)


def main() -> None:
    """Starts a scheduler here, submits the jobs, and keeps their number until it is stopped."""
    if not importlib.util.find_spec("dask_jobqueue"):
        raise ConfigError("slurm needs dask-jobqueue: pip install 'jaxdml[distributed]'")
    if not re.fullmatch(r"\d+(\.\d+)? ?[kmgtp]?i?b?", MEMORY.value, re.IGNORECASE):
        raise ConfigError(f"--memory must be like 32GB, but is {MEMORY.value!r}")
    from dask_jobqueue import SLURMCluster

    with SLURMCluster(
        queue=QUEUE.value,
        account=ACCOUNT.value,
        cores=CORES.value,
        processes=1,
        worker_extra_args=["--nthreads", "1"],  # a worker's devices have one chunk at a time
        memory=MEMORY.value,
        walltime=WALLTIME.value,
        job_extra_directives=[f"--gres={GRES.value}"] if GRES.value else [],
        job_script_prologue=PROLOGUE.value,
    ) as cluster:
        if SHOW.value:
            print(cluster.job_script())
            return
        cluster.adapt(minimum_jobs=JOBS.value, maximum_jobs=JOBS.value)
        print(f"--scheduler={cluster.scheduler_address}", flush=True)
        while True:
            time.sleep(60)


def run() -> NoReturn:
    """The command, with the flags of the command line."""
    cli.main(main, OWN)
