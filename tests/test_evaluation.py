"""Evaluations say what is true of images: built cases, each of which must be caught by the measure that is for it."""

import base64
import functools
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import digitsmith
from conftest import Told
from digitsmith.data import formats
from digitsmith.data.dataset import Dataset
from digitsmith.data.formats import FORMATS
from digitsmith.data.labels import DIGITS
from digitsmith.data.sources import Source
from digitsmith.errors import ConfigError, DataError, DigitsmithError, ModelError, ResultError
from digitsmith.evaluation.evaluate import Task, evaluate_images
from digitsmith.evaluation.extractors import DigitNetFeatures
from digitsmith.evaluation.images import Subject, open_subject
from digitsmith.evaluation.measures.diversity import DigitStatistics, digit_diversity
from digitsmith.evaluation.measures.readability import label_agreement
from digitsmith.evaluation.pictures import contact_sheets
from digitsmith.evaluation.real import RealImages, RealSplit, load_real_images, pixel_distances, predict_real
from digitsmith.evaluation.reference import RealData, _halves, choose_reference
from digitsmith.evaluation.samples import Sample, Sets, digit_labels
from digitsmith.models.digitnet import Predictions, digit_net, usual_scale
from digitsmith.progress import Silent
from digitsmith.records.base import DataRecord, ReadOptions
from digitsmith.records.evaluation import Evaluation, ReferenceRecord
from digitsmith.records.results import load_result, require_comparable
from digitsmith.records.run import Run
from tiny_models import TRAINING, a_model

N = 2000

Judged = Callable[[Callable[[Dataset], Dataset]], Evaluation]

needs_mnist = pytest.mark.skipif(
    not digitsmith.data.downloads.cache.at_hand("mnist"),
    reason="needs MNIST: `digitsmith train cgan --data mnist` downloads it, or set DIGITSMITH_DATA_HOME",
)


@pytest.fixture(scope="module")
def mnist() -> RealImages:
    return load_real("mnist")


@pytest.fixture(scope="module")
def mnist_unseen(mnist: RealImages) -> RealImages:
    """The same where the training images are not at hand: quicker, without the search for copies."""
    return replace(mnist, reference=replace(mnist.reference, images=None))


@pytest.fixture
def no_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No MNIST on this computer: quicker, without the search for copies."""
    monkeypatch.setenv("DIGITSMITH_DATA_HOME", str(tmp_path / "nothing"))


@pytest.fixture(scope="module")
def test_split(mnist: RealImages) -> Dataset:
    """Test images that are not among the N that set the real-data values."""
    return digitsmith.load_dataset("mnist:test").take(mnist.held_out.places[N : 2 * N])


@pytest.fixture(scope="module")
def judged(mnist: RealImages, test_split: Dataset) -> Judged:
    """What is found in test images that are spoilt, once for each way to spoil them."""
    return functools.cache(lambda spoil: judge(spoil(test_split), mnist))


def load_real(source: str) -> RealImages:
    return load_real_images(Source(source), ReadOptions(), progress=Silent())


def judge(data: Dataset, reference: RealImages, n: int = N) -> Evaluation:
    task = Task(Subject("built", data), reference, DigitNetFeatures(reference.scale), n)
    return evaluate_images(data, task, Silent())


def record(source: str) -> ReferenceRecord:
    return ReferenceRecord(source=source, split="train", sha256=source)


def verdicts(result: Evaluation) -> dict[str, str]:
    return {measure.key: measure.verdict for measure in result.measures}


@pytest.mark.slow
@needs_mnist
def test_unseen_real_digits_are_as_good_as_real_ones(mnist: RealImages, test_split: Dataset) -> None:
    result = judge(test_split, mnist)
    assert result.measure("frechet_ratio").value == pytest.approx(1, abs=0.2)
    assert set(verdicts(result).values()) == {"good"}
    assert {"hard_ratio", "independent_hard_ratio"} <= {*verdicts(result)}
    assert result.measure("independent_frechet_ratio").value == pytest.approx(1, abs=0.2)
    assert not result.collapse.collapsed
    for key in ("recognisable", "agreement", "copies", "precision", "recall", "coverage"):
        measure = result.measure(key)
        assert measure.value == pytest.approx(measure.real, abs=0.02)


@pytest.mark.slow
@needs_mnist
def test_training_images_that_come_back_are_called_copies(mnist: RealImages) -> None:
    train = digitsmith.load_dataset("mnist:train").take(slice(N))
    result = judge(train, mnist)
    assert result.measure("copies").value == 1
    assert result.measure("nearest_training").value == 0
    poor = {key for key, verdict in verdicts(result).items() if verdict == "fails"}
    assert poor == {"copies", "nearest_training"}


def _noise(data: Dataset) -> Dataset:
    return Dataset(np.random.default_rng(0).integers(0, 256, data.images.shape).astype(np.uint8))


def _blurred(data: Dataset) -> Dataset:
    blur = ImageFilter.GaussianBlur(1.2)
    images = np.stack([np.asarray(Image.fromarray(image).filter(blur)) for image in data.images])
    return Dataset(images, data.labels, data.classes)


def _shuffled_labels(data: Dataset) -> Dataset:
    assert data.labels is not None
    return Dataset(data.images, np.random.default_rng(0).permutation(data.labels), data.classes)


def _one_image(data: Dataset) -> Dataset:
    return data.take(np.zeros(len(data), int))


@needs_mnist
@pytest.mark.parametrize(
    ("spoil", "fails", "holds"),
    [
        pytest.param(
            _noise,
            {"frechet_ratio", "kid", "precision", "density", "two_sample", "recall", "coverage"},
            {"copies"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            _blurred, {"frechet_ratio", "kid", "precision", "two_sample"}, {"spread", "copies"}, marks=pytest.mark.slow
        ),
        (_shuffled_labels, {"agreement"}, {"frechet_ratio", "precision", "recall", "recognisable", "near_duplicates"}),
        pytest.param(
            _one_image,
            {"frechet_ratio", "recall", "coverage", "near_duplicates", "imbalance"},
            {"precision", "copies"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_is_wrong_with_images_fails_on_the_measure_that_is_for_it(
    judged: Judged,
    mnist_unseen: RealImages,
    test_split: Dataset,
    spoil: Callable[[Dataset], Dataset],
    fails: set[str],
    holds: set[str],
) -> None:
    found = verdicts(judged(spoil) if "copies" in holds else judge(spoil(test_split), mnist_unseen))
    assert fails <= {key for key, verdict in found.items() if verdict == "fails"}
    assert "fails" not in {found[key] for key in holds}


@pytest.mark.slow
@needs_mnist
def test_noise_that_the_digit_net_is_sure_of_is_not_passed_off_as_digits(judged: Judged) -> None:
    result = judged(_noise)
    assert result.measure("recognisable").value > 0.9  # the digit-net takes noise for an 8
    assert result.measure("recognisable").verdict == "fails"
    assert any("do not trust" in note for note in result.notes)


@pytest.mark.slow
@needs_mnist
def test_collapses_are_called_by_name(judged: Judged, mnist_unseen: RealImages, test_split: Dataset) -> None:
    assert test_split.labels is not None
    labels = test_split.labels
    without_seven = test_split.take(np.resize(np.flatnonzero(labels != 7), N))
    mostly_ones = test_split.take(
        np.concatenate([np.resize(np.flatnonzero(labels == 1), N * 9 // 10), np.arange(N - N * 9 // 10)])
    )
    found = {
        "digit 7 is all but missing": judge(without_seven, mnist_unseen),
        "9": judge(mostly_ones, mnist_unseen),
        "missing": judged(_one_image),
    }
    for reason, result in found.items():
        collapse = result.collapse
        assert collapse.collapsed
        assert any(reason in sentence for sentence in collapse.reasons)
    fives = np.flatnonzero(labels == 5)
    stuck = Dataset(test_split.images.copy(), labels, test_split.classes)
    stuck.images[fives] = stuck.images[fives[0]]  # one class makes one image, the others are well
    assert [reason for reason in judge(stuck, mnist_unseen).collapse.reasons if " 5 " in reason]


@pytest.mark.slow
@needs_mnist
def test_a_covariance_without_full_rank_is_said(judged: Judged) -> None:
    assert any("has a rank of 0, not 128" in note for note in judged(_one_image).notes)


@needs_mnist
def test_the_order_of_the_images_changes_nothing(mnist: RealImages, test_split: Dataset) -> None:
    some = test_split.take(slice(500))
    forward, backward = judge(some, mnist, 500), judge(some.take(slice(None, None, -1)), mnist, 500)
    for measure in forward.measures:
        assert backward.measure(measure.key).value == pytest.approx(measure.value, rel=1e-6, abs=1e-9)


def test_predictions_do_not_depend_on_the_other_images(digits: Dataset) -> None:
    net, images = digit_net(), digits.images[:600]
    together = net.predict(images)
    apart = [net.predict(part) for part in np.array_split(images, 7)]
    np.testing.assert_allclose(np.concatenate([part.features for part in apart]), together.features, atol=1e-5)


@needs_mnist
def test_the_shipped_predictions_are_those_of_the_shipped_net(mnist: RealImages) -> None:
    for known in (mnist.reference, mnist.held_out):
        data = digitsmith.load_dataset(known.record.address).take(known.places[:300])
        predictions = digit_net().predict(data.images)
        np.testing.assert_allclose(known.predictions[:300].features, predictions.features, atol=2e-3)
        np.testing.assert_allclose(known.predictions[:300].probabilities, predictions.probabilities, atol=2e-3)
        assert known.labels is not None
        assert (known.labels[:300] == data.labels).all()
        assert known.record.sha256 == digitsmith.load_dataset(known.record.address).sha256()


@needs_mnist
def test_the_digit_net_is_as_good_as_it_must_be() -> None:
    data = digitsmith.load_dataset("mnist:test")
    assert (digit_net().predict(data.images).digits == data.labels).mean() >= 0.996


def test_the_shipped_predictions_name_the_shipped_net() -> None:
    content = (resources.files("digitsmith.models") / "zoo" / "digitnet" / "mnist.npz").read_bytes()
    with np.load(io.BytesIO(content)) as stored:
        assert str(stored["digitnet"]) == digit_net().sha256


@needs_mnist
def test_real_digits_are_no_collapse_however_few(mnist_unseen: RealImages) -> None:
    test = digitsmith.load_dataset("mnist:test")
    for seed in range(5):
        some = test.take(np.random.default_rng(seed).permutation(len(test))[:200])
        assert not judge(some, mnist_unseen, 200).collapse.collapsed


@pytest.mark.usefixtures("no_mnist")
def test_with_no_mnist_at_hand_all_but_memorisation_is_measured() -> None:
    result = digitsmith.evaluate("mnist", count=500)
    assert {"frechet_ratio", "recognisable", "agreement", "recall", "near_duplicates"} <= set(verdicts(result))
    assert "copies" not in verdicts(result)
    for skipped in ("memorisation", "independent"):
        assert "downloaded" in result.skipped[skipped]
        assert not [measure for measure in result.measures if measure.group == skipped]
    assert "hard_ratio" in verdicts(result)  # there are 10,000 images of the training split
    assert result.protocol.images == 500


@pytest.mark.usefixtures("no_mnist")
def test_a_model_is_asked_for_digits_as_frequent_as_among_the_reference() -> None:
    result = digitsmith.evaluate("mnist", count=500)
    assert result.confusion is not None
    labels = load_real("mnist").reference.labels
    assert labels is not None
    asked = np.sum(result.confusion.counts, axis=1)
    np.testing.assert_allclose(asked, 500 * np.bincount(labels) / len(labels), atol=1)
    assert (result.protocol.mix, result.protocol.matched) == ("reference", True)
    assert result.subject_sha256 == digitsmith.load("mnist").sha256


def test_a_run_is_compared_with_what_it_was_trained_on(micro_run: Run, micro_gan: Run) -> None:
    conditional, unconditional = (digitsmith.evaluate(run.folder) for run in (micro_run, micro_gan))
    assert conditional.reference.title == "digits:train"
    assert conditional.protocol.images == 191  # of 359 unseen ones, with the frequencies of those trained on
    assert (conditional.protocol.matched, unconditional.protocol.matched) == (True, False)
    assert any("compared as they come, with their own frequencies" in note for note in unconditional.notes)
    assert conditional.protocol.scale < 1  # these digits fill their images, MNIST's do not
    assert conditional.measure("frechet_ratio").verdict == "fails"  # a second of training
    assert unconditional.confusion is None
    assert "labels" in unconditional.skipped["agreement"]


@pytest.mark.slow
def test_made_digits_are_compared_with_what_their_maker_was_trained_on(micro_run: Run, digits: Dataset) -> None:
    for format in FORMATS:
        folder = digitsmith.generate(format, 129, model=micro_run.folder, format=format)
        assert digitsmith.evaluate(folder).reference.title == "digits:train"
    assert digitsmith.evaluate("npz/train.npz").reference.title == "digits:train"
    assert digitsmith.evaluate("npz", "digits:test").reference.title == "digits:test"
    assert choose_reference(Subject("digits", digits), None) == (
        Source("mnist"),
        ReadOptions(),
    )  # a name, whatever is here


def test_made_digits_whose_makers_data_are_gone_need_a_reference(digits: Dataset) -> None:
    formats.write(digits.take(slice(300)), Path("made"), "npz")
    generated = {"model": "m", "model_sha256": "0", "trained_on": "gone/images", "seed": 0, "count": 300}
    Path("made/dataset.json").write_text(json.dumps({"classes": list(DIGITS), "generated": generated}))
    with pytest.raises(ConfigError, match=r"reference: the model that made made was trained on gone/images"):
        digitsmith.evaluate("made")
    formats.write(digits.take(slice(300, 600)), Path("mine"), "npz")
    generated["trained_on"] = long = "./" * 2000 + "mine"  # as long as a path can be; the notes are longer
    Path("made/dataset.json").write_text(json.dumps({"classes": list(DIGITS), "generated": generated}))
    result = digitsmith.evaluate("made", count=129)
    assert result.reference.source == long
    assert any(f"those of {long} on this computer" in note for note in result.notes)
    Path("made/dataset.json").write_text("[1]")
    with pytest.raises(DataError, match=r"dataset\.json cannot be read"):
        digitsmith.evaluate("made")


def test_digits_of_another_mix_are_drawn_at_that_of_the_reference(digits: Dataset, tmp_path: Path) -> None:
    real = tmp_path / "real.npz"  # whose halves have one mix
    np.savez(real, images=digits.images, labels=digits.labels)
    assert digits.labels is not None
    places = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
    more = digits.take(np.concatenate([of[: 60 if digit < 5 else 40] for digit, of in enumerate(places)]))
    result = digitsmith.evaluate(more, real, progress=False)
    assert (result.protocol.mix, result.protocol.matched) == ("reference", True)
    n = result.protocol.images
    assert result.confusion is not None
    counts = np.sum(result.confusion.counts, axis=1)
    np.testing.assert_allclose(counts, n * np.bincount(digits.labels) / len(digits), atol=2)
    assert counts[5:].max() == 40  # one more, and there would be too few of a digit
    assert f"{n} images of each kind are compared, not 500" in result.notes[1]
    assert f"The {n} that are compared were drawn with the frequencies of those" in result.notes[2]
    assert result.measure("imbalance").value == pytest.approx(0.1, abs=0.03)  # that of all of them
    assert sum(row.share for row in result.classes[:5]) == pytest.approx(0.6, abs=0.03)

    lacking = digitsmith.evaluate(digits.take(np.concatenate([places[0][:3], *places[1:]])), real, progress=False)
    assert (lacking.protocol.mix, lacking.protocol.matched) == ("reference", False)
    assert any("too few of some digits" in note for note in lacking.notes)


def test_what_real_images_get_does_not_depend_on_whether_images_are_labelled(digits: Dataset) -> None:
    labelled, unlabelled = digits.take(slice(400)), Dataset(digits.images[:400])
    results = [digitsmith.evaluate(images, "digits", count=150, progress=False) for images in (labelled, unlabelled)]
    assert [result.protocol.matched for result in results] == [True, False]
    require_comparable(results)
    for key in ("frechet_distance", "precision", "recall", "two_sample", "imbalance"):
        assert results[0].measure(key).real == results[1].measure(key).real


def test_a_source_without_a_test_split_is_halved(digits: Dataset, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=digits.images[:600], labels=digits.labels[:600])
    result = digitsmith.evaluate(Dataset(digits.images[600:]), tmp_path / "mine.npz")
    assert (result.reference.part, result.held_out.part) == ("first half", "second half")
    assert result.reference.source == str(tmp_path / "mine.npz")
    assert result.reference.title.endswith("mine.npz:train, first half")
    assert any("was halved" in note for note in result.notes)
    assert 290 <= result.protocol.images <= 300  # the halves differ by an image of each digit


def test_images_of_other_things_are_compared_but_not_classified() -> None:
    random = np.random.default_rng(0)
    letters = Dataset(random.integers(0, 256, (400, 20, 16)).astype(np.uint8), np.arange(400) % 2, ("a", "b"))
    first, second = letters.take(slice(200)), letters.take(slice(200, None))
    reference = predict_real(RealData(first, second, record("letters"), record("more letters")), Silent())
    result = judge(letters.take(slice(0, 300, 2)), reference, 150)
    assert "digits only" in result.skipped["readability"]
    assert {measure.group for measure in result.measures} == {"fidelity", "diversity", "memorisation", "independent"}


@pytest.mark.usefixtures("no_mnist")
def test_too_few_images_and_other_sizes_are_refused(digits: Dataset) -> None:
    with pytest.raises(DataError, match="at least 129 images"):
        digitsmith.evaluate("mnist", count=128)
    with pytest.raises(DataError, match=r"at least 129 images.*evaluate are 100"):
        digitsmith.evaluate(digits.take(slice(100)), "mnist")
    with pytest.raises(DataError, match=r"reference: .*20x20 in grey.*28x28 in grey"):
        digitsmith.evaluate(digits.resize((20, 20)), "digits")
    with pytest.raises(ConfigError, match="seed"):
        digitsmith.evaluate(digits, "digits", seed=-1)
    with pytest.raises(ConfigError, match="features: there are no features 'resnet'"):
        digitsmith.evaluate(digits, "digits", features="resnet")
    with pytest.raises(ConfigError, match="inception_weights: "):
        digitsmith.evaluate(digits, "digits", inception_weights="weights.pth")


def test_errors_name_the_arguments_of_evaluate(tmp_path: Path) -> None:
    formats.write(Dataset(np.zeros((4, 200, 200), np.uint8)), tmp_path / "large", "npz")
    with pytest.raises(ModelError, match=r"^subject: there is no model 'no.onnx'"):
        digitsmith.evaluate("no.onnx")
    with pytest.raises(DataError, match=r"^subject: .*images of 200x200"):
        digitsmith.evaluate(tmp_path / "large", "digits")
    with pytest.raises(DataError, match=r"^reference: .*images of 200x200"):
        digitsmith.evaluate("digits", tmp_path / "large")


def test_images_of_ones_own_are_framed_as_the_digits_that_they_are_compared_with(
    digits: Dataset, tmp_path: Path
) -> None:
    paper = np.full((len(digits), 60, 50), 255, np.uint8)
    paper[:, 3:31, 20:48] = 255 - digits.images  # small, off the centre, and dark
    np.savez(tmp_path / "paper.npz", images=paper, labels=digits.labels)
    framed = open_subject(tmp_path / "paper.npz", Silent()).content
    assert isinstance(framed, Dataset)
    assert framed.image_size == (28, 28)
    assert (digit_net().predict(framed.images).digits == digits.labels).mean() > 0.9
    assert open_subject(tmp_path / "paper.npz", Silent(), "digits").content.image_size == (60, 50)
    digitsmith.generate(tmp_path / "made", 20, progress=False)
    made = open_subject(tmp_path / "made", Silent()).content
    assert np.array_equal(made.images, digitsmith.load_dataset(tmp_path / "made").images)


def test_references_that_nothing_can_be_measured_beside_are_refused(digits: Dataset, tmp_path: Path) -> None:
    assert digits.labels is not None
    few = digits.take(np.append(np.flatnonzero(digits.labels < 3), np.flatnonzero(digits.labels == 9)[0]))
    np.savez(tmp_path / "few.npz", images=few.images, labels=few.labels)
    with pytest.raises(DataError, match="fewer than two of the"):
        digitsmith.evaluate(digits, tmp_path / "few.npz")
    twice = np.concatenate([digits.images[:150]] * 2)
    parts = RealData(Dataset(twice), Dataset(twice[::-1].copy()), record("twice"), record("again"))
    with pytest.raises(DataError, match="over again"):
        judge(Dataset(digits.images[:300]), predict_real(parts, Silent()), 300)


@pytest.mark.slow
def test_images_of_some_digits_are_compared_with_those_digits() -> None:
    labels = np.arange(300) % 5
    low = Dataset(digitsmith.load().sample(labels), labels, DIGITS)
    result = digitsmith.evaluate(low, "mnist")
    assert result.reference.digits == tuple("01234")
    assert result.reference.title == "mnist:train, digits 0 1 2 3 4"
    assert [row.name for row in result.classes] == list("01234")
    assert not any("missing" in reason for reason in result.collapse.reasons)
    own = Dataset(low.images, low.labels, tuple("01234"))
    changes = ["generator.widths=[8]", "discriminator.widths=[8]", "epochs=1"]
    model = digitsmith.load(digitsmith.train("cgan", own, "low", changes=changes).run.folder)
    assert digitsmith.evaluate(model, "mnist", count=300).reference.digits == tuple("01234")
    with pytest.raises(KeyError, match="recall"):
        result.measure("fid")


def test_dark_ink_on_bright_paper_is_said(digits: Dataset) -> None:
    inverted = Dataset(255 - digits.images, digits.labels, digits.classes)
    assert any("invert them" in note for note in digitsmith.evaluate(inverted, "digits").notes)


@pytest.mark.slow
def test_what_a_subject_shares_with_its_reference_is_said(digits: Dataset) -> None:
    of_reference = digitsmith.evaluate("digits:train", "digits")
    assert any("images of the reference itself" in note for note in of_reference.notes)
    unseen = digitsmith.evaluate("digits:test", "digits")
    assert any("These are held-out images" in note for note in unseen.notes)
    turned = digitsmith.evaluate("mnist", "digits:test", count=300)
    assert any("digits:train: of a model trained on them" in note for note in turned.notes)


def test_a_run_on_scaled_images_is_compared_with_images_of_its_size() -> None:
    changes = ["generator.widths=[8]", "discriminator.widths=[8]", "epochs=1"]
    run = digitsmith.train("cgan", "digits:train", "small", changes=changes, read={"resize": (20, 20)}).run
    result = digitsmith.evaluate(run.folder)
    assert result.reference.title == "digits:train"
    assert result.protocol.scale == 1.0  # digits that fill 20 pixels are as large as MNIST's


def test_a_model_of_data_that_is_gone_wants_a_reference(digits: Dataset, tmp_path: Path) -> None:
    changes = ["generator.widths=[8]", "discriminator.widths=[8]", "epochs=1"]
    np.savez(tmp_path / "mine.npz", images=digits.images, labels=digits.labels)
    run = digitsmith.train("cgan", tmp_path / "mine.npz", tmp_path / "run", changes=changes).run
    (tmp_path / "mine.npz").unlink()
    with pytest.raises(ConfigError, match=r"reference: .* was trained on .*mine.npz, which is not to be found here"):
        digitsmith.evaluate(run.folder)


def sample(digits: list[int], labels: list[int]) -> Sample:
    """Images that are classified as `digits` for sure."""
    predictions = Predictions(np.zeros((len(digits), 2), np.float32), np.eye(10, dtype=np.float32)[digits])
    return Sample(None, predictions, np.array(labels))


def test_agreement_counts_what_is_classified_as_labelled() -> None:
    # The last one is not labelled, and does not count.
    measure, confusion = label_agreement(sample([1, 7, 7, 7, 7], [1, 1, 7, 7, -1]), sample([1, 2, 3], [1, 2, -1]))
    assert (measure.value, measure.real) == (0.75, 1.0)
    assert confusion.labels == ("1", "7")
    assert [row[DIGITS.index("7")] for row in confusion.counts] == [1, 2]
    assert confusion.agreement == [0.5, 1.0]
    assert confusion.real_agreement == [1.0, None]


def test_the_usual_scale_makes_digits_as_large_as_mnists(digits: Dataset) -> None:
    image = np.zeros((3, 40, 30), np.uint8)
    image[:, 5:35, 10:20] = 255  # 30 high, 10 wide: at 2/3 as high as MNIST's 20
    assert usual_scale(image) == pytest.approx(2 / 3)
    predictions = digit_net().predict(image, 2 / 3)
    assert (predictions.digits == 1).all()  # an upright bar, once it is framed as MNIST's digits are
    assert usual_scale(image[:, ::2, ::2]) == 20 / 15


def test_results_come_back_from_their_files_and_others_are_refused(tmp_path: Path) -> None:
    result = digitsmith.evaluate("mnist", "digits", count=300)
    result.save(tmp_path / "result.json")
    assert load_result(tmp_path / "result.json") == result
    (tmp_path / "other.json").write_text('{"kind": "evaluation", "format": 1}')
    with pytest.raises(ResultError, match=r"subject: Field required.*the JSON file of a `digitsmith evaluate`"):
        load_result(tmp_path / "other.json")
    for older in ({"format": 0}, {}):
        content = {"kind": "study", "subject": "mnist"} | older
        (tmp_path / "older.json").write_text(json.dumps(content))
        with pytest.raises(ResultError, match=r"another version of Digitsmith.*measure again"):
            load_result(tmp_path / "older.json")
    with pytest.raises(ResultError, match=r"missing\.json cannot be read .No such file"):
        load_result(tmp_path / "missing.json")


def test_results_that_were_measured_differently_are_not_compared() -> None:
    result = digitsmith.evaluate("mnist", "digits", count=300)
    moved = result.reference.model_copy(update={"source": "elsewhere/digits"})  # the same images
    require_comparable([result, result.model_copy(update={"subject": "another", "reference": moved})])
    for change in ({"features_sha256": "x"}, {"digitnet_sha256": "x"}, {"images": 400}, {"mix": "held-out"}):
        other = result.model_copy(update={"protocol": result.protocol.model_copy(update=change)})
        with pytest.raises(ResultError, match="measured differently"):
            require_comparable([result, other])
    for change in ({"sha256": "x"}, {"digits": ("1", "2")}):
        for which in ("reference", "held_out"):
            other = result.model_copy(update={which: getattr(result, which).model_copy(update=change)})
            with pytest.raises(ResultError, match="measured differently"):
                require_comparable([result, other])


@needs_mnist
def test_images_far_from_real_ones_are_not_called_varied(mnist_unseen: RealImages) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (N, 28, 28), np.uint8)
    collapse = judge(Dataset(noise), mnist_unseen).collapse
    assert collapse.collapsed
    assert any(sentence.startswith("Coverage is 0%") for sentence in collapse.reasons)


def test_a_digit_that_real_images_are_misread_as_once_says_nothing_of_spread() -> None:
    def sample(digits: list[int], seed: int) -> Sample:
        random = np.random.default_rng(seed)
        probabilities = np.eye(10, dtype=np.float32)[digits]
        features = random.normal(size=(len(digits), 128)).astype(np.float32)
        return Sample(None, Predictions(features, probabilities), None)

    generated, reference = sample([7] * 100, 0), sample([7] * 98 + [2, 2], 1)
    found = digit_diversity(DigitStatistics.of(Sets(generated, reference, sample([7] * 99 + [2], 2))))
    assert next(m.real for m in found if m.key == "spread") == pytest.approx(1, abs=0.1)


def test_unlabelled_images_are_measured_where_labels_do_not_matter(digits: Dataset) -> None:
    assert digits.labels is not None
    labels = np.where(np.arange(len(digits)) % 3 == 0, -1, digits.labels)
    some = Dataset(digits.images, labels, digits.classes)
    result = digitsmith.evaluate(some, "digits", count=300)
    assert result.confusion is not None
    counted = np.sum(result.confusion.counts)
    n = result.protocol.images
    assert n / 2 < counted < 5 * n / 6
    assert any(f"{n - counted} of the {n} images are not labelled" in note for note in result.notes)
    assert result.measure("agreement").value > 0.9
    none = Dataset(digits.images, np.full(len(digits), -1), digits.classes)
    assert digit_labels(none) is None
    assert "labels" in digitsmith.evaluate(none, "digits", count=300).skipped["agreement"]


def test_a_model_is_compared_with_images_of_which_some_are_not_labelled(digits: Dataset, tmp_path: Path) -> None:
    test = digitsmith.load_dataset("digits:test")
    assert digits.labels is not None
    assert test.labels is not None
    half_known = np.where(np.arange(len(test)) % 2 == 0, -1, test.labels)
    parts = RealData(digits, Dataset(test.images, half_known, test.classes), record("known"), record("half known"))
    result = judge(digits.take(slice(300)), predict_real(parts, Silent()), 300)
    assert result.measure("agreement").real > 0.9


def test_distances_in_pixels_are_over_all_channels() -> None:
    black = np.zeros((1, 2, 2, 3), np.uint8)
    red = black.copy()
    red[..., 0] = 255
    distances, places = pixel_distances(red, np.concatenate([255 - black, black]), "comparing", Silent())
    assert distances.tolist() == [[2, 8**0.5]]  # four pixels differ by 1 in one channel of three, or in two of them
    assert places.tolist() == [[1, 0]]


def test_distances_in_pixels_do_not_depend_on_the_memory_that_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    images, training = (random.integers(0, 256, (n, 8, 8), dtype=np.uint8) for n in (40, 1003))
    training[900] = images[7]
    distances, places = pixel_distances(images, training, "", Silent())
    assert (distances[7, 0], places[7, 0]) == (0, 900)
    monkeypatch.setattr("digitsmith.evaluation.real._BLOCK_BYTES", 4 * 64 * 100)
    again = pixel_distances(images, training, "", Silent())
    np.testing.assert_array_equal(distances, again[0])
    np.testing.assert_array_equal(places, again[1])


def test_a_path_that_a_model_names_as_its_data_is_said(digits: Dataset, tmp_path: Path, micro_run: Run) -> None:
    formats.write(digits, tmp_path / "private", "npz")
    model = a_model(image_size=digits.image_size, training=TRAINING.model_copy(update={
        "data": DataRecord(source=str(tmp_path / "private"), sha256="ab" * 32, images=1, image_size=digits.image_size)
    }))  # fmt: skip
    result = digitsmith.evaluate(model, count=150, progress=False)
    (note,) = [note for note in result.notes if "names as its training data" in note]
    assert f"those of {tmp_path / 'private'} on this computer, which tiny names" in note
    chosen = digitsmith.evaluate(model, tmp_path / "private", count=150, progress=False)
    known = digitsmith.evaluate(micro_run.folder, count=150, progress=False)
    assert not any("names as its training data" in note for note in (*chosen.notes, *known.notes))


def test_subjects_that_are_no_files_end_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for subject in (
        tmp_path / "folder.json",
        tmp_path / "pipe.png",
        "a\0b",
        "x" * 5000,
        b"\xff".decode(errors="surrogateescape"),
    ):
        with pytest.raises(DigitsmithError):
            digitsmith.evaluate(subject, progress=False)


def test_large_images_are_shown_small() -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 700, 500, 3), dtype=np.uint8)
    predictions = Predictions(np.zeros((30, 2), np.float32), np.eye(10, dtype=np.float32)[np.arange(30) % 10])
    record = ReferenceRecord(source="a", split="train", sha256="")
    split = RealSplit(record, predictions, None, np.arange(30), images)
    for picture in contact_sheets(Sample(images, predictions, None), split).values():
        with Image.open(io.BytesIO(base64.b64decode(picture))) as sheet:
            assert max(sheet.size) <= 10 * (128 + 2) + 2


def test_every_work_is_reported_to_its_end(digits: Dataset) -> None:
    told = Told()
    digitsmith.evaluate("mnist", "digits", count=200, progress=told)
    last = {work: (done, total) for work, done, total in told.updates}
    assert len(last) >= 5
    assert all(done == total for done, total in last.values())


def coloured(data: Dataset) -> Dataset:
    """Digits in dark ink of many colours on bright paper of many colours."""
    random = np.random.default_rng(0)
    ink, paper = (random.integers(*limits, (len(data), 1, 1, 3)) for limits in ((0, 100), (180, 256)))
    levels = data.images[..., None] / 255
    return Dataset((levels * ink + (1 - levels) * paper).astype(np.uint8), data.labels, data.classes)


def test_colour_images_are_measured_and_shown_in_colour(digits: Dataset) -> None:
    test = digitsmith.load_dataset("digits:test")
    parts = RealData(coloured(digits), coloured(test), record("colour"), record("more colour"))
    reference = predict_real(parts, Silent())
    assert (reference.channels, reference.scale) == (3, load_real("digits").scale)
    result = judge(coloured(digits).take(slice(300)), reference, 300)
    assert result.measure("agreement").value > 0.9
    assert result.measure("copies").value == 1  # they are among the training images, colour for colour
    assert any("as ink against paper" in note for note in result.notes)
    assert not any("invert them" in note for note in result.notes)
    for picture in result.pictures.values():
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert image.mode == "RGB"


def test_a_source_whose_splits_are_not_of_one_kind_is_refused(digits: Dataset, tmp_path: Path) -> None:
    formats.write(coloured(digits.take(slice(8))), tmp_path / "real", "npz")
    formats.write(digits.take(slice(8)), tmp_path / "test", "npz", "test")
    (tmp_path / "test" / "test.npz").rename(tmp_path / "real" / "test.npz")
    (tmp_path / "real" / "dataset.json").unlink()
    with pytest.raises(DataError, match="images are in colour in the train split, and grey in the test split"):
        digitsmith.evaluate(digits, tmp_path / "real")


def test_colour_images_are_not_compared_with_grey_ones(digits: Dataset) -> None:
    with pytest.raises(DataError, match=r"reference: .*28x28 in colour, digits:train of 28x28 in grey"):
        digitsmith.evaluate(coloured(digits), "digits")


def test_halves_have_half_of_every_class(digits: Dataset) -> None:
    assert digits.labels is not None
    first, second = _halves(digits.take(slice(0, 301)))
    assert (len(first), len(second)) == (151, 150)
    assert sorted([*first, *second]) == list(range(301))
    counts = [np.bincount(digits.labels[places], minlength=10) for places in (first, second)]
    assert np.abs(counts[0] - counts[1]).max() <= 1
    bare = _halves(Dataset(digits.images[:10]))
    assert sorted(np.concatenate(bare)) == list(range(10))
