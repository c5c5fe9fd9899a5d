"""Prints and writes the report of a run folder: tables, figures and a page.

See `jaxdml.commands.report`; an installed package has it as `jaxdml report`.
"""

from jaxdml.commands.report import run

if __name__ == "__main__":
    run()
