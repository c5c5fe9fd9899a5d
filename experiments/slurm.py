"""A Dask cluster on SLURM for `experiments.grid`, by dask-jobqueue. Copy and adapt it.

    python -m experiments.slurm --jobs=4 --queue=gpu --gres=gpu:4      (leave it running)
    python -m experiments.grid --config=… --workdir=… --scheduler=ADDRESS

Each job is one worker, which trains chunks of points on all devices that SLURM gives it. The run
folder, the data and this environment must be on a file system that all nodes share. Jobs that end
at their time limit are replaced, and their chunks go on from the last checkpoint.
"""

import importlib.util
import time

from absl import flags

from experiments import cli
from jaxdml.options import ConfigError

JOBS = flags.DEFINE_integer("jobs", 1, "How many workers there should be.", lower_bound=1)
QUEUE = flags.DEFINE_string("queue", None, "The partition.")
ACCOUNT = flags.DEFINE_string("account", None, "The account.")
CORES = flags.DEFINE_integer("cores", 8, "Cores of a job.")
MEMORY = flags.DEFINE_string("memory", "32GB", "Memory of a job.")
GRES = flags.DEFINE_string("gres", None, "Devices of a job, like gpu:4.")
WALLTIME = flags.DEFINE_string("walltime", "08:00:00", "Time limit of a job.")
PROLOGUE = flags.DEFINE_multi_string("prologue", [], "Lines for the job script, like module load.")
SHOW = flags.DEFINE_bool("show", False, "Print the job script, and submit nothing.")


def main() -> None:
    """Starts a scheduler here, submits the jobs, and keeps their number until it is stopped."""
    if not importlib.util.find_spec("dask_jobqueue"):
        raise ConfigError("slurm needs dask-jobqueue: pip install 'jaxdml[distributed]'")
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


if __name__ == "__main__":
    cli.main(main)
