"""The config: sections by architecture, presets, files, changes, and errors that name the mend."""

import os
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from conftest import refused
from digitsmith.config.loading import describe_keys, flatten, load_config, presets, to_values
from digitsmith.config.schema import FullyConnectedNetworks, ResidualNetworks, TrainConfig
from digitsmith.errors import ConfigError

ARCHITECTURES = {"gan": "fully-connected", "cgan": "fully-connected", "residual": "residual"}


def test_presets_say_what_they_decide_and_every_key_has_a_sentence() -> None:
    assert presets() == ["cgan", "gan", "residual"]
    keys = describe_keys()
    configs = {preset: load_config(preset) for preset in presets()}
    for preset, config in configs.items():
        assert config.networks.architecture == ARCHITECTURES[preset]
        assert set(flatten(config)) <= set(keys)
    assert {key for config in configs.values() for key in flatten(config)} | {
        "networks.generator.widths",  # left open: they follow from the image size
        "networks.discriminator.widths",
        "optimizer.steps",  # from the number of images
    } == set(keys)
    assert {key.partition(".")[0] for key in keys} == {"networks", "loss", "optimizer", "run"}
    assert all(len(sentence) > 10 for sentence in keys.values())
    assert all(config.run == configs["gan"].run for config in configs.values())  # no preset decides what concerns a run


def test_the_residual_preset_is_what_the_recipe_says() -> None:
    config = load_config("residual")
    networks, loss, optimizer = config.networks, config.loss, config.optimizer
    assert isinstance(networks, ResidualNetworks)
    assert (networks.conditional, networks.styles, networks.z_dim, networks.z_distribution) == (True, 16, 64, "normal")
    assert (loss.relativistic, loss.auxiliary, loss.r1, loss.r1_every, loss.fresh_fakes) == (True, 0.2, 0.2, 8, False)
    for section in (optimizer.generator, optimizer.discriminator):
        assert (section.name, section.lr, section.betas) == ("adam", 1e-3, (0.0, 0.99))
    assert (optimizer.batch_size, optimizer.steps, optimizer.epochs) == (
        None,
        None,
        None,
    )  # they follow from the images
    assert (optimizer.final_lr, optimizer.ema) == (0.02, 0.999)


def test_the_fully_connected_presets_are_what_their_works_say() -> None:
    gan, cgan = load_config("gan"), load_config("cgan")
    assert isinstance(gan.networks, FullyConnectedNetworks)
    assert (gan.networks.conditional, gan.networks.z_distribution) == (False, "uniform")
    assert (gan.loss.label_smoothing, gan.optimizer.batch_size, gan.optimizer.epochs) == (0.1, 64, 200)
    assert isinstance(cgan.networks, FullyConnectedNetworks)
    assert cgan.networks.conditional
    assert cgan.networks.generator.widths == [256, 512, 1024]
    assert cgan.networks.generator.batch_norm
    assert cgan.networks.discriminator.batch_norm
    assert (cgan.networks.generator.dropout, cgan.networks.discriminator.dropout) == (0.0, 0.3)
    assert (cgan.optimizer.batch_size, cgan.optimizer.epochs, cgan.optimizer.ema) == (128, 60, 0.0)


def test_values_are_set_as_in_toml_and_bare_words_are_strings() -> None:
    config = load_config(
        "gan",
        ["epochs=3", "generator.lr=1e-3", "discriminator.name=sgd", "generator.widths=[8, 9]", "ema = 0.5",
         'z_distribution="normal"', "generator.batch_norm=true", "generator.betas=[0.1, 0.2]"],
    )  # fmt: skip
    assert isinstance(config.networks, FullyConnectedNetworks)
    assert config.optimizer.epochs == 3
    assert config.optimizer.generator.lr == 1e-3
    assert config.optimizer.discriminator.name == "sgd"
    assert config.networks.generator.widths == [8, 9]
    assert config.optimizer.ema == 0.5
    assert config.networks.z_distribution == "normal"
    assert config.networks.generator.batch_norm is True
    assert config.optimizer.generator.betas == (0.1, 0.2)


def test_sections_in_front_may_be_left_out() -> None:
    for changes in (
        ["generator.lr=0.01", "seed=7"],
        ["optimizer.generator.lr=0.01", "run.seed=7"],
        {"generator.lr": 0.01, "run.seed": 7},
    ):
        config = load_config("cgan", changes)
        assert (config.optimizer.generator.lr, config.run.seed) == (0.01, 7)
        assert config.optimizer.discriminator.lr == 2e-4


def test_epochs_and_steps_take_each_others_place() -> None:
    lengths = {
        (): (None, None),
        ("epochs=3",): (3, None),
        ("steps=9",): (None, 9),
        ("optimizer.epochs=3",): (3, None),
    }
    for changes, length in lengths.items():
        optimizer = load_config("residual", changes).optimizer
        assert (optimizer.epochs, optimizer.steps) == length
    assert load_config("cgan", ["steps=9"]).optimizer.epochs is None
    with refused(ConfigError, "either epochs or steps", "changes"):
        load_config("cgan", ["steps=9", "epochs=3"])


@pytest.mark.parametrize("preset", ["gan", "cgan", "residual"])
def test_a_file_of_the_users_own_is_a_preset_too(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "mine.toml"
    config = load_config(preset, ["steps=7", "seed=5"])
    path.write_text(tomli_w.dumps(to_values(config)))
    assert load_config(path) == config
    assert load_config(preset, flatten(config)) == config


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (32, 20), (64, 64), (100, 128)])
def test_widths_follow_from_the_image_size_where_they_are_left_open(size: tuple[int, int]) -> None:
    blocks = {8: 2, 28: 2, 32: 2, 64: 3, 128: 4}[max(size)]
    open_, decided = (load_config("residual", changes).networks for changes in ({}, {"generator.widths": [5, 6]}))
    sized = open_.sized(size)
    assert isinstance(sized, ResidualNetworks)
    assert isinstance(decided, ResidualNetworks)
    assert sized.generator.widths is not None
    assert sized.discriminator.widths is not None
    assert (len(sized.generator.widths), len(sized.discriminator.widths)) == (blocks, blocks + 1)
    assert decided.sized(size).generator.widths == [5, 6]
    assert decided.sized(size).discriminator.widths == sized.discriminator.widths
    assert load_config("cgan").networks.sized(size) == load_config("cgan").networks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lr=1", "'lr' can be optimizer.generator.lr or optimizer.discriminator.lr: write the whole key"),
        ("slope=0", "'slope' can be networks.generator.slope or networks.discriminator.slope: write the whole key"),
        ("epoch=1", "did you mean 'optimizer.epochs'"),
        ("generator.droput=0.1", r"\(did you mean 'networks.generator.dropout'\?\)"),
        ("networks=1", "no key 'networks'"),
        ("epochs", "write it as key=value"),
        ("=3", "write it as key=value"),
    ],
)
def test_a_key_that_there_is_not_is_refused_by_name(change: str, message: str) -> None:
    with refused(ConfigError, message, "changes"):
        load_config("gan", [change])


@pytest.mark.parametrize(
    ("preset", "change", "message"),
    [
        ("gan", "epochs=ten", "optimizer.epochs = 'ten'"),
        ("gan", "epochs=1.5", "optimizer.epochs = 1.5"),
        ("gan", "epochs=0", "optimizer.epochs = 0"),
        ("gan", "epochs=true", "optimizer.epochs = True"),
        ("gan", "batch_size=1", "optimizer.batch_size = 1"),
        ("gan", "generator.dropout=1.0", "networks.generator.dropout = 1.0"),
        ("gan", "generator.lr=nan", "optimizer.generator.lr = nan"),
        ("gan", "generator.lr=-1", "optimizer.generator.lr = -1"),
        ("gan", "discriminator.name=lion", "'adam', 'sgd' or 'rmsprop'"),
        ("gan", "generator=1", "loss.generator = 1"),
        ("gan", "conditional=1", "networks.conditional = 1"),
        ("gan", "generator.widths=[]", "networks.generator.widths"),
        ("gan", "architecture=transformer", "networks.*'fully-connected', 'residual'"),
        ("residual", "discriminator.batch_norm=true", "no key 'networks.discriminator.batch_norm' for this archi"),
        ("residual", "generator.dropout=0.1", "no key 'networks.generator.dropout' for this architecture"),
        ("residual", "conditional=false", "styles are of classes: .* set styles = 1"),
        ("residual", "z_dim=1", "z_dim must be 2 or more"),
        ("residual", "final_lr=0", "final_lr = 0"),
        ("residual", "batch_size=100", "batch_size = 100: residual networks take multiples of 16"),
        ("gan", "auxiliary=0.1", "auxiliary learns classes: .* set auxiliary = 0"),
        ("gan", "styles=2", "styles are of classes"),
    ],
)
def test_what_does_not_fit_is_refused(preset: str, change: str, message: str) -> None:
    with refused(ConfigError, f"{preset}: .*{message}", "changes"):
        load_config(preset, [change])


def test_losses_and_styles_are_for_every_architecture() -> None:
    config = load_config("cgan", ["r1=0.1", "relativistic=true", "auxiliary=0.1", "styles=2", "final_lr=0.1"])
    assert (config.loss.r1, config.networks.styles) == (0.1, 2)


def test_unknown_presets_and_bad_files_are_refused(tmp_path: Path) -> None:
    with refused(ConfigError, r"no preset 'cgna' \(did you mean 'cgan'\?\)", "preset"):
        load_config("cgna")
    with refused(ConfigError, "none.toml cannot be read .No such file", "preset"):
        load_config(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("epochs = ")
    with refused(ConfigError, "bad.toml cannot be read", "preset"):
        load_config(bad)
    bad.write_bytes(b"\xff\xfe")
    with refused(ConfigError, "bad.toml cannot be read", "preset"):
        load_config(bad)
    bad.write_text("[optimizer]\nepochs = 3\nepoch = 4\n")
    message = r"'networks' is missing.*no key 'optimizer.epoch' \(did you mean 'optimizer.epochs'\?\)"
    with refused(ConfigError, message, "preset"):
        load_config(bad)
    bad.write_text("networks = 3\n[optimizer]\nepochs = 3\n")
    with refused(ConfigError, "networks", "preset"):
        load_config(bad)
    with refused(ConfigError, r"'networks' must be a table of keys, like \[networks\]", "preset"):
        load_config(bad, ["z_dim=5"])


def test_the_config_of_an_earlier_digitsmith_is_refused_with_a_clear_word(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        'conditional = true\nz_dim = 100\nepochs = 60\nbatch_size = 128\n\n[generator]\nhidden = [256]\nlr = 0.0002\n'
        "\n[discriminator]\nhidden = [256]\nlr = 0.0002\n\n[run]\ndata = \"digits\"\n"
    )  # fmt: skip
    with refused(ConfigError, r"an earlier Digitsmith.*\[networks\], \[loss\], \[optimizer\] and \[run\]", "preset"):
        load_config(path)


@given(st.text(max_size=60))
def test_any_change_is_taken_or_refused_never_worse(change: str) -> None:
    try:
        config = load_config("gan", [change])
    except ConfigError:
        return
    assert isinstance(config, TrainConfig)


@given(st.binary(max_size=200))
def test_any_file_is_taken_or_refused_never_worse(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("config") / "any.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load_config(path)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    st.sampled_from(["gan", "cgan", "residual"]),
    st.dictionaries(st.sampled_from(list(describe_keys())), scalars | st.lists(scalars, max_size=3), max_size=4),
)
def test_any_mapping_is_taken_or_refused_and_what_is_taken_round_trips(preset: str, changes: dict[str, object]) -> None:
    try:
        config = load_config(preset, changes)
    except ConfigError:
        return
    assert TrainConfig.model_validate(to_values(config)) == config
    unset = dict.fromkeys(flatten(load_config(preset)).keys() - flatten(config).keys())
    assert load_config(preset, unset | flatten(config)) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b"a = " + b"[" * 20_000, "cannot be read"),
        (b"a = " + b"9" * 5000, "cannot be read"),
        (b".".join([b"a"] * 8000) + b" = 1", "there is no key"),
        (b"a = 1\n" * 20_000, "it has more than 16,384 bytes"),
        (b"x" * 16_000 + b" = 1", "there is no key"),
        (b"[networks]\narchitecture = {a" + b".a" * 500 + b" = 1}", "networks"),
        (b"".join(b"k%d = 1\n" % i for i in range(1500)), "there is no key"),
    ],
)
def test_an_absurd_file_is_refused_in_few_words(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "any.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(tmp_path / "any.toml")
    assert caught.value.parameter == "preset"
    assert len(str(caught.value)) < 2500


def test_a_file_without_end_is_no_config(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("folder.toml", "pipe.toml", "a\0.toml", "x" * 5000 + ".toml"):
        with refused(ConfigError, "cannot be read", "preset"):
            load_config(tmp_path / name)


def test_what_a_change_breaks_is_blamed_on_the_change(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    values = to_values(load_config("gan"))
    bad.write_text(tomli_w.dumps(values | {"loss": {"label_smoothing": 3.0}}))
    with refused(ConfigError, "label_smoothing", "preset"):
        load_config(bad, ["epochs=3"])
    with refused(ConfigError, "label_smoothing", "changes"):
        load_config("gan", ["label_smoothing=3"])
    with refused(ConfigError, "epochs", "changes"):
        load_config("gan", ["epochs=" + "9" * 5000])
