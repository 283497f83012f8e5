"""The study of classifiers, what it says, and what it is made of: discriminators that classify, and Bayes' rule."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

import digitsmith
from conftest import Told, refused
from digitsmith.cli import main
from digitsmith.data.dataset import Dataset
from digitsmith.errors import ConfigError, DataError, OutputError
from digitsmith.progress import Silent
from digitsmith.records.cells import ArmKey, Cell
from digitsmith.records.classifiers import Classifiers
from digitsmith.records.results import load_result
from digitsmith.studies import classifiers as studies
from digitsmith.studies.bayes import bayes
from digitsmith.studies.verdict import corrected, rows_of
from digitsmith.training import losses
from digitsmith.training.readers import adversarial, mixing
from digitsmith.training.readers.adversarial import AdversarialRecipe
from digitsmith.training.readers.classifier import Classifier, classify

AGAINST: dict[ArmKey, ArmKey] = {"mlp-gan": "mlp", "convolutional-gan": "convolutional"}


def small(shape: tuple[int, int, int], classes: int) -> Classifier:
    return Classifier(((16, 4), (32, 2)), classes, shape[0])


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of some steps."""
    monkeypatch.setattr(studies, "RECIPE", AdversarialRecipe(steps=4, batch_size=16))
    monkeypatch.setattr(studies, "EPOCHS", 0)


@pytest.mark.usefixtures("short")
def test_the_study_compares_each_network_with_itself_and_goes_on_after_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"per_class": [2, 3], "structures": ["convolutional", "mlp"], "seeds": 2, "progress": False}
    made, count = studies.adversarial.train_network, 0

    def killed(*arguments, **named):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return made(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(studies.adversarial, "train_network", killed)
        with pytest.raises(KeyboardInterrupt):
            digitsmith.classifiers("digits", "cut", **options)
    so_far = load_result(Path("cut/classifiers.json"))
    assert isinstance(so_far, Classifiers)
    assert len(so_far.cells) == 2
    assert not so_far.complete
    result = digitsmith.classifiers("digits", "cut", **options)
    assert result == load_result(Path("cut/classifiers.json"))
    assert result.complete
    assert result.cells[:2] == so_far.cells
    arms = ["mlp", "mlp-gan", "convolutional", "convolutional-gan", "bayes"]
    assert [(row.per_class, row.arm) for row in result.rows] == [(number, arm) for number in (2, 3) for arm in arms]
    assert result.protocol.structures == ("mlp", "convolutional")
    for row in result.rows:
        plain = result.row(row.per_class, AGAINST[row.arm]) if row.arm in AGAINST else None
        assert row.against == (plain.arm if plain else None)
        assert row.difference == (pytest.approx(row.mean - plain.mean) if plain else None)
        assert (row.corrected is None) == (plain is None)
    bayes_row = result.row(3, "bayes")
    assert bayes_row is not None
    assert bayes_row.mean > 0.6
    page = digitsmith.write_report("cut").read_text()
    assert "Whether a discriminator is a better classifier" in page
    assert "fully connected network, as a discriminator" in page
    assert "No configuration differs significantly" in result.verdicts[0]
    assert "No configuration differs significantly" in page
    assert "digitsmith study classifiers digits --per-class 2,3 --structures mlp,convolutional --seeds 2" in page


@pytest.mark.usefixtures("short")
def test_the_command_prints_a_table_and_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["study", "classifiers", "digits", "--per-class", "2", "--seeds", "2", "--structures", "mlp"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "mlp-gan " in said
    assert "corrected for the number of comparisons (Holm)" in said
    assert "digitsmith report classifiers-digits" in said


def test_what_cannot_be_studied() -> None:
    with refused(ConfigError, "too few for a spread", "seeds"):
        digitsmith.classifiers("digits", "study", seeds=1)
    with refused(ConfigError, "choose among mlp, noisy, convolutional", "structures"):
        digitsmith.classifiers("digits", "study", structures=["forest"])
    with refused(ConfigError, "give numbers", "per_class"):
        digitsmith.classifiers("digits", "study", per_class=[0])
    with refused(DataError, "1000 of each class are too many", "per_class"):
        digitsmith.classifiers("digits", "study", per_class=1000)
    Path("study").mkdir()
    Path("study/notes").write_text("mine")
    with refused(OutputError, "is not empty"):
        digitsmith.classifiers("digits", "study", seeds=2)


def cells(arm: ArmKey, accuracies: list[float]) -> list[Cell]:
    return [Cell(per_class=5, seed=seed, arm=arm, accuracy=value) for seed, value in enumerate(accuracies)]


def test_p_values_are_corrected_by_holm() -> None:
    plain = [*cells("mlp", [0.80, 0.84, 0.88]), *cells("convolutional", [0.90, 0.90, 0.90])]
    better = cells("mlp-gan", [0.90, 0.93, 0.96])  # by 0.10, 0.09, 0.08: t = 0.09 / (0.01 / sqrt 3) = 15.588
    same = cells("convolutional-gan", [0.91, 0.90, 0.89])
    rows = corrected(rows_of([*plain, *better, *same], AGAINST))
    first, second = (row for row in rows if row.against)
    assert first.p == pytest.approx(0.004091, abs=2e-6)  # of Student's t with two degrees of freedom
    assert first.corrected == pytest.approx(2 * 0.004091, abs=4e-6)
    assert (second.p, second.corrected) == (pytest.approx(1.0), pytest.approx(1.0))
    verdicts = studies.verdicts_of(rows)
    assert verdicts[0].startswith("1 of 2 comparisons differs significantly, at the level of 5 %")
    assert verdicts[1] == "5 of each class, mlp: +9.0 points (95 %: +6.5 to +11.5) as a discriminator."
    none = studies.verdicts_of(corrected(rows_of([*plain, *same], AGAINST)))
    assert none[0].startswith("No configuration differs significantly, at the level of 5 %")


def test_logits_make_a_probability_of_being_real() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5], [-4.0, -4.0, -4.0]])
    z = logits.exp().sum(1)
    real = z / (z + 1)  # Salimans et al. 2016, section 5
    assert losses.real_loss(logits.logsumexp(1)) == pytest.approx(float(-real.log().mean()))
    assert losses.fake_loss(logits.logsumexp(1)) == pytest.approx(float(-(1 - real).log().mean()))
    matched = losses.matching_loss(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert matched == pytest.approx((2.0**2 + 1.0**2) / 2)


def test_a_discriminator_learns_its_classes_and_depends_on_the_seed_alone(digits: Dataset) -> None:
    few = mixing.draw_examples(digits, 10, 0)
    recipe = AdversarialRecipe(steps=60, batch_size=32, lr=5e-3)
    told = Told()
    first = adversarial.train_network(small, few, recipe, 0, told, unlabelled=digits.images)
    assert told.updates[-1] == ("training a classifier", 60, 60)
    again = adversarial.train_network(small, few, recipe, 0, Silent(), unlabelled=digits.images)
    other = adversarial.train_network(small, few, recipe, 1, Silent(), unlabelled=digits.images)
    weights, same, different = (list(network.parameters()) for network in (first, again, other))
    assert all(map(torch.equal, weights, same))
    assert not all(map(torch.equal, weights, different))
    assert (classify(first, digits.images) == digits.labels).mean() > 0.4


def test_the_bayes_classifier_has_the_densities_of_its_docstring() -> None:
    random = np.random.default_rng(0)
    places = np.arange(60) % 3
    levels = (
        90 + 40 * np.eye(4)[places] + random.normal(0, [30, 10, 20, 40], (60, 4)) + 20 * random.normal(size=(60, 1))
    )
    data = Dataset(levels.clip(0, 255).astype(np.uint8).reshape(60, 2, 2), places, ("a", "b", "c"))
    asked = random.integers(60, 180, (200, 2, 2)).astype(np.uint8)
    pixels = data.images.reshape(60, 4) / 255  # all four components are a rotation of these
    own = [pixels[places == label] for label in range(3)]
    shared = sum(np.cov(part.T, bias=True) for part in own) / 3 + 0.1 * pixels.var(0).mean() * np.eye(4)
    densities = [
        multivariate_normal(part.mean(0), (20 * np.cov(part.T, bias=True) + 4 * shared) / 24).pdf(
            asked.reshape(200, 4) / 255
        )
        for part in own
    ]
    assert (bayes(data, asked) == np.argmax(densities, axis=0)).all()


def test_the_bayes_classifier_reads_digits(digits: Dataset) -> None:
    test = digitsmith.load_dataset("digits", "test")
    assert (bayes(mixing.draw_examples(digits, 100, 0), test.images) == test.labels).mean() > 0.95
    one = bayes(mixing.draw_examples(digits, 1, 0), test.images)  # no spread within a class is known
    assert (one == test.labels).mean() > 0.4
