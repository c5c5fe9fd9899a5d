"""Trains, evaluates and reports one point.

See `jaxdml.commands.train`; an installed package has it as `jaxdml train`.
"""

from jaxdml.commands.train import run

if __name__ == "__main__":
    run()
