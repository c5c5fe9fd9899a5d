"""What the commands share: flags, and errors as one sentence, see `ending`."""

import functools
import importlib.util
import os
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jax
from absl import flags
from ml_collections import ConfigDict, config_flags

from jaxdml.commands.cli import ending, refusals
from jaxdml.configs import common, fields
from jaxdml.data.download import cache
from jaxdml.evaluate import project
from jaxdml.options import ConfigError, allow, allow_all, listed
from jaxdml.runs.planning import loading
from jaxdml.runs.planning.grid import Grid, thinned
from jaxdml.runs.planning.points import GridPoint
from jaxdml.runs.progress import printable
from jaxdml.runs.storage import folder, questions, within
from jaxdml.settings.fields import assign, flatten, meant
from jaxdml.values import coerce

CONFIGS = Path(fields.__file__).parent
PACKAGED = {file.stem for file in CONFIGS.glob("[a-z]*.py")} - {"common", "fields"}

WORKDIR = flags.DEFINE_string("workdir", None, "The run folder.")
DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "The folder that holds data sets (default: JAXDML_DATA, then a user cache)."
)
KEEP = flags.DEFINE_string(
    "keep", None, "A folder for what is small: scores, losses, report and its pictures."
)
DEBUG = flags.DEFINE_bool("debug", False, "Show where an error arose.")
PROJECTION = flags.DEFINE_enum(
    "projection", "pca", project.METHODS, "How more than two dimensions are drawn in the report."
)
TRUST = flags.DEFINE_bool(
    "trust", False, "Import code of yours that a run folder names. Only if you trust who made it."
)


def define_config(default: str | None = None) -> None:
    """Adds `--config=FILE` and its `--config.path=value` overrides."""
    # The library itself knows which fields there are: a user's own loss may add some.
    config_flags.DEFINE_config_file(
        "config",
        default,
        "The configuration: a file, or the name of one of the package. Any of its fields can be "
        "changed, like --config.seed=1.",
        lock_config=False,
        accept_new_attributes=True,
    )
    parser = flags.FLAGS["config"].parser
    parser.parse = functools.partial(_with_sections, parser.parse)


def _with_sections(parse: Callable[[str], Any], path: str) -> Any:
    """Reads a configuration file, and adds sections that only the command line names.

    Such a section may be that of a user's term.
    """
    config = parse(_path_of_config(path))
    for argument in sys.argv[1:]:
        if argument.startswith("--config.") and argument.count(".") > 1 and "=" in argument:
            section = argument.partition("=")[0].split(".")[1]
            if isinstance(config, ConfigDict) and section not in config:
                config[section] = ConfigDict()
    return config


def _path_of_config(path: str) -> str:
    """Returns the path of a configuration: a file, or one of the package by its name."""
    name, *word = path.split(":", 1)
    if name in PACKAGED and not Path(name).exists():
        return ":".join([str(CONFIGS / f"{name}.py"), *word])
    return path


def main(
    command: Callable[..., None],
    command_flags: flags.FlagValues | None = None,
    takes: str | None = None,
    required: Sequence[str] = (),
) -> NoReturn:
    """Runs a command, and ends as `ending` says: what is wrong is told in one sentence.

    Args:
      command: is called without arguments, or with those that are no flags.
      command_flags: its flags, beside those of all commands.
      takes: what these are, if there may be any.
      required: names of the flags that it cannot do without.
    """
    ending.lasting_streams()
    warnings.showwarning = _one_line
    _keep_compiled()
    if command_flags is not None:
        flags.FLAGS.append_flag_values(command_flags)
    try:
        if {"--help", "-h"} & set(sys.argv[1:]):
            print(_help(command, command_flags, required), flush=True)
            ending.end()
        rest = _parse()[1:]
        if command_flags is not None:
            command_flags.mark_as_parsed()
        if rest and takes is None:
            raise ConfigError(f"{' '.join(rest)} is not a flag: {_meant_flag(rest[0])}")
        project.check(PROJECTION.value)
        command(*([rest] if takes else []))
    except (ConfigError, flags.Error) as error:
        ending.stop(str(error), ending.code_of(error))
    except (OSError, MemoryError, RuntimeError) as error:
        sentence = ending.sentence(error)
        if sentence is None:
            raise
        ending.stop(sentence, ending.code_of(error))
    except KeyboardInterrupt as stopped:
        print("\nstopped: what is finished is kept; the same command completes it", file=sys.stderr)
        ending.end(128 + getattr(stopped, "number", signal.SIGINT))
    ending.end()


def _help(
    command: Callable[..., None], command_flags: flags.FlagValues | None, required: Sequence[str]
) -> str:
    """What a command does, its flags, and the fields of a configuration where it reads one."""
    parts = [str(sys.modules[command.__module__].__doc__)]
    if required:
        parts.append(f"Required: {', '.join(f'--{name}' for name in required)}.\n")
    parts += [command_flags.module_help(command.__module__)] if command_flags else []
    parts.append(flags.FLAGS.module_help(__name__))
    if "config" in flags.FLAGS:
        parts.append(
            "\n--config=NAME or --config=FILE.py: a configuration of the package "
            f"({', '.join(sorted(PACKAGED))}) or of your own. Each of its fields can be changed, "
            f"like --config.seed=1:\n{fields.described()}"
        )
    return "\n".join(parts)


def workdir() -> Path:
    """`--workdir`.

    Raises:
      ConfigError: if it is not given, or something in it leads out of it.
    """
    if not WORKDIR.value:
        raise ConfigError("--workdir is missing: name the run folder, like --workdir=runs/one")
    within.check(Path(WORKDIR.value))
    return Path(WORKDIR.value)


def data_dir(*run_folders: folder.Folder) -> Path:
    """`--data_dir`; or where a run's data lay; or `JAXDML_DATA`, or a cache folder of the user.

    Args:
      run_folders: run folders, of which the first counts that knows a folder which is still there.
    """
    before = [run_folder.data_dir for run_folder in run_folders]
    run_data_dir = next((path for path in before if path and Path(path).is_dir()), None)
    chosen_dir = DATA_DIR.value or run_data_dir or os.environ.get("JAXDML_DATA") or cache()
    return Path(chosen_dir).expanduser()


def loader(*run_folders: folder.Folder) -> loading.LoadDataset:
    """Loads data sets from where they lie, or lay when these runs were trained."""
    plans = (run_folder.plan() for run_folder in run_folders)
    return loading.loader(data_dir(*run_folders), *plans)


def config() -> dict[str, Any]:
    """The base configuration with the overrides of the command line, flat.

    Raises:
      ConfigError: if there is no such file, or it cannot be read.
    """
    flag = flags.FLAGS["config"]
    try:
        config_value = flag.value
        if config_value is None and flag.present:
            raise ConfigError(
                f"--config={_config_name()}: get_config() must return a ConfigDict, but returns "
                "nothing: does it lack its return statement?"
            )
        if config_value is None:
            raise ConfigError(
                "--config is missing: name a configuration file, like --config=configs/digits.py, "
                f"or one of the package: {listed(sorted(PACKAGED))}"
            )
        if not Path(_config_file()).is_file():
            raise ConfigError(
                f"--config={_config_name()}: there is no such file, and no such configuration of "
                f"the package, which has {listed(sorted(PACKAGED))}"
            )
        flat = flatten(config_value.to_dict())
        if coerce("quick", flat.pop("quick", False), False):
            flat = assign(flat, _quick())
    except OSError as error:  # what the file raised, kept until the configuration is first read
        raise ConfigError(f"--config={_config_name()}: {_last_line(error)}") from error
    except AttributeError as error:
        raise ConfigError(
            f"--config={_config_name()}: get_config() must return a ConfigDict, "
            f"not {config_value!r}"
        ) from error
    flat = assign(flat, _overrides())
    allow(flat)
    return flat


def note_unread(points: Sequence[GridPoint]) -> None:
    """Says which overrides of the command line no point reads."""
    for path in _overrides():
        if not any(path in point.setting for point in points):
            print(f"note: nothing reads --config.{path} here", file=sys.stderr)


def has_grid() -> bool:
    """Whether the configuration is a file, not one of the library's, with a `get_grid()`."""
    return _config_name().endswith(".py") and hasattr(_config_module(), "get_grid")


def grid() -> Grid:
    """What the configuration file's `get_grid()` gives.

    Raises:
      ConfigError: if it has none, or it fails.
    """
    module = _config_module()
    if not hasattr(module, "get_grid"):
        raise ConfigError(
            f"{_config_name()} has no get_grid(): use the command train for a single point"
        )
    try:
        over: Grid = module.get_grid()
        allow(over)
        return thinned(over) if flags.FLAGS["config"].value.get("quick") else over
    except Exception as error:  # whatever a user's file may raise
        raise ConfigError(_broken(error)) from error


def study_questions(base: Mapping[str, Any]) -> questions.Questions:
    """What the configuration file's `get_questions()` asks, if it has one."""
    try:
        raw_questions: dict[str, Any] = getattr(_config_module(), "get_questions", dict)()
    except Exception as error:  # whatever a user's file may raise
        raise ConfigError(_broken(error)) from error
    allow(raw_questions)
    return questions.resolve(base, raw_questions)


def _config_module() -> Any:
    """The configuration file as a module; `config()` has shown that it can be read."""
    spec = importlib.util.spec_from_file_location("config_file", _config_file())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _overrides() -> dict[str, Any]:
    """Fields of the configuration that the command line changes."""
    overrides = dict(config_flags.get_override_values(flags.FLAGS["config"]))
    overrides.pop("quick", None)
    return overrides | {path: None for word in sys.argv if (path := _unset(word))}


def _meant_flag(word: str) -> str:
    """What to say of a word that is no flag: a field may be meant."""
    if re.fullmatch(r"\w+(\.\w+)+=.*", word):
        return f"a field of the configuration is set by --config.{word}"
    return "flags look like --workdir=runs/one"


def _unset(argument: str) -> str | None:
    """The path of `--config.path=None`, which the flags of most types do not take."""
    found = re.fullmatch(r"--config\.([\w.]+)=None", argument)
    return found[1] if found else None


def _quick() -> dict[str, Any]:
    """What the configuration file's `QUICK` changes, for `--config.quick=True`."""
    changes: dict[str, Any] | None = getattr(_config_module(), "QUICK", None)
    if changes is None:
        raise ConfigError(f"{_config_name()} has no QUICK: leave --config.quick out")
    return changes


def _parse() -> list[str]:
    """Reads the flags, and with `--config` the configuration file, which may raise anything."""
    arguments = [argument for argument in sys.argv if not _unset(argument)]
    try:
        rest = list(flags.FLAGS(arguments))
    except flags.UnrecognizedFlagError as error:
        paths = flatten(common.get_config().to_dict())
        near = [path for path in meant(error.flagname, paths) if path in paths]
        hint = f": did you mean --config.{near[0]}?" if len(near) == 1 else ""
        raise ConfigError(f"--{error.flagname} is no flag{hint}") from error
    except flags.IllegalFlagValueError as error:
        raise ConfigError(refusals.illegal(str(error))) from error
    except flags.Error:
        raise
    except Exception as error:
        raise ConfigError(_broken(error)) from error
    if TRUST.value:
        allow_all()
    return rest


def _broken(error: Exception) -> str:
    """Returns a sentence that says where a configuration file fails, and why."""
    if "has no attribute 'get_config'" in str(error):
        return "--config: the file has no get_config(), which gives its fields"
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((f for f in reversed(frames) if "site-packages" not in f.filename), None)
    location = f" at {frame.filename}:{frame.lineno}" if frame else ""
    return f"--config: the file cannot be read{location}: {type(error).__name__}: {error}"


def _keep_compiled() -> None:
    """Programs that were compiled once are read back by the next command."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(cache() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _config_name() -> str:
    """Returns the value of `--config`, `FILE:WORD` or `NAME:WORD`, without the word."""
    return str(config_flags.get_config_filename(flags.FLAGS["config"])).partition(":")[0]


def _config_file() -> str:
    """Returns the path of the configuration file."""
    return _path_of_config(_config_name())


def _last_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[-1]


def _one_line(message: Any, *_: Any, **__: Any) -> None:
    print(f"warning: {printable(str(message))}", file=sys.stderr)
