"""Trainings that are asked for in a wrong way. W is a run folder that is not there."""

from tests.bad_inputs.case import Case, command

TRAININGS = (
    Case(
        "an unknown field",
        command("train-digits --config.loss.margn=1"),
        "there is no field loss.margn; there is loss.margin",
    ),
    Case(
        "a field that stands in another section",
        command("train-digits --config.trian.epochs=5"),
        "there is no field trian.epochs; there is train.epochs",
    ),
    Case(
        "a field as others call it",
        command("train-digits --config.data.labeled_fraction=1"),
        "there is no field data.labeled_fraction; there is data.labelled_percent",
    ),
    Case(
        "a section in the place of a field",
        command("train-digits --config.train.optimizer=sgd"),
        "there is no field train.optimizer; there is optimizer.name",
    ),
    Case(
        "an option of another library",
        command("train-digits --config.train.early_stopping=3"),
        "there is no field train.early_stopping; there is train.patience",
    ),
    Case(
        "batches larger than the data set",
        command("train-digits --config.train.batch_size=5000"),
        "train.batch_size is 5000, but digits has 1,197 training images: 1,197 is the most",
    ),
    Case(
        "a field in the place of a flag",
        command("train-digits --epochs=3"),
        "--epochs is no flag: did you mean --config.train.epochs?",
    ),
    Case(
        "a list of words, of which one is wrong",
        command("train-digits --config.eval.protocols=full,a"),
        "but is 'a'",
    ),
    Case(
        "a value of another type",
        command("train-digits --config.train.epochs=many"),
        "train.epochs",
    ),
    Case(
        "a value out of range",
        command("train-digits --config.routine.alpha=2"),
        "routine.alpha must lie between 0 and 1, but is 2.0",
    ),
    Case(
        "a quick variant that there is none of",
        command("train-digits --config.quick=True"),
        "configs/digits.py has no QUICK: leave --config.quick out",
    ),
    Case("no working folder", command("train --config=configs/digits.py"), "--workdir is missing"),
    Case("no configuration", command("train --workdir=W"), "--config is missing"),
    Case(
        "a configuration that is not there",
        command("train --config=configs/nothing.py --workdir=W"),
        "configs/nothing.py",
    ),
    Case(
        "a field without its dashes",
        command("train-digits data.skip_damaged=True"),
        "a field of the configuration is set by --config.data.skip_damaged=True",
    ),
    Case(
        "a run to begin with that is not there",
        command("train-digits --warm_start=nowhere"),
        "nowhere holds no finished points: train some there first",
    ),
    Case(
        "an extension of nothing",
        command("train --workdir=W --extend=2"),
        "W holds no finished points: train some there first",
    ),
    Case(
        "an extension with a configuration",
        command("train --workdir=W --extend=2 --config=configs/digits.py"),
        "--extend trains as the run of --workdir was trained: leave --config out",
    ),
    Case(
        "an extension with a parent",
        command("train --workdir=W --extend=2 --warm_start=other"),
        "--extend goes on in --workdir itself: leave --warm_start out",
    ),
    Case(
        "data that are not there",
        command("train-digits --data_dir=W --config.data.name=tissuemnist_224"),
        "tissuemnist_224.npz?download=1 could not be downloaded",
    ),
    Case(
        "a loss that is not there",
        command("train-digits --config.loss.name=my.loss:make"),
        "loss.name=my.loss:make: there is no module 'my' on the import path",
    ),
    Case(
        "an effort that there is none of",
        command("train --config=configs/few.py:slow --workdir=W"),
        "the effort must be one of fast, full, but is 'slow'",
    ),
    Case(
        "an effort of a file that is not there",
        command("train --config=configs/fewer.py:full --workdir=W"),
        "configs/fewer.py",
    ),
    Case(
        "a broken configuration",
        command("train --config=tests/third_party/broken_config.py --workdir=W"),
        "broken_config.py:5: ModuleNotFoundError: No module named 'nowhere'",
    ),
    Case(
        "a number of epochs below 1",
        command("train-digits --config.train.epochs=0"),
        "train.epochs must lie between 1 and 1000000, but is 0",
    ),
    Case(
        "half an epoch",
        command("train-digits --config.train.epochs=1.5"),
        "--config.train.epochs must be a whole number, but is '1.5'",
    ),
    Case(
        "an empty value",
        command("train-digits --config.train.epochs="),
        "--config.train.epochs must be a whole number, but is ''",
    ),
    Case(
        "more epochs than there are bits",
        command("train-digits --config.train.epochs=99999999999"),
        "train.epochs must be finite, and at most 2,147,483,647",
    ),
    Case(
        "a word as a seed",
        command("train-digits --config.seed=x"),
        "--config.seed must be a whole number, but is 'x'",
    ),
    Case(
        "a word as a number",
        command("train-digits --config.train.learning_rate=fast"),
        "--config.train.learning_rate must be a number, but is 'fast'",
    ),
    Case(
        "NaN",
        command("train-digits --config.train.learning_rate=nan"),
        "train.learning_rate must be finite",
    ),
    Case(
        "infinity",
        command("train-digits --config.train.learning_rate=inf"),
        "train.learning_rate must be finite",
    ),
    Case(
        "a number that no computer has",
        command("train-digits --config.train.learning_rate=1e400"),
        "train.learning_rate must be finite",
    ),
    Case(
        "a layer of nothing",
        command("train-digits --config.model.hidden=(0,)"),
        "model.hidden must be at least 1",
    ),
    Case(
        "a layer called a",
        command("train-digits --config.model.hidden=a"),
        "model.hidden must hold whole numbers, but is ('a',)",
    ),
    Case(
        "a layer of 10^30",
        command("train-digits --config.model.hidden=(1000000000000000000000000000000,)"),
        "model.hidden must be finite, and at most 2,147,483,647",
    ),
    Case(
        "a layer larger than memory",
        command("train-digits --config.model.hidden=(2147483647,)"),
        "GiB on a device",
    ),
    Case(
        "a section in the place of its name",
        command("train-digits --config.loss=triplet"),
        "--config.loss is a section: set one of its fields, like --config.loss.name=triplet",
    ),
    Case(
        "a flag without its value",
        command("train-digits --config.loss.margin"),
        "Missing value for flag --config.loss.margin",
    ),
    Case(
        "a quick variant, perhaps",
        command("train-digits --config.quick=maybe"),
        "quick must be True or False",
    ),
    Case("a loss without a name", command("train-digits --config.loss.name="), "but is ''"),
    Case(
        "a loss that is no loss",
        command("train-digits --config.loss.name=os:getcwd"),
        "must return a function, but returns str",
    ),
    Case(
        "a loss whose module cannot be imported",
        command("train-digits --config.loss.name=tests.third_party.broken_config:make"),
        "broken_config",
    ),
    Case(
        "a data set that there is none of",
        command("train-digits --config.data.name=cifar10"),
        "data.name must be one of",
    ),
    Case(
        "images from nowhere",
        command("train-digits --config.data.name=images"),
        "data.name=images needs data.path",
    ),
    Case(
        "images from a folder that is not there",
        command("train-digits --config.data.name=images --config.data.path=/nowhere"),
        "data.path=/nowhere: there is no such file or folder",
    ),
    Case(
        "a folder as arrays",
        command("train-digits --config.data.name=arrays --config.data.path=configs"),
        "is a folder: data.name=images reads one",
    ),
    Case(
        "a file as images",
        command("train-digits --config.data.name=images --config.data.path=README.md"),
        "is a file: data.name=arrays reads an .npz file",
    ),
    Case(
        "a text as table",
        command("train-digits --config.data.name=table --config.data.path=README.md"),
        "must end in .csv or .parquet",
    ),
    Case(
        "more labels than images",
        command(
            "train-digits --config.data.labelled_count=99999 --config.data.labelled_percent=None"
        ),
        "labelled images are asked for, but only",
    ),
    Case(
        "more than all labels",
        command("train-digits --config.data.labelled_percent=200"),
        "data.labelled_percent must be above 0 and at most 100",
    ),
    Case(
        "nothing to score by",
        command("train-digits --config.eval.protocols=()"),
        "eval.protocols must name something",
    ),
    Case(
        "a classifier that there is none of",
        command("train-digits --config.eval.classifiers=svm"),
        "eval.classifiers must be one of",
    ),
    Case(
        "validations without images",
        command(
            "train-digits --config.train.validate_every=1 --config.train.epochs=1 "
            "--config.data.validation=1"
        ),
        "needs validation images",
    ),
    Case(
        "a parent in a field, from nowhere",
        command("train-digits --config.train.warm_start=nowhere"),
        "train.warm_start=nowhere is no finished point",
    ),
    Case(
        "a parent without a name", command("train-digits --warm_start="), "holds no finished points"
    ),
    Case(
        "a file as parent",
        command("train-digits --warm_start=README.md"),
        "README.md holds no finished points",
    ),
    Case(
        "a point without an extension",
        command("train-digits --point=abc"),
        "--point says which point --extend trains further",
    ),
    Case(
        "a word as extension",
        command("train-digits --extend=x"),
        "--extend must be a whole number, but is 'x'",
    ),
    Case(
        "a file as run folder",
        command("train --config=configs/digits.py --workdir=README.md"),
        "--workdir=README.md cannot be written",
    ),
    Case(
        "a folder in a file",
        command("train --config=configs/digits.py --workdir=README.md/x"),
        "--workdir=README.md/x cannot be written",
    ),
    Case(
        "a run folder in /proc",
        command("train --config=configs/digits.py --workdir=/proc/nowhere"),
        "--workdir=/proc/nowhere cannot be written",
    ),
    Case(
        "an unknown projection",
        command("train-digits --projection=mds"),
        "value should be one of <pca|tsne|umap>",
    ),
    Case(
        "a text as configuration",
        command("train --config=README.md --workdir=W"),
        "the file cannot be read",
    ),
    Case(
        "a folder as configuration",
        command("train --config=configs --workdir=W"),
        "--config=configs: there is no such file",
    ),
    Case(
        "an empty configuration",
        command("train --config=/dev/null --workdir=W"),
        "the file has no get_config()",
    ),
    Case(
        "a word that a configuration does not take",
        command("train --config=configs/digits.py:word --workdir=W"),
        "takes 0 positional arguments",
    ),
)
