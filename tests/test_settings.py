"""A setting is said once: its type, range and choices hold wherever a value comes from."""

import dataclasses
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlcli.errors import UsageError
from idlcli.settings import COMMANDS, RUN_KINDS, Seq2seqSettings
from idlcli.settings.fields import as_dict, fields_of, from_dict, setting, shorten
from idlcli.settings.resolve import applicable, check_environ, did_you_mean, find_recipe, recipes, resolve

ANYTHING = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.lists(st.integers(), max_size=2) | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
    | st.sampled_from([10**400, -(10**400), math.nan, math.inf, -math.inf, 1e308, "\0", 2**53 + 1, True, 0.0])
)  # fmt: skip
FIELDS = [(kind, field) for kind in COMMANDS.values() for field in fields_of(kind).values()]


@given(st.sampled_from(FIELDS), ANYTHING)
def test_a_value_is_taken_as_the_field_s_type_and_in_its_range_or_refused(which, value):
    _, field = which
    try:
        taken = field.check(value, subject="it")
    except UsageError as error:
        said = error.message
        taken = None
    else:
        said = "it"
        assert type(taken) is field.type
        assert not field.choices or taken in field.choices
        if field.type in (int, float):
            assert math.isfinite(taken)
            assert field.low is None or taken >= field.low
            assert field.high is None or taken <= field.high
            assert field.above is None or taken > field.above
        assert field.check(taken, subject="it") == taken
    assert said.startswith("it")
    assert len(said) < 200


@given(st.sampled_from(FIELDS), st.text())
def test_a_variable_s_text_is_parsed_or_refused(which, text):
    _, field = which
    try:
        assert type(field.parse(text, subject="IDL_X")) is field.type
    except UsageError as error:
        said = error.message
    else:
        said = "IDL_X"
    assert said.startswith("IDL_X")


@pytest.mark.parametrize("which", FIELDS, ids=lambda which: f"{which[0].__name__}.{which[1].name}")
def test_every_setting_is_described_and_its_default_is_one_of_its_values(which):
    _, field = which
    assert field.check(field.default, subject="default") == field.default
    assert field.help.endswith((".", ")"))
    assert field.option == "--" + field.key
    assert "_" not in field.key


@pytest.mark.parametrize("kind", RUN_KINDS.values())
def test_what_config_json_holds_makes_the_same_settings_again(kind):
    made = kind()
    assert from_dict(kind, as_dict(made), where="x") == made
    assert from_dict(kind, applicable(made), where="x") == made


def test_settings_cannot_be_changed():
    made = Seq2seqSettings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "values", [{"surplus": 1}, {"epochs": "3"}, {"epochs": 0}, {"learning_rate": math.nan}, {"mode": "x"}, {"data": 3}]
)
def test_what_config_json_may_not_hold_is_refused_with_its_place(values):
    with pytest.raises(UsageError, match=r"^here: "):
        from_dict(Seq2seqSettings, values, where="here")


def test_the_same_name_means_the_same_kind_of_value_in_every_command():
    """One IDL_ variable may reach several commands: it must parse alike in all of them."""
    types: dict[str, type] = {}
    for _, field in FIELDS:
        assert types.setdefault(field.name, field.type) is field.type, field.name


def test_a_range_is_said_as_a_person_reads_it():
    @dataclasses.dataclass(frozen=True)
    class Some:
        a: int = setting(1, "A.", low=1, high=4096)
        b: float = setting(0.1, "B.", above=0, high=10)
        c: float = setting(0.1, "C.", above=0)
        d: int = setting(0, "D.", low=0)
        e: str = setting("", "E.")
        f: int = setting(0, "F.", low=0, high=4_294_967_295)

    fields = fields_of(Some)
    said = [field.range_text for field in fields.values()]
    assert said == ["1..4096", "> 0, <= 10", "> 0", ">= 0", "", "0..4294967295"]
    with pytest.raises(UsageError):
        fields["a"].check(None, subject="a")


def test_unknown_variables_are_refused_and_known_ones_of_any_command_are_not():
    kinds = tuple(COMMANDS.values())
    check_environ({"IDL_EPOCHS": "x", "IDL_STYLE": "", "IDL_DATA_ROOT": "", "HOME": "", "idl_epoch": ""}, kinds=kinds)
    for name in ("IDL_EPOCH", "IDL_", "IDL_epochs", "IDL_LEARNING-RATE"):
        with pytest.raises(UsageError, match=name):
            check_environ({name: "1"}, kinds=kinds)


@pytest.mark.parametrize(
    ("word", "meant"), [("epoch", "epochs"), ("bach-size", "batch-size"), ("lerning-rate", "learning-rate")]
)
def test_a_near_miss_is_guessed(word, meant):
    known = [field.key for field in fields_of(Seq2seqSettings).values()]
    assert meant in did_you_mean(word, known)


def test_nothing_is_guessed_where_nothing_is_near():
    assert did_you_mean("zzzzzz", [f"name{n}" for n in range(50)]) == ""
    assert did_you_mean("zzzzzz", ["a", "b"]) == "Known: a, b."


@given(st.text() | st.integers() | st.binary() | st.sampled_from([10**5000, "x" * 10**5]))
def test_a_value_in_a_message_is_one_short_line(value):
    text = shorten(value)
    assert len(text) <= 60
    assert "\n" not in text


def test_a_recipe_is_found_by_short_and_full_name_and_an_empty_one_is_none():
    for name in ("paper", "seq2seq-text-text-paper"):
        assert find_recipe(command="seq2seq train", name=name, mode="text-text").stem == "seq2seq-text-text-paper"
    for name in ("", "nothing", "../paper", "seq2seq"):
        with pytest.raises(UsageError, match="ecipe"):
            resolve(Seq2seqSettings, command="seq2seq train", flags={}, environ={}, recipe=name)


def chosen_over_recipes():
    """Every choice that other settings depend on and that always applies, but the mode, which chooses the recipe."""
    for name in recipes():
        fields = fields_of(COMMANDS[f"{name.split('-')[0]} train"])
        leading = {other for field in fields.values() for other in field.only if not fields[other].only}
        for other in sorted(leading - {"mode"}):
            for value in fields[other].choices:
                yield pytest.param(name, other, value, id=f"{name}-{other}-{value}")


@pytest.mark.parametrize(("name", "other", "value"), list(chosen_over_recipes()))
def test_what_a_recipe_sets_gives_way_to_what_is_asked_for_over_it(name, other, value):
    """Nobody can take a setting out of a recipe, so none may stand in the way of a flag."""
    command = f"{name.split('-')[0]} train"
    found = resolve(COMMANDS[command], command=command, flags={other: value}, environ={}, recipe=name)
    assert getattr(found.settings, other) == value
    for key, field in fields_of(COMMANDS[command]).items():
        if not field.applies(vars(found.settings)):
            assert found.origins[key] == "default", key


@pytest.mark.parametrize("name", ["recipe mine.toml", "default", "flag"])
def test_a_config_file_may_be_called_anything(name, tmp_path, monkeypatch):
    """What it sets is what was asked for, and refused where it means nothing."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text("rotation = 5.0\n")
    flags = {"augment": "flip"}
    with pytest.raises(UsageError, match=re.escape(f"rotation ({name}) does not apply to --augment flip")):
        resolve(COMMANDS["vae train"], command="vae train", flags=flags, environ={}, config=Path(name))


def test_what_was_asked_for_and_means_nothing_is_refused_beside_a_recipe_too():
    for flags in ({"augment": "flip", "rotation": 3.0}, {"rotation": 3.0, "augment": "off"}):
        with pytest.raises(UsageError, match="--rotation does not apply"):
            resolve(COMMANDS["vae train"], command="vae train", flags=flags, environ={}, recipe="paper")


def test_settings_that_mean_nothing_are_not_kept():
    kept = applicable(Seq2seqSettings())
    meaningless = {name for name, field in fields_of(Seq2seqSettings).items() if not field.applies(kept)}
    assert meaningless
    assert not meaningless & set(kept)
