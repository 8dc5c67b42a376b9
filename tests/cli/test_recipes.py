"""Every packaged recipe fits its command, says what it is, and is found by its short name."""

import re

import pytest

from idlcli.settings import COMMANDS, RUN_KINDS
from idlcli.settings.fields import fields_of
from idlcli.settings.resolve import recipes, resolve

RECIPES = recipes()


def kind_of(name: str) -> str:
    return max((kind for kind in RUN_KINDS if name.startswith(f"{kind}-")), key=len)


def test_there_are_recipes_and_each_belongs_to_a_training():
    assert "seq2seq-text-text-paper" in RECIPES
    for name in RECIPES:
        assert f"{kind_of(name)} train" in COMMANDS


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_resolves_for_its_command_by_its_full_name(name, here):
    kind = kind_of(name)
    data = here(kind, "train", "--recipe", name, "--dry-run", "--json").data
    taken = [key for key, origin in data["origins"].items() if origin == f"recipe {name}"]
    assert len(taken) >= 3, "a recipe that sets nothing is no recipe"
    settings = resolve(
        RUN_KINDS[kind], command=f"{kind} train", flags=data["settings"] | {"data": "x"}, environ={}
    ).settings  # fmt: skip
    for key in taken:
        assert getattr(settings, key) == data["settings"][key]


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_is_found_by_its_short_name_with_its_mode(name, here):
    kind = kind_of(name)
    full = here("recipes", "show", name, "--json").data["settings"]
    mode = full.get("mode")
    prefix = f"{kind}-{mode}-" if mode else f"{kind}-"
    assert name.startswith(prefix), "a recipe is named by its command and its mode"
    words = ["--recipe", name.removeprefix(prefix)] + (["--mode", mode] if mode else [])
    origins = here(kind, "train", *words, "--dry-run", "--json").data["origins"]
    assert f"recipe {name}" in origins.values()


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_says_first_what_it_is(name, here):
    shown = here("recipes", "show", name, "--json").data
    assert len(shown["about"][0]) > 20
    assert re.search(r"\d (seconds|minutes)\b", " ".join(shown["about"])), "what it costs"
    keys = {field.key for field in fields_of(RUN_KINDS[kind_of(name)]).values()}
    assert set(shown["settings"]) <= keys
    assert "data" not in shown["settings"], "where data lie is not a recipe's to say"
    assert "seed" not in shown["settings"]


def test_list_names_every_recipe(here):
    assert [row["recipe"] for row in here("recipes", "list", "--json").data] == sorted(RECIPES)


@pytest.mark.parametrize("mode", ["text-text", "image-text", "text-image"])
def test_a_recipe_of_another_mode_is_refused_with_those_that_fit(mode, here):
    for name in RECIPES:
        if name.startswith("seq2seq-") and not name.startswith(f"seq2seq-{mode}-"):
            line = here("seq2seq", "train", "--mode", mode, "--recipe", name, "--dry-run").refused(2, name)
            assert ": ." not in line, "an empty list of those that fit"
