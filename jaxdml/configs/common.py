"""Every field that a configuration has, with its default. A part's further options (`mining`,
`first`, …) are in the docstring of its `make`, and can be set without being named here.
"""

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder


def get_config() -> ConfigDict:
    """The defaults of the library, by name."""
    config = ConfigDict()
    config.system = "dml_ae"  # labels: dml; images: ae, vae; both: dml_ae, dml_prior, mvae; few
    # labels: few, which has defaults of its own for fields that have no value here
    # Terms of the objective, in place of the system's, like ("metric", "proxies=metric", "kl"):
    # metric, reconstruction, kl, or a dotted path to a term of your own; name=… gives it a name
    config.terms = placeholder(tuple)
    config.seed = 0  # initial parameters, batches and samples follow from it

    config.data = data = ConfigDict()
    data.name = "digits"  # mnist, organamnist, …; arrays, images or a table of your own, or a
    # dotted path
    data.path = placeholder(str)  # of arrays (an .npz file), images (a folder) or a table (.csv or
    # .parquet): from here, or from --data_dir
    data.label = placeholder(str)  # of a table: the column of labels; none set: label
    data.without = placeholder(tuple)  # of a table: columns that are left out, like ("id",)
    data.size = placeholder(int)  # of images, pixels of a side; none set: as they are, or 64
    data.channels = placeholder(int)  # of images: 1 or 3; none set: grey if all are
    data.range = placeholder(tuple)  # of images: two values that become black and white, as in
    # --config.data.range="(0, 4095)"; none set: 0 and 65535 of 16 bits, 0 and 255 of 8
    data.skip_damaged = placeholder(bool)  # of images: files that cannot be read are left out
    data.megapixels = placeholder(float)  # of images: the largest that are read; none set: 178
    data.test_percent = 20  # of the labelled ones, where arrays or images have no test images
    # Or so many parts of the labelled ones take turns as test images; none set: five, where fewer
    # than forty would be set apart; 0: none
    data.folds = placeholder(int)
    data.fold = placeholder(int)  # the part that is held out, from 0; set for each point by itself
    data.labelled_percent = placeholder(float)  # of the training images; or
    data.labelled_count = placeholder(int)  # how many; or
    data.labels_per_class = placeholder(int)  # how many of each class; none set: all are labelled
    data.labels_seed = 0  # which ones
    data.stratified = False  # each class its share, instead of a uniform draw
    data.validation = 0  # training images to set apart
    data.invariances = placeholder(tuple)  # changes that keep an image's class, like ("shift",
    # "flip_horizontal"); none set: those that the data set declares

    # A view of an image is the image under random changes that keep its class. A policy makes it:
    # none, weak, strong, or a dotted path.
    config.augment = augment = ConfigDict()
    augment.weak = placeholder(str)  # if set, each term without a view of its own reads this view;
    # a term's own is loss.view, kl.view, …: plain (the image itself), weak or strong
    augment.strong = placeholder(str)  # of terms that read a strong view; none set: strong

    config.model = model = ConfigDict()
    model.encoder = placeholder(str)  # conv, conv_small, resnet; none set: mlp
    model.hidden = placeholder(tuple)  # dense layers; none set: the encoder's own, mlp's (512, 256)
    model.latent_dim = placeholder(int)  # none set: 10
    model.unit_length = placeholder(bool)  # whether losses and scores read embeddings of length 1

    config.loss = loss = ConfigDict()  # L_S, a metric loss on the labelled stream
    loss.name = placeholder(str)  # supcon, center, arcface, …, or a dotted path to a loss of your
    # own; none set: triplet
    loss.on = "sample"  # of the posterior, or its mean
    loss.margin = placeholder(float)  # none set: the loss's own default, as for all its options
    loss.temperature = placeholder(float)  # of supcon
    # Where labels come from. ("true", "teacher") are also those of the network itself, see pseudo;
    # "propagated" ones spread over a graph of all embeddings between epochs, see
    # propagated.method (poisson). None set: true
    loss.sources = placeholder(tuple)
    loss.view = placeholder(str)  # of labelled images: plain, weak, strong
    # Each term has a weight of its own too: loss.weight, reconstruction.weight, kl.weight

    # Labels that the teacher gives, where loss.sources names it; loss.normalizer weighs them
    config.pseudo = pseudo = ConfigDict()
    pseudo.threshold = placeholder(float)  # how sure it must be of an image: 0.95
    pseudo.thresholds = placeholder(str)  # fixed, or adaptive (FreeMatch)
    pseudo.alignment = placeholder(str)  # to shares of classes: none, labelled, uniform, running
    pseudo.smoothing = placeholder(float)  # labelled images that each class is given besides: 1
    pseudo.weight = placeholder(float)  # of these images' loss: 1

    config.reconstruction = reconstruction = ConfigDict()  # L_U, on all images
    reconstruction.name = "mse"  # bernoulli, gaussian
    reconstruction.reduction = "sum"  # over pixels, or mean

    config.prior = prior = ConfigDict()  # p(z), of systems that have one
    prior.name = placeholder(str)  # none set: unit, of mvae vamp; hypercube, sphere, …

    config.kl = kl = ConfigDict()  # the divergence from it, part of L_U
    kl.name = placeholder(str)  # analytic (unit prior), monte_carlo (the others), printed, …
    kl.beta = 1.0  # its weight in L_U
    kl.samples = placeholder(int)  # of a Monte-Carlo estimate: 1
    kl.free_bits = 0.0  # nats of it that cost nothing
    kl.schedule = "constant"  # of beta: warmup, cyclical
    kl.schedule_steps = 1000.0

    config.routine = routine = ConfigDict()  # how the two losses go together
    routine.name = "joint"  # every step has both; alternate, joint_gamma, pretrain, pretrain_joint
    routine.alpha = 0.5  # (1 - alpha) L_S + alpha L_U
    routine.gamma = 1.0  # L_U + gamma L_S (joint_gamma)
    routine.every = "epoch"  # what takes turns: epochs, as in the thesis, or each batch (alternate)
    routine.turns = (1, 1)  # so many supervised ones, then so many unsupervised (alternate)
    routine.first = "supervised"  # the phase of epoch 1 (alternate)
    routine.supervised = "weighted"  # L_U in supervised epochs too; metric_only: not (alternate)
    routine.supervised_data = "all"  # what L_U reads in a supervised epoch; or labelled (alternate)
    routine.labelled_steps = "match"  # a supervised epoch is as long as the others; or one pass
    routine.pretrain_epochs = 5  # of L_U alone, then the labels (pretrain, pretrain_joint)

    config.train = train = ConfigDict()
    train.epochs = placeholder(int)  # none set: 10
    train.steps = placeholder(int)  # the length in steps, in place of epochs; epochs have 200
    train.batch_size = placeholder(int)  # none set: 128
    train.unlabelled_batch_size = placeholder(int)  # of batches of all images; none set: the same
    train.learning_rate = 1e-3
    # The teacher is an average of the parameters over the steps. In each step this share of it,
    # like 0.999, stays; none set: no average is kept
    train.average = placeholder(float)
    # What products and convolutions of the network read in training: float32, or bfloat16, whose
    # sums stay float32, as losses, parameters, scores and embeddings do
    train.precision = "float32"
    # The folder of a finished point, like runs/one/points/0123456789ab, whose network the training
    # begins with; --warm_start=runs/one of the command train finds it
    train.warm_start = placeholder(str)
    # Validations: kNN accuracy on the validation images, from the labelled ones
    train.validate_every = placeholder(int)  # so many epochs, and after the last; none set: never
    train.patience = placeholder(int)  # a training ends after so many in a row without a new best
    train.keep = "last"  # which network is kept and scored; best: that of the best validation
    train.sampler = "uniform"  # of labelled images; balanced: as many of each class
    train.classes_per_batch = placeholder(int)  # of balanced batches; none set: all classes
    # How it is executed, which may change from one call to the next; a number, auto (the fastest of
    # some that are tried), or unset: 1 on a CPU, up to 64 on accelerators
    train.width = placeholder(object)  # points that a device works on at once
    train.memory_share = 0.75  # of each device's memory, at most
    train.feed = "auto"  # batches from the host, where not all images fit; device or host: always
    train.checkpoint_every = placeholder(int)  # so many epochs; none set: every minute

    config.optimizer = optimizer = ConfigDict()
    optimizer.name = "adam"  # adamw, sgd, optax:lion, or a dotted path
    optimizer.schedule = placeholder(
        str
    )  # of the learning rate: cosine, fixmatch; none set: constant
    optimizer.warmup_steps = placeholder(float)  # over which the rate grows to its value
    optimizer.clip = placeholder(float)  # the largest norm of the gradient; none set: any
    optimizer.weight_decay = placeholder(float)  # decoupled; none set: none, or adamw's 0.01

    config.eval = evaluation = ConfigDict()
    evaluation.protocols = placeholder(tuple)  # full, cluster, retrieval, scores, propagated,
    # transductive, or dotted paths; none set: thesis, labelled
    evaluation.classifiers = ("knn",)  # rf, mlp, linear, or dotted paths
    evaluation.parameters = placeholder(str)  # what is scored and embedded: average, the teacher's
    # weights; none set: the last ones
    evaluation.embeddings = ("mean",)  # and, or instead, a sample of the posterior
    evaluation.split = "test"  # or validation
    evaluation.baselines = ("pixels", "pca")  # rows of the report; () for none
    evaluation.neighbours = 5  # of knn
    evaluation.trees = 100  # of rf
    evaluation.mlp_iterations = 200  # at most, passes over what it is fitted on
    evaluation.linear_iterations = 1000  # at most
    return config
