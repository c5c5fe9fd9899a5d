"""Other commands with a mistake in them. W is a run folder that is not there."""

from tests.bad_inputs.case import Case, command

COMMANDS = (
    Case("an unknown flag", command("report --wrokdir=W"), "--wrokdir is no flag"),
    Case("a word that is no flag", command("report W"), "W is not a flag"),
    Case(
        "a field among data sets",
        command("data digits data.size=3"),
        "data.size=3 is no data set: set a field by --config.data.size=3",
    ),
    Case(
        "a single point as grid",
        command("grid --config=configs/digits.py --workdir=W"),
        "configs/digits.py has no get_grid(): use the command train",
    ),
    Case(
        "a scheduler that is not there",
        command(
            "grid --config=configs/bench_grid.py --workdir=W --config.data.name=digits --scheduler=tcp://127.0.0.1:9"
        ),
        "--scheduler=tcp://127.0.0.1:9 cannot be reached: name the address of a Dask scheduler",
    ),
    Case(
        "workers that cannot be counted",
        command(
            "grid --config=configs/bench_grid.py --workdir=W --config.data.name=digits "
            "--scheduler=local:many"
        ),
        "--scheduler=local:many: say how many workers, as in local:2",
    ),
    Case("an empty folder", command("report --workdir=W"), "W holds no finished points"),
    Case(
        "an embedding in an unknown format",
        command("embed --workdir=W --point=x --input=x.npz --output=z.xlsx"),
        "--output=z.xlsx must end in .npz, .csv or .parquet, which says its format",
    ),
    Case(
        "a tool that there is no export for",
        command("export --workdir=W --to=mlflow"),
        "flag --to=mlflow: value should be one of <tensorboard|wandb>",
    ),
    Case(
        "an export of nothing",
        command("export --workdir=W --to=wandb"),
        "W holds no finished points",
    ),
    Case("an embedding of nothing", command("embed --workdir=W --point=x"), "--input is missing"),
    Case("a grid without its folder", command("grid --config=digits_grid"), "--workdir is missing"),
    Case(
        "a dry run, perhaps",
        command("grid --config=digits_grid --workdir=W --dry_run=maybe"),
        "--dry_run must be True or False, but is 'maybe'",
    ),
    Case(
        "no workers",
        command("grid --config=digits_grid --workdir=W --scheduler=local:0"),
        "say how many workers, as in local:2",
    ),
    Case(
        "a scheduler of nonsense",
        command("grid --config=digits_grid --workdir=W --scheduler=nonsense"),
        "cannot be reached",
    ),
    Case("scores of nothing", command("evaluate --workdir=W"), "W holds no finished points"),
    Case("scores of nowhere", command("evaluate"), "--workdir is missing"),
    Case(
        "scores of a file",
        command("evaluate --workdir=README.md"),
        "README.md holds no finished points",
    ),
    Case(
        "a report of a folder without runs",
        command("report --workdir=configs"),
        "configs holds no finished points",
    ),
    Case(
        "a report every NaN seconds",
        command("report --workdir=W --watch --every=nan"),
        "--every must be a number of seconds",
    ),
    Case(
        "a report all the time",
        command("report --workdir=W --watch --every=0"),
        "0.0 is not number >= 0.1",
    ),
    Case("a comparison of one run", command("compare configs"), "name two or more run folders"),
    Case(
        "a comparison of no runs",
        command("compare configs experiments"),
        "configs holds no finished points",
    ),
    Case(
        "an embedding that goes nowhere",
        command("embed --workdir=W --input=README.md"),
        "--output is missing",
    ),
    Case(
        "an embedding by nothing",
        command("embed --workdir=W --input=README.md --output=z.npz"),
        "W holds no finished points",
    ),
    Case(
        "an embedding without an ending",
        command("embed --workdir=W --input=README.md --output=z"),
        "--output=z must end in",
    ),
    Case("classes that go nowhere", command("predict --workdir=W"), "--output is missing"),
    Case("classes of nothing", command("predict --workdir=W --output=z.csv"), "--input is missing"),
    Case(
        "classes as text",
        command("predict --workdir=W --output=z.txt --suspects"),
        "--output=z.txt must end in .csv",
    ),
    Case(
        "suspects and suggestions",
        command("predict --workdir=W --output=z.csv --suspects --suggest=3"),
        "leave --suggest and --input out",
    ),
    Case(
        "no suggestion",
        command("predict --workdir=W --output=z.csv --suggest=0"),
        "0 is not a positive integer",
    ),
    Case("an export to nowhere", command("export --workdir=W"), "W holds no finished points"),
    Case("a data set that is a text", command("data nowhere"), "data.name must be one of"),
    Case(
        "two data sets, one of them misspelt",
        command("data mnistt digits"),
        "data.name must be one of mnist",
    ),
    Case(
        "memory in words",
        command("slurm --show --memory=lots"),
        "--memory must be like 32GB, but is 'lots'",
    ),
    Case("no cores", command("slurm --show --cores=0"), "0 is not a positive integer"),
    Case("a queue without jobs", command("slurm --jobs=0"), "0 is not a positive integer"),
    Case(
        "a word as cores", command("slurm --cores=x"), "--cores must be a whole number, but is 'x'"
    ),
)
