"""A sample of the fault matrix; `make faults` tries all of it."""

import os

import pytest

from tests.faults import matrix


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("faults")
    one = matrix.Server(place)
    yield one
    one.close()


@pytest.mark.default_variants("SIGKILL checkpointing")
@pytest.mark.parametrize(
    ("attempt", "fault", "where"),
    [
        pytest.param(attempt, fault, where, id=f"{fault} {where}")
        for attempt, fault, where in (
            (matrix.of_process, "SIGKILL", "checkpointing"),
            (matrix.of_process, "SIGKILL", "refreshing"),
            (matrix.of_process, "SIGTERM", "training"),
            (matrix.of_process, "a full disk", "checkpointing"),
            (matrix.of_process, "a read-only folder", "writing"),
            (matrix.of_process, "a folder that vanishes", "training"),
            (matrix.of_process, "a file system without locks", "scoring"),
            (matrix.of_process, "output closed", "compiling"),
            (matrix.of_process, "memory refused", "scoring"),
            (matrix.of_files, "one bit flipped", "final networks"),
            (matrix.of_files, "foreign", "config.json"),
            (matrix.of_files, "truncated", "plan.json"),
            (matrix.of_files, "swapped", "result.json"),
        )
    ],
)
def test_nothing_is_lost(attempt, fault, where, server):
    if fault == "a full disk" and os.getuid():
        pytest.skip("only root can make a small disk")
    done = attempt(server, fault, where, 0)
    assert done.complaints == ()
    assert (done.lost, done.wrong) == (0, 0)
