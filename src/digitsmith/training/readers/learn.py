"""From images, of which few or all are labelled, to a reader: one ONNX file that says which digit an image shows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from digitsmith.answers.examine import examine
from digitsmith.data.assemble import fit
from digitsmith.data.dataset import Dataset
from digitsmith.data.sheet import counts
from digitsmith.data.sources import read_over, same_images
from digitsmith.errors import ConfigError
from digitsmith.files import require_new
from digitsmith.models.generator import load
from digitsmith.models.noise import check_seed, whole
from digitsmith.models.reader import Reader
from digitsmith.progress import Progress, listening
from digitsmith.records.base import ReadOptions, Versions
from digitsmith.records.learning import PLAN, READER, RESULT, Learning
from digitsmith.records.model import TrainingRecord
from digitsmith.records.reader import GeneratedRecord, ReaderTraining
from digitsmith.records.study import ClassifierRecord
from digitsmith.training.device import find_device
from digitsmith.training.ranks import ALONE, DONE, Ranks
from digitsmith.training.readers import mixing, teaching
from digitsmith.training.readers.classifier import Recipe
from digitsmith.training.readers.classifier_training import LEAST_SHARE, Extras
from digitsmith.training.readers.export import finish
from digitsmith.training.readers.gather import Given, gather
from digitsmith.training.readers.learning_plan import plan_in, require_same
from digitsmith.training.readers.mixing import all_of, classifier_of, digits_of, together, trusts
from digitsmith.training.readers.self_training import ROUNDS, self_train, states
from digitsmith.training.readers.teaching import Taught, teach
from digitsmith.training.torchrun import joined
from digitsmith.untrusted import exists

_STATE = "state.safetensors"  # in the folder until the training ends

USUAL = ReadOptions(resize=(28, 28), frame="mnist")
"""How images are read: framed, so that the reader takes digits of any size and place."""

_FEW = 100  # labelled images of a class, and up to as many: then generated digits are used where the user does not say
_SURE_OF = 0.5  # of the unlabelled images, at the end: of those that show the classes, it is more


@dataclass(frozen=True, eq=False)
class Learned:
    """What became of a learning.

    Attributes:
        reader: ready to use.
        folder: where `reader.onnx` is.
        result: how the training went, and how well the reader reads what it never saw.
        rank: of this process, if torchrun started several: only the first one, 0, has written the folder.
    """

    reader: Reader
    folder: Path
    result: Learning
    rank: int = 0


def learn(
    data: str | Path,
    out: str | Path = "reader",
    *,
    per_class: int | None = None,
    unlabelled: str | Path | None = None,
    generated: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    read: ReadOptions | Mapping[str, Any] | None = None,
    progress: Progress | bool = True,
) -> Learned:
    """Train a reader of digits, and export it.

    Labelled images are learned with random distortions. Images without labels teach by consistency: what the network is
    sure of must stay so when the image is distorted (Sohn et al. 2020). Then new networks learn them all with the
    labels that the last one gave (Xie et al. 2020). Beside few labelled images, generated digits
    are mixed in where they are of the same kind. Images of no digit are made, so that the reader refuses what is none.

    Args:
        data: the labelled images; those in it without a label count as unlabelled. Its test split, if there is one, is
            read at the end.
        out: a new folder, for `reader.onnx`; or that of the same training, which was stopped, to go on with it.
        per_class: use so many labels of each class only, drawn by the seed. All other images count as unlabelled.
        unlabelled: images without labels; their labels, if there are any, are not looked at.
        generated: a model whose digits are mixed in; "none" for none. By default the one in the box, if there are at
            most 100 labelled images of a class, and if they are of its kind.
        seed: draws the labels, and decides all random numbers.
        epochs: of 200 steps or, with many labelled images, passes over these; by default it follows from the images.
            Self-training takes as long again.
        read: how the files are read, by the names of `load_dataset`; by default they are framed as MNIST was made.
        progress: True shows it, False is silent; or a listener.

    Raises:
        DataError: images that nothing can be learned from: no labels, a single class, too few of one.
        ConfigError: a number out of range, or a model of other classes or size.
        OutputError: the folder holds something else, or cannot be written.

    Examples:
        >>> import digitsmith
        >>> learned = digitsmith.learn("digits", "my-reader", epochs=1, progress=False)
        >>> learned.reader.record.classes
        ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    """
    seed = check_seed(seed)
    options = read_over(USUAL, read)
    folder = Path(out)
    with joined() as ranks:
        if ranks.follower:
            last = ranks.follower.follow(teaching.PARTS)
            reader = Reader(READER, last.tensors["reader"].numpy().tobytes())
            return Learned(reader, folder, Learning.model_validate_json(last.said["result"]), ranks.rank)
        _require_unfinished(folder)
        with listening(progress) as listener:
            ranks.introduce(find_device("auto"), listener)
            given = gather(data, unlabelled, per_class, seed, options, listener)
            learned = learn_from(
                given, folder, generated=generated, seed=seed, epochs=epochs, progress=listener, ranks=ranks
            )
        content = torch.frombuffer(bytearray(learned.reader.content), dtype=torch.uint8)
        ranks.tell(DONE, {"result": learned.result.model_dump_json()}, {"reader": content})
        return learned


def learn_from(
    given: Given,
    folder: Path,
    *,
    generated: str | Path | None = None,
    seed: int,
    epochs: int | None = None,
    progress: Progress,
    ranks: Ranks = ALONE,
) -> Learned:
    """The same from images that were read: see `learn`."""
    recipe = _recipe(given, epochs)
    recipe = replace(recipe, batch_size=ranks.whole(recipe.batch_size, LEAST_SHARE))
    extras = Extras(unlabelled=given.unlabelled, refuses=True)
    training = ReaderTraining(
        data=given.data,
        device="cuda" if torch.cuda.is_available() else "cpu",
        versions=Versions.here("torch", "numpy"),
        labelled=len(given.labelled) + (len(given.held_out) if given.held_out else 0),
        drawn=given.drawn,
        unlabelled=0 if given.unlabelled is None else len(given.unlabelled),
        unlabelled_data=given.unlabelled_data,
        classifier=ClassifierRecord(**asdict(recipe)),
        steps=0,
        rounds=0 if given.unlabelled is None else ROUNDS,
        seed=seed,
        ranks=ranks.count,
    )
    plan = plan_in(folder)
    if plan is not None:  # what can be compared before any digit is made
        later = {"generated": plan.generated, "steps": plan.steps}
        require_same(plan, training.model_copy(update=later), folder)
    made, record = _generated(generated, given, seed, progress, plan)
    shown = all_of(given.labelled, made, seed)
    steps = recipe.epochs * (len(shown) // recipe.batch_size)
    training = training.model_copy(update={"generated": record, "steps": steps})
    if plan is None:
        training.save(folder / PLAN)
    else:
        require_same(plan, training, folder)
        ranks.compare(plan.ranks, progress)
    state, work = folder / _STATE, "learning to read"
    if given.unlabelled is None:
        taught = teach(shown, recipe, seed, extras, state, progress, work=work, ranks=ranks)
    else:
        known = together([given.labelled, *made])
        taught = self_train(shown, known, recipe, seed, extras, state, progress, work=work, ranks=ranks)
    if taught.sure and taught.sure[-1] < _SURE_OF:
        progress.note(
            f"At the end, the network was sure of only {taught.sure[-1]:.0%} of the unlabelled images: they may "
            f"show what is none of the classes, or be of another kind than the labelled ones; or the training was too "
            f"short."
        )
    reader = finish(taught.classifier.cpu(), given, training, folder / READER)
    result = _result(reader, taught, given)
    result.save(folder / RESULT)
    for place in (folder / PLAN, *states(state)):  # without a plan, nothing is left to do
        place.unlink(missing_ok=True)
    return Learned(reader, folder, result)


def is_learned(folder: Path) -> bool:
    """Whether a training in the folder has come to its end."""
    return (folder / READER).is_file() and not (folder / PLAN).exists()


def _recipe(given: Given, epochs: int | None) -> Recipe:
    """How a classifier of so many labelled images is trained."""
    recipe = mixing.RECIPE if _are_few(given.labelled) else mixing.MANY
    default = mixing.EPOCHS_WITH_UNLABELLED if given.unlabelled is not None else recipe.epochs
    recipe = replace(recipe, epochs=default if epochs is None else whole(epochs, "epochs"))
    if recipe.epochs < 1:
        raise ConfigError(f"{epochs} is too few: use at least one.", parameter="epochs")
    return recipe


def _are_few(labelled: Dataset) -> bool:
    return max(counts(labelled).values()) <= _FEW


def _gives_away(training: TrainingRecord, given: Given, seed: int) -> bool:
    """Whether a model has learned from labels of the same images that are not to be used."""
    if not same_images(given.data, training.data):
        return given.unlabelled_data is not None and same_images(given.unlabelled_data, training.data)
    if not given.drawn:
        return False
    run = training.config.get("run")
    if training.labels is None or not isinstance(run, dict) or run.get("seed") != seed:
        return True
    return training.labels.per_class * len(given.labelled.classes) > len(given.drawn)  # fewer are among more


def _result(reader: Reader, taught: Taught, given: Given) -> Learning:
    """What became of a learning."""
    record = reader.record
    assert record.training is not None
    images = given.test or given.held_out
    return Learning(
        subject=given.data.title,
        classes=record.classes,
        reader_sha256=reader.sha256,
        training=record.training,
        losses=taught.losses,
        sure=taught.sure,
        measured=record.measured,
        tested=examine(reader, images, record.measured[-1].title, judged=given.test is not None) if images else None,
    )


def _require_unfinished(folder: Path) -> None:
    """Refuse a folder that holds anything but a reader whose training was stopped.

    Raises:
        OutputError: it does.
    """
    if not exists(folder / PLAN):
        require_new(folder)


def _generated(
    generated: str | Path | None, given: Given, seed: int, progress: Progress, plan: ReaderTraining | None
) -> tuple[list[Dataset], GeneratedRecord | None]:
    """Digits to mix in, if that is asked for, or planned; or if few real ones are there, and they are of their kind."""
    labelled = given.labelled
    if generated == "none" or (generated is None and not _are_few(labelled)):
        return [], None
    if generated is None and plan is not None and plan.generated is None:
        return [], None
    model = load(generated)
    record = model.record
    if record.training is not None and _gives_away(record.training, given, seed):
        if generated is None:
            return [], None
        raise ConfigError(
            f"{model.name} was trained on these images, with labels that are not to be used: its digits would give the "
            f"others away. Choose another model, or none; or train one from the same labels, with as many of each "
            f"class and the same seed.",
            parameter="generated",
        )
    count, framed = max(mixing.GENERATED, len(labelled)), given.data.read.frame is not None
    fits = framed or (record.image_size, record.channels) == (labelled.image_size, labelled.channels)
    made = digits_of(model, labelled.classes, seed, count) if fits and model.conditional else None
    if made is not None and framed:
        made = Dataset(fit(made.images, given.data.read, model.name), made.labels, made.classes)
    if made is None and generated is not None:
        raise ConfigError(
            f"{model.name} makes no images of this size, with these channels and classes: choose another, or none.",
            parameter="generated",
        )
    settled = generated is not None or plan is not None  # by the user, or before
    if made is None or not (settled or trusts(classifier_of(made, progress), labelled)):
        return [], None
    progress.note(f"{len(made):,} digits of the model {model.name} are mixed in: half of what is seen with a label.")
    saw = given.held_out is not None and record.training is not None and same_images(given.data, record.training.data)
    if saw:
        progress.note(
            f"{model.name} learned from the same images, those that are held out among them: what these say of errors "
            f"may be too good. A test split of its own says it better."
        )
    return [made], GeneratedRecord(model=model.name, sha256=model.sha256, images=len(made), saw_held_out=saw)
