"""The first command that a newcomer types: it never trains for minutes only to fail at the end."""

import json

import pytest

from idlcli.errors import RunFailed
from idlcli.experiments import driver

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_the_seed_is_that_of_the_data_and_of_the_training(here, tmp_path, monkeypatch):
    asked = []

    def start(*, settings, **_):
        asked.append(settings)
        raise RunFailed("enough")

    monkeypatch.setattr(driver, "start", start)
    assert here("quickstart", "--seed", "7").code == 1
    assert (asked[0].seed, asked[0].epochs) == (7, 20)
    monkeypatch.setenv("IDL_EPOCHS", "3")
    assert here("quickstart").code == 1
    assert (asked[1].seed, asked[1].epochs) == (0, 3)
    assert json.loads((tmp_path / "data" / "arithmetic" / "manifest.json").read_text())["seed"] == 7
    here("quickstart", "--seed", "-1").refused(2, "--seed")


@pytest.mark.parametrize("about", [("--max", "9"), ("--max", "9", "--ops", "+")])
def test_data_of_other_queries_are_refused_before_the_training(about, here, monkeypatch):
    """What stands at data/arithmetic may have been built for something else."""
    trained = []
    assert here("data", "build", "arithmetic", *about).code == 0
    monkeypatch.setattr(driver, "start", lambda **_: trained.append(True))
    here("quickstart", "--quiet", "--json").refused(3, "does not hold the query 23+45")
    assert not trained
