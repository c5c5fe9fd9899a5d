"""A plan in words."""

from jaxdml.runs.planning.plan import Plan
from jaxdml.runs.planning.points import Cohort
from jaxdml.settings import assembly
from jaxdml.settings.setting import dataset_name


def describe(plan: Plan) -> str:
    """The plan in words: cohorts, points, and programs to compile."""
    lines = []
    points = programs = 0
    for cohort in plan.cohorts:
        c = cohort.points[0].setting
        routine = assembly.assemble(c, (1, 1, 1), 2).routine
        patterns = {(routine.pattern(n), c.steps_of_epoch(n)) for n in range(1, c.epochs + 1)}
        path, _, number = c.length.partition("=")
        epochs = f"{number} {path.removeprefix('train.')} of batches of {c['train.batch_size']}"
        count = len(cohort.points)
        lines.append(
            f"{title(cohort)}: {_many(count, 'point')}, {epochs}, {_many(len(patterns), 'program')}"
        )
        points, programs = points + count, programs + len(patterns)
    total = (
        f"{_many(len(plan.cohorts), 'cohort')}, {_many(points, 'point')}, "
        f"{_many(programs, 'program')} to compile"
    )
    if plan.alike:
        total += f"; {_many(len(plan.alike), 'point')} more read no label, and share a training"
    return "\n".join([*lines, total, *(f"note: {note}" for note in notes_of(plan))])


def notes_of(plan: Plan) -> list[str]:
    """Lists what the user should know before training starts, a sentence each."""
    return [*plan.notes, *([plan.shared] if plan.shared else [])]


def title(cohort: Cohort) -> str:
    """A cohort in a few words."""
    c = cohort.points[0].setting
    names = ("system", "loss.name", "prior.name", "routine.name")
    parts = " · ".join(c[path] for path in names if path in c)
    return f"{parts} on {dataset_name(c)}, {c['model.latent_dim']}-D"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
