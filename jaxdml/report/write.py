"""From run folders to a report: tables, figures, and a page to look at."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdml.options import listed
from jaxdml.report import beginnings, explorer, headline, page
from jaxdml.report.figures import FIGURES
from jaxdml.report.galleries import galleries
from jaxdml.report.representatives import Calibrate, representatives
from jaxdml.report.tables import (
    classes,
    comparison,
    folds,
    guard,
    published,
    summary,
    table,
)
from jaxdml.report.tables import questions as answers
from jaxdml.runs.planning import loading
from jaxdml.runs.scoring import baselines
from jaxdml.runs.storage import files, folder, questions
from jaxdml.settings.base import complete
from jaxdml.settings.fields import EXECUTION, flatten
from jaxdml.settings.setting import dataset_name

NO_PLOT = "no pictures: matplotlib is not installed (pip install 'jaxdml[plot]')"
OURS = re.compile(r"(all_)?scores|differences_in_|questions_by_|recall_of_|table_6_")
# what runs may differ in, and still are of one setting: how they were executed, what was scored
NO_SETTING = (
    *EXECUTION,
    *(f"eval.{name}" for name in ("protocols", "classifiers", "embeddings", "baselines")),
)
ESCAPES = "backslashreplace"  # of paths in the configuration that are no UTF-8
COMMAND = "command.txt"  # of a run folder: the day and the command that trained it last
LONG = 150  # rows: longer tables are on the page and in their files only


class Report(NamedTuple):
    """What was written."""

    table: str  # the scores, and those tables of the thesis that they belong to
    text: Path  # report.md
    page: Path  # report.html
    pictures: tuple[Path, ...]
    notes: tuple[str, ...]  # what could not be shown, and why


def report(
    run_folders: Sequence[folder.Folder],
    into: Path,
    load: loading.LoadDataset,
    projection: str = "pca",
    calibrate: Calibrate | None = None,
) -> Report:
    """Writes `report.html`, `report.md`, tables (CSV, LaTeX) and figures (PNG, SVG).

    Args:
      run_folders: run folders with finished points; of several, `run` is one more setting.
      into: the folder to write. If an earlier report there has figures that cannot be drawn now,
        because data, parameters or matplotlib are missing, it stays as it is, and this one goes
        beside it.
      load: gives data sets, for what shows images.
      projection: how embeddings of more than two dimensions are shown, see `project.plane`.
      calibrate: says of a result how far confidence and accuracy agree; without it that is not
        shown.
    """
    trained, paths = gathered(run_folders)
    results = folds.pooled(trained)
    groups, named = summary.groups(results, paths), _classes(run_folders, results)
    notes: list[str] = []
    baseline_results = folds.pooled(baselines.results(run_folders, trained, load, notes.append))
    shown_paths = _with_system(paths) if baseline_results else paths
    scores = comparison.score_tables([*results, *baseline_results], shown_paths)
    compared = [m for m in summary.measures(results) if m.metric in ("accuracy", "map_at_r")]
    firsts = list({(m.protocol, m.embedding): m for m in reversed(compared)}.values())[::-1]
    compared_ones = [comparison.table(results, paths, measure) for measure in firsts]
    further_tables = [published.table(name, results) for name in published.touched(results)]
    study_questions = questions.read(run_folders[0]) if len(run_folders) == 1 else {}
    if study_questions:
        by = answers.measures(firsts)
        further_tables += [
            answers.table(answers.answer(study_questions, results, m), m) for m in by
        ]
    recalls = [classes.table(results, paths, m, named) for m in firsts]
    guards = [guard.table([*results, *baseline_results], shown_paths, m) for m in firsts]
    further_tables = [*(one for one in guards if one is not None), *further_tables]
    tables = [
        *scores,
        *(one for one in (*recalls, *compared_ones) if one is not None),
        *further_tables,
    ]
    tables.append(summary.every([*results, *baseline_results], shown_paths))
    points, dataset, lost = representatives(groups, load, notes.append)
    embedded = [point for point in points if point.arrays]
    planes = [explorer.plane(point, projection) for point in embedded]
    with tempfile.TemporaryDirectory() as scratch:
        try:
            from jaxdml.report import pictures
        except ImportError:
            notes.append(NO_PLOT)
            drawn, lost = [], True
        else:
            chance, new = _chance(run_folders, results), Path(scratch)
            score_figures = pictures.of_scores(
                groups, paths, baseline_results, firsts, study_questions, chance, new
            )
            point_figures = pictures.of_points(points, planes, dataset, named, calibrate, new)
            drawn = pictures.in_order([*score_figures, *point_figures])
        missing = _figures(into) - {d.files[0].stem for d in drawn}
        if lost and missing:
            full, into = into, into.with_name(f"{into.name}_without_images")
            notes.append(
                f"{full} is left as it was: {len(missing)} of its figures cannot be drawn again "
                f"now; this report is in {into}"
            )
        drawn = [d._replace(files=tuple(_moved(file, into) for file in d.files)) for d in drawn]
    kept = {file for figure in drawn for file in figure.files}
    for old in into.glob("*.*"):
        if old.stem in FIGURES and old.suffix in (".png", ".svg") and old not in kept:
            old.unlink(missing_ok=True)  # another process may report the same run

    by_name = {re.sub(r"\W+", "_", one.title.partition(":")[0].lower()): one for one in tables}
    for file_name, one in by_name.items():
        files.write(into / "tables" / f"{file_name}.csv", table.csv(one).encode())
        files.write(into / "tables" / f"{file_name}.tex", table.latex(one).encode())
    for old in (into / "tables").iterdir():
        if OURS.match(old.name) and old.stem not in by_name:
            old.unlink(missing_ok=True)  # of an earlier report, that had more to say

    names = _names(run_folders)
    title = f"{' and '.join(names.values())}: {_what(trained)}"
    run_notes = dict.fromkeys(
        note for run_folder in run_folders for note in run_folder.plan().get("notes", ())
    )
    run_notes |= dict.fromkeys(dataset.notes if dataset is not None else ())
    scored_by = dict.fromkeys(m.protocol for m in summary.measures(results))
    protocol_text = " ".join(PROTOCOLS[name] for name in scored_by if name in PROTOCOLS)
    first = [m for m in firsts if m.protocol == "labelled"][:1] or firsts[:1]
    began = beginnings.parents(trained)
    came_out = [
        sentence
        for m in first
        for sentence in headline.headline(results, baseline_results, shown_paths, m, began)
    ]
    about = "\n\n".join([*came_out, _about(trained, run_folders)])
    if any(run_folder.plan().get("damaged") for run_folder in run_folders):
        run_notes["All files that are left out stand in `plan.json`, under `damaged`"] = None
    said = [f"{table.visible(note)}." for note in run_notes]
    configs = {
        names[run_folder]: files.read_json(run_folder.path / "config.json")
        for run_folder in run_folders
    }
    shown_config = configs if len(run_folders) > 1 else next(iter(configs.values()))
    scatters, explored = explorer.scatters(embedded, planes, dataset)
    content = page.Content(
        title=title,
        summary=about,
        notes="\n\n".join([protocol_text, *said]),
        tables=tables,
        galleries=galleries(trained),
        pictures=[page.Picture(d.title, d.caption, d.files[0].read_bytes()) for d in drawn],
        scatters=scatters,
        explored=explored,
        opened=explorer.best(embedded, first[0]) if first else 0,
        classes=named,
        config=flatten(shown_config),
        warnings=[_lost(result) for result in results if result["status"] != "ok"],
    )
    files.write(into / "report.html", page.render(content).encode(errors=ESCAPES))
    lines = [f"# {table.prose(title)}", "", table.prose(about), ""]
    for number, one in enumerate(tables[:-1]):
        lines += [f"## {table.prose(one.title)}", ""]
        if len(one.body) > LONG:
            lines += [f"{len(one.body)} rows: see `tables/`, or `report.html`."]
        else:
            lines += [table.markdown(one)]
        section = ["## Notes", "", protocol_text, "", table.prose("\n\n".join(said)), ""]
        lines += ["", *(section if number == 0 else [])]
    for d in drawn:
        lines += [f"## {d.title}", "", f"![{d.title}]({d.files[0].name})", ""]
        lines += [table.prose(d.caption), ""]
    lines += ["<details><summary>Base configuration</summary>", ""]
    lines += ["What the table's columns name differs from it; a system reads only some of it.", ""]
    lines += ["```json", json.dumps(shown_config, indent=1), "```", "", "</details>", ""]
    files.write(into / "report.md", "\n".join(lines).encode(errors=ESCAPES))
    return Report(
        "\n\n".join([*map(table.markdown, scores), *map(_titled, further_tables)]),
        into / "report.md",
        into / "report.html",
        tuple(path for d in drawn for path in d.files),
        tuple(notes),
    )


def gathered(run_folders: Sequence[folder.Folder]) -> tuple[list[dict[str, Any]], list[str]]:
    """All results, each with its `folder`, and the paths in which their settings differ.

    Of several folders `run` is one of these paths, and so is what their base configurations differ
    in.
    """
    results = [
        r | {"folder": run_folder}
        for run_folder in run_folders
        for r in run_folder.results(whole=True)
    ]
    paths = [path for run_folder in run_folders for path in run_folder.plan()["grid_paths"]]
    if len(run_folders) > 1:
        names = _names(run_folders)
        results = [r | {"config": {"run": names[r["folder"]]} | r["config"]} for r in results]
        configs = [
            complete(files.read_json(run_folder.path / "config.json")) for run_folder in run_folders
        ]
        fields = dict.fromkeys(field for one in configs for field in one)
        differing = [p for p in fields if len({str(one.get(p)) for one in configs}) > 1]
        paths = ["run", *(p for p in differing if p not in NO_SETTING), *paths]
    return results, list(dict.fromkeys(paths))


def _with_system(paths: Sequence[str]) -> list[str]:
    """Paths with that of the system, which tells baselines from points."""
    several = paths[:1] == ["run"]
    return list(paths) if "system" in paths else [*paths[:several], "system", *paths[several:]]


def _figures(into: Path) -> set[str]:
    """The names of the figures that a folder holds."""
    return {file.stem for file in into.glob("*.png") if file.stem in FIGURES}


def _moved(file: Path, into: Path) -> Path:
    files.write(into / file.name, file.read_bytes())
    return into / file.name


def _titled(one: table.Table) -> str:
    return f"{table.prose(one.title)}\n\n{table.markdown(one)}"


def _names(run_folders: Sequence[folder.Folder]) -> dict[folder.Folder, str]:
    """The last part of each folder's path, or all of it where that is not enough."""
    last = [run_folder.path.resolve().name for run_folder in run_folders]
    unique = len(set(last)) == len(last)
    named = zip(run_folders, last, strict=True)
    return {p: table.visible(name if unique else str(p.path)) for p, name in named}


def _classes(
    run_folders: Sequence[folder.Folder], results: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """The names of the classes, or their numbers where data sets have different ones."""
    known = _known_classes(run_folders, results)
    used = {names for names in known if names is not None}
    if len(used) == 1:
        return used.pop()
    return tuple(str(i) for i in range(max(map(len, used), default=0)))


def _known_classes(
    run_folders: Sequence[folder.Folder], results: Sequence[Mapping[str, Any]]
) -> set[tuple[str, ...] | None]:
    """The names of the classes of each data set; `None` of one that is not known."""
    plans = [run_folder.plan() for run_folder in run_folders]
    sets = {loading.described(result["config"]): result["config"] for result in results}
    found = set()
    for config in sets.values():
        names = (loading.class_names(plan, config) for plan in plans)
        found.add(next((one for one in names if one is not None), None))
    return found


def _chance(
    run_folders: Sequence[folder.Folder], results: Sequence[Mapping[str, Any]]
) -> float | None:
    """The accuracy of a guess; `None` where data sets differ in their number of classes."""
    known = _known_classes(run_folders, results)
    counts = {None if names is None else len(names) for names in known}
    count = counts.pop() if len(counts) == 1 else None
    return 1 / count if count else None


def _code(text: object) -> str:
    """A text to stand between backticks."""
    return table.visible(str(text)).replace("`", "'")


def _lost(result: Mapping[str, Any]) -> str:
    return f"{result['point']} is left out of every mean: {result['status']}, {result['reason']}"


def _what(results: Sequence[Mapping[str, Any]]) -> str:
    """Which systems were trained on which data sets, in a few words."""
    systems = list(dict.fromkeys(r["config"]["system"] for r in results))
    sets = sorted({dataset_name(r["config"]) for r in results})
    named = listed(systems) if len(systems) <= 3 else f"{len(systems)} systems"
    return f"{named} on {listed(sets)}"


def _about(results: Sequence[Mapping[str, Any]], run_folders: Sequence[folder.Folder]) -> str:
    """How many points there are, of what, since when; in which folders."""
    versions = {
        (table.visible(dataset_name(r["config"])), r["config"]["model.latent_dim"]) for r in results
    }
    versions_text = "; ".join(
        f"{name}, {latent_dim}-D latent space" for name, latent_dim in sorted(versions)
    )
    points = f"{len(results)} point{'s' * (len(results) != 1)} on {versions_text}."
    if len(run_folders) == 1 and (file := run_folders[0].path / COMMAND).exists():
        day, _, command = file.read_text("utf-8").strip().partition(" ")
        points += f" Trained on {_code(day)} by `{_code(command)}`."
    places = ", ".join(f"`{_code(run_folder.path)}`" for run_folder in run_folders)
    return f"{points} Run folder{'s' * (len(run_folders) != 1)}: {places}."


PROTOCOLS = {
    "thesis": "`thesis`: fitted on two thirds of the test embeddings with all their labels, scored "
    "on the other third.",
    "labelled": "`labelled`: fitted on the labelled training embeddings, scored on the whole test "
    "set.",
    "full": "`full`: fitted on all training embeddings.",
    "cluster": "`cluster`: k-means of the test embeddings.",
    "retrieval": "`retrieval`: each test image's neighbours among the others.",
    "scores": "`scores`: nothing is fitted; a test image gets the class with the highest class "
    "score, by the model's class weights, or else by the nearest mean of a class's labelled "
    "embeddings.",
    "propagated": "`propagated`: labels spread over a graph of all training embeddings; a test "
    "image gets the class of its neighbours there.",
    "transductive": "`transductive`: the same, with the test images in the graph.",
}
