"""The one config: presets, files, `--set`, and errors that name the mend."""

from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from digitsmith.config.schema import TrainConfig, describe_keys, flatten, load_config, presets
from digitsmith.errors import ConfigError


def test_every_preset_is_complete_and_every_key_has_a_sentence() -> None:
    assert presets() == ["cgan", "gan", "residual"]
    for preset in presets():
        assert isinstance(load_config(preset), TrainConfig)
    keys = dict(describe_keys())
    assert set(keys) == set(flatten(load_config("gan")))
    assert all(len(sentence) > 10 for sentence in keys.values())


def test_values_are_set_as_in_toml_and_bare_words_are_strings() -> None:
    config = load_config(
        "gan",
        ["epochs=3", "generator.lr=1e-3", "discriminator.optimizer=sgd", "generator.hidden=[8, 9]", "ema = 0.5",
         'z_distribution="normal"', "generator.batch_norm=true", "generator.betas=[0.1, 0.2]"],
    )  # fmt: skip
    assert config.epochs == 3
    assert config.generator.lr == 1e-3
    assert config.discriminator.optimizer == "sgd"
    assert config.generator.hidden == [8, 9]
    assert config.ema == 0.5
    assert config.z_distribution == "normal"
    assert config.generator.batch_norm is True
    assert config.generator.betas == (0.1, 0.2)


def test_a_file_of_the_users_own_is_a_preset_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    config = load_config("cgan", ["epochs=7"])
    path.write_text(tomli_w.dumps(config.model_dump(mode="json")))
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("lr=1", r"no key 'lr' \(did you mean 'generator.lr' or 'discriminator.lr'\?\)"),
        ("epoch=1", r"did you mean 'epochs'"),
        ("generator.droput=0.1", r"did you mean 'generator.dropout'"),
        ("generator=1", "no key 'generator'"),
        ("epochs=ten", "epochs = 'ten'"),
        ("epochs=1.5", "epochs = 1.5"),
        ("epochs=-1", "epochs = -1"),
        ("steps=100", "steps counts only where epochs is 0"),
        ("epochs=true", "epochs = True"),
        ("batch_size=1", "batch_size = 1"),
        ("generator.dropout=1.0", "generator.dropout = 1.0"),
        ("generator.lr=nan", "generator.lr = nan"),
        ("generator.lr=-1", "generator.lr = -1"),
        ("discriminator.optimizer=lion", "'adam', 'sgd' or 'rmsprop'"),
        ("conditional=1", "conditional = 1"),
        ("generator.hidden=[]", "generator.hidden"),
        ("epochs", "write it as key=value"),
        ("=3", "write it as key=value"),
    ],
)
def test_a_wrong_change_is_refused_by_name(change: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("gan", [change])


def test_unknown_presets_and_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no preset 'cgna' \(did you mean 'cgan'\?\)"):
        load_config("cgna")
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("epochs = ")
    with pytest.raises(ConfigError, match="no valid TOML"):
        load_config(bad)
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="no valid TOML"):
        load_config(bad)
    bad.write_text("epochs = 3\nepoch = 4")
    with pytest.raises(ConfigError, match=r"'conditional' is missing.*no key 'epoch' \(did you mean 'epochs'\?\)"):
        load_config(bad)


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
    st.dictionaries(
        st.sampled_from([key for key, _ in describe_keys()]), scalars | st.lists(scalars, max_size=3), max_size=4
    )
)
def test_any_mapping_is_taken_or_refused_and_what_is_taken_round_trips(changes: dict[str, object]) -> None:
    try:
        config = load_config("cgan", changes)
    except ConfigError:
        return
    assert TrainConfig.model_validate(config.model_dump(mode="json")) == config
