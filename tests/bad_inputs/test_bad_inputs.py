"""Each mistake is answered by one sentence, exit code 2 and no traceback; nothing is written."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxdml import data
from jaxdml.configs import common
from jaxdml.options import ConfigError
from jaxdml.runs.planning import grid
from jaxdml.settings.fields import COMMON, SAMPLER, flatten
from jaxdml.settings.resolve import resolve
from tests.bad_inputs import outcome, page
from tests.bad_inputs.arrays import as_npy, zipped

OFTEN = 10  # each so manieth case is run by default
EVERY = [
    pytest.param(
        theme, case, id=f"{theme}: {case.came}", marks=[pytest.mark.slow] * (n % OFTEN > 0)
    )
    for theme, cases in outcome.THEMES.items()
    for n, case in enumerate(cases)
]  # fmt: skip


@pytest.mark.parametrize(("theme", "case"), EVERY)
def test_a_mistake_is_one_sentence_and_exit_code_2(theme, case, tmp_path, command):
    sentence, code, whole, left = outcome.of(case, tmp_path, command)
    assert code == 2, whole
    assert case.says in sentence
    assert "Traceback" not in whole
    assert "\n" not in sentence
    assert left == []
    if not callable(case.given):
        *notes, error = whole.strip().splitlines()
        assert error.startswith("error: ")
        assert all(note.startswith("note: ") for note in notes)


def test_there_are_many_cases_and_none_twice():
    names = [(theme, case.came) for theme, cases in outcome.THEMES.items() for case in cases]
    assert len(names) == len(set(names)) >= 200


@pytest.mark.slow
def test_the_page_is_what_comes_out(command):
    assert page.written(command) == page.PAGE.read_text(), "run python -m tests.bad_inputs"


PATHS = sorted({*COMMON, *SAMPLER, *flatten(common.get_config().to_dict())} - {"terms"})
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.binary()
    | st.complex_numbers() | st.sampled_from([(10**30,), 10**400, "", "\0", "a.b:c", ":", 1e39])
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=4,
)
HEALTH = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


def refusal(attempt):
    """What it is refused with, if it is."""
    try:
        attempt()
    except ConfigError as error:
        return str(error)
    return None


def any_value_is_accepted_or_refused(path, value, system):
    """Never another error than the one in a sentence, which names the field."""
    for attempt in (
        lambda: resolve({"system": system, path: value}),
        lambda: grid.expand({"system": system}, ({path: (value,)},)),
    ):
        sentence = refusal(attempt)
        assert sentence is None or path in sentence or path.rpartition(".")[2] in sentence
        assert len(sentence or "") < 600


@pytest.mark.parametrize("examples", [pytest.param(60), pytest.param(1500, marks=pytest.mark.slow)])
def test_any_value_of_any_field_is_accepted_or_refused_in_a_sentence(examples):
    check = given(
        st.sampled_from(PATHS), VALUES, st.sampled_from(["dml_ae", "mvae", "few", "few_vectors"])
    )(any_value_is_accepted_or_refused)
    settings(max_examples=examples, deadline=None, derandomize=examples < 100, **HEALTH)(check)()


DTYPES = ["u1", "i1", "i8", "u8", "f2", "f4", "f8", "c8", "?", "M8[s]", "m8[s]", "U2", "S2"]
SHAPES = st.lists(st.integers(0, 4), max_size=5)


@st.composite
def files(draw):
    """A file of a user's own, by the loader that may read it: odd, damaged or whole."""
    kind = draw(st.sampled_from(["arrays", "table", "images"]))
    if kind == "arrays":
        arrays = {
            name: np.resize(np.arange(7).astype(draw(st.sampled_from(DTYPES))), draw(SHAPES))
            for name in draw(st.sets(st.sampled_from(["x", "y", "range", "classes", "x_test"])))
        }
        whole = zipped(x=as_npy(arrays.get("x", np.zeros(3))))
        return kind, arrays, draw(st.sampled_from([None, whole])), draw(st.integers(0, len(whole)))
    cells = st.text("ab,;\"'\n\t\0é01.-\r", max_size=40) | st.text(max_size=20)
    heading = "a,label\n" if kind == "table" else "file,label\n"
    text = heading * draw(st.booleans()) + draw(cells)
    content = draw(
        st.sampled_from([text.encode("utf-8", "replace"), text.encode("utf-16", "replace")])
    )
    return kind, {}, draw(st.sampled_from([content, draw(st.binary(max_size=60))])), None


def a_file_is_accepted_or_refused(folder, file):
    kind, arrays, content, end = file
    path = folder / {"arrays": "own.npz", "table": "own.csv", "images": "own/labels.csv"}[kind]
    path.parent.mkdir(exist_ok=True)
    if content is None:
        np.savez(path, **arrays)
    else:
        path.write_bytes(content[:end])
    with contextlib.suppress(ConfigError):
        data.load(kind, folder, path=str(path.parent if kind == "images" else path))


@pytest.mark.parametrize("examples", [pytest.param(60), pytest.param(1500, marks=pytest.mark.slow)])
def test_any_file_is_accepted_or_refused_in_a_sentence(examples, tmp_path):
    def check(file):
        a_file_is_accepted_or_refused(tmp_path, file)

    settings(max_examples=examples, deadline=None, derandomize=examples < 100, **HEALTH)(
        given(files())(check)
    )()


def test_arrays_that_are_not_needed_are_not_unpacked(tmp_path, monkeypatch):
    unpacked = []
    read = np.lib.format.read_array
    monkeypatch.setattr(
        np.lib.format, "read_array", lambda s, **o: (unpacked.append(s.name), read(s, **o))[1]
    )
    x, y = np.arange(64, dtype=np.uint8).reshape(4, 4, 4), np.arange(4) % 2
    np.savez(tmp_path / "own.npz", x=x, y=y, huge=np.zeros(9), objects=np.array([None]))
    dataset = data.load("arrays", tmp_path, path=str(tmp_path / "own.npz"))
    assert unpacked == ["x.npy", "y.npy"]
    assert "own.npz: arrays of other names are left out: huge, objects" in dataset.notes


def test_what_was_there_before_a_refusal_stays(tmp_path, command):
    folder = tmp_path / "W"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    flags = ["--config=configs/digits.py", f"--workdir={folder}"]
    done = command("train", *flags, "--config.train.batch_size=5000")
    assert done.returncode == 2
    assert (folder / "notes.txt").read_text() == "mine"
    assert {path.name for path in Path(folder).iterdir()} <= {"notes.txt", ".lock"}
