"""Runs commands, each in a fork of one process that has imported the library: seconds less each.

Reads a JSON object a line from stdin, {"arguments": ["train", "--workdir=W", …]}, and prints a list
a line: exit code, what was printed, what was complained. With {"until": GLOB, "signal": N} too, the
command is sent that signal as soon as a path of that form exists. "path" is searched for modules.
"fault" is what `tests.faults.injection.arm` takes; without "report" no report is written. What
takes ten minutes is killed, and its exit code is `HUNG`.
"""

import gc
import glob
import importlib
import json
import os
import runpy
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import suppress

import jaxdml.commands.cli.reporting
import jaxdml.runs.execution.execute
from tests.faults import injection

# and so do those of what scores and draws
for name in ("cluster", "decomposition", "ensemble", "linear_model", "metrics", "neighbors"):
    importlib.import_module(f"sklearn.{name}")
with suppress(ImportError):  # without the extra `plot`
    importlib.import_module("jaxdml.report.pictures")
    importlib.import_module("matplotlib.backends.backend_agg")
    importlib.import_module("matplotlib.backends.backend_svg")


SECONDS, HUNG = 600, 124


def run(arguments, until=None, signal=None, path=None, fault=None, report=True):
    name, *arguments = arguments
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.path[:0] = [path] if path else []
            if not report:
                jaxdml.commands.cli.reporting.write_and_print = lambda *_: None
            if fault:
                injection.arm(**fault)
            sys.argv = [f"experiments/{name}.py", *arguments]
            code = 1
            try:
                runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
            except SystemExit as ended:
                code = ended.code
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # to take all modules apart would take a second
        ended = 0
        while until and not ended:
            if glob.glob(until):  # noqa: PTH207  a whole path as pattern, which Path.glob refuses
                os.kill(pid, signal)
                break
            time.sleep(0.005)
            ended, status = os.waitpid(pid, os.WNOHANG)
        deadline = time.monotonic() + SECONDS
        while not ended and time.monotonic() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0 if ended else 0.005)
        if not ended:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
        return os.waitstatus_to_exitcode(status) if ended else HUNG, *texts


if __name__ == "__main__":
    gc.freeze()
    warnings.simplefilter("ignore")  # a fork of JAX is fine while no device is in use
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
