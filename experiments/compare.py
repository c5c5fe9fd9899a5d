"""Several runs in one report, where `run` is one more column.

See `jaxdml.commands.compare`; an installed package has it as `jaxdml compare`.
"""

from jaxdml.commands.compare import run

if __name__ == "__main__":
    run()
