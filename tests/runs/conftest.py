"""The finished run that tests of a small grid share."""

import pytest

from jaxdml.runs.execution import execute
from tests.runs.grid_run import BASE, GRID


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "grid"
    return execute.run(BASE, GRID, path, path)
