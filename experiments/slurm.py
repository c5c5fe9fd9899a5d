"""A Dask cluster on SLURM for the command grid. Copy and adapt it.

See `jaxdml.commands.slurm`; an installed package has it as `jaxdml slurm`.
"""

from jaxdml.commands.slurm import run

if __name__ == "__main__":
    run()
