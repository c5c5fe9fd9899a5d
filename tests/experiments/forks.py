"""Runs commands, each in a fork of one process that has imported the library: seconds less each.

Reads a JSON list of argument lists from stdin, like [["train", "--workdir=W"], …], and prints a
JSON list of [exit code, what was printed, what was complained].
"""

import json
import os
import runpy
import sys
import tempfile
import warnings

import experiments.cli  # noqa: F401  its imports are what takes long
import jaxdml.runs.execute  # noqa: F401


def run(name, *arguments):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = [f"experiments/{name}.py", *arguments]
            runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
        status = os.waitpid(pid, 0)[1]
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
        return os.waitstatus_to_exitcode(status), *texts


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # a fork of JAX is fine while no device is in use
    print(json.dumps([run(*arguments) for arguments in json.load(sys.stdin)]))
