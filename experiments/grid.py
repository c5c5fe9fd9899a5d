"""Trains, evaluates and reports every point of a grid that is not finished.

See `jaxdml.commands.grid`; an installed package has it as `jaxdml grid`.
"""

from jaxdml.commands.grid import run

if __name__ == "__main__":
    run()
