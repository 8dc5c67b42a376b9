"""flag > IDL_* > --config > --recipe > default; --dry-run shows which it was, and makes nothing."""

import json

import pytest

from idlcli.cli.reference import commands
from idlcli.files import read_toml
from idlcli.settings import COMMANDS, Seq2seqSettings
from idlcli.settings.fields import fields_of
from idlcli.settings.resolve import recipes

TRAIN = ("seq2seq", "train")
RECIPE = "seq2seq-text-text-paper"


@pytest.fixture
def plan(here, tmp_path):
    """`idl seq2seq train ... --dry-run`: the settings, and where each comes from."""

    def dry_run(*words, env=None):
        before = sorted(tmp_path.rglob("*"))
        data = here(*TRAIN, *words, "--dry-run", "--json", env=env).data
        assert sorted(tmp_path.rglob("*")) == before, "--dry-run made something"
        return data["settings"], data["origins"]

    return dry_run


def test_each_place_wins_over_all_that_stand_below_it(plan, tmp_path):
    (tmp_path / "mine.toml").write_text("epochs = 7\n")
    recipe, config, flag = ("--recipe", "paper"), ("--config", tmp_path / "mine.toml"), ("--epochs", "5")
    variable = {"IDL_EPOCHS": "6"}
    paper, default = read_toml(recipes()[RECIPE])["epochs"], Seq2seqSettings().epochs
    assert len({paper, default, 5, 6, 7}) == 5
    expected = [
        ((), None, default, "default"),
        (recipe, None, paper, f"recipe {RECIPE}"),
        (config, None, 7, str(tmp_path / "mine.toml")),
        ((*recipe, *config), None, 7, str(tmp_path / "mine.toml")),
        (recipe, variable, 6, "IDL_EPOCHS"),
        ((*recipe, *config), variable, 6, "IDL_EPOCHS"),
        (flag, variable, 5, "flag"),
        ((*recipe, *config, *flag), variable, 5, "flag"),
        ((*recipe, *flag), None, 5, "flag"),
    ]
    for words, env, value, origin in expected:
        settings, origins = plan(*words, env=env)
        assert (settings["epochs"], origins["epochs"]) == (value, origin), words


def test_each_place_may_set_what_the_others_do_not(plan, tmp_path):
    (tmp_path / "mine.toml").write_text("units = 17\ncommute = true\n")
    settings, origins = plan(
        "--recipe", "paper", "--config", tmp_path / "mine.toml", "--seed", "9", env={"IDL_WARMUP": "0.25"}
    )
    assert [settings[k] for k in ("split", "units", "commute", "warmup", "seed")] == ["random", 17, True, 0.25, 9]
    assert origins["warmup"] == "IDL_WARMUP"
    assert origins["seed"] == "flag"
    assert origins["split"] == f"recipe {RECIPE}"
    assert origins["units"] == str(tmp_path / "mine.toml")
    assert origins["clip_norm"] == "default"


def test_a_flag_that_repeats_the_default_still_wins(plan):
    settings, origins = plan("--epochs", "50", "--no-commute", env={"IDL_EPOCHS": "6", "IDL_COMMUTE": "true"})
    assert (settings["epochs"], origins["epochs"]) == (50, "flag")
    assert (settings["commute"], origins["commute"]) == (False, "flag")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("YES", True), ("False", False), ("0", False)]
)
def test_a_switch_can_be_set_by_a_variable(text, value, plan):
    settings, origins = plan(env={"IDL_COMMUTE": text})
    assert (settings["commute"], origins["commute"]) == (value, "IDL_COMMUTE")


@pytest.mark.parametrize("text", ["", "maybe", "2", "on", "t"])
def test_a_switch_that_is_neither_true_nor_false_is_exit_2(text, here):
    here(*TRAIN, "--dry-run", env={"IDL_COMMUTE": text}).refused(2, "IDL_COMMUTE")


def test_the_place_of_the_data_follows_flag_variable_and_root(plan):
    assert plan()[0]["data"] == "data/arithmetic"
    settings, origins = plan(env={"IDL_DATA_ROOT": "/srv/data"})
    assert (settings["data"], origins["data"]) == ("/srv/data/arithmetic", "IDL_DATA_ROOT")
    settings, origins = plan(env={"IDL_DATA_ROOT": "/srv/data", "IDL_DATA": "/elsewhere"})
    assert (settings["data"], origins["data"]) == ("/elsewhere", "IDL_DATA")
    assert plan("--data", "here", env={"IDL_DATA": "/elsewhere"})[0]["data"] == "here"


def test_runs_lie_where_the_flag_says_else_where_the_variable_says(here, finished_run, tmp_path):
    root = str(finished_run.parent)
    assert here("runs", "list", "--json").data == []
    assert len(here("runs", "list", "--json", env={"IDL_RUNS_ROOT": root}).data) == 1
    assert len(here("runs", "list", "--runs", root, "--json", env={"IDL_RUNS_ROOT": str(tmp_path)}).data) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_setting_can_be_given_in_every_place(command, here, tmp_path):
    """Each field of each command: as an option, as a key of a file and as a variable, with its default as its value."""
    spelling = {parameter.name: parameter for parameter in dict(commands())[command].params}
    for name, field in fields_of(COMMANDS[command]).items():
        # It stands beside the other settings that make it mean something.
        beside = [f"--{other.replace('_', '-')}={values[0]}" for other, values in field.only.items()]
        spelt = json.dumps(field.default)
        (tmp_path / "one.toml").write_text(f"{field.key} = {spelt}\n")
        text = spelt if field.type is bool else str(field.default)
        if field.type is bool:
            option = spelling[name].opts[0] if field.default else spelling[name].secondary_opts[0]
        else:
            option = f"{field.option}={text}"
        ways = {
            "flag": ([option], None),
            str(tmp_path / "one.toml"): (["--config", tmp_path / "one.toml"], None),
            "IDL_" + name.upper(): ([], {"IDL_" + name.upper(): text}),
        }
        for origin, (words, env) in ways.items():
            data = here(*command.split(), *beside, *words, "--dry-run", "--json", env=env).data
            assert (data["settings"][name], data["origins"][name]) == (field.default, origin), (name, origin)


def test_a_setting_that_means_nothing_beside_the_others_is_exit_2_wherever_it_is_given(here, tmp_path):
    beside = {name: field for name, field in fields_of(Seq2seqSettings).items() if field.only}
    for name, field in beside.items():
        other, values = next(iter(field.only.items()))
        outside = next(v for v in fields_of(Seq2seqSettings)[other].choices if v not in values)
        where = f"--{other.replace('_', '-')}={outside}"
        (tmp_path / "one.toml").write_text(f"{field.key} = {json.dumps(field.default)}\n")
        here(*TRAIN, where, f"{field.option}={field.default}", "--dry-run").refused(2, field.option, outside)
        here(*TRAIN, where, "--config", tmp_path / "one.toml", "--dry-run").refused(2, field.key, "one.toml")
        env = {"IDL_" + name.upper(): str(field.default)}
        here(*TRAIN, where, "--dry-run", env=env).refused(2, "IDL_" + name.upper())


def test_text_of_a_dry_run_names_every_setting_its_value_and_its_place(here):
    lines = here(*TRAIN, "--epochs", "5", "--dry-run").out.splitlines()
    assert lines[0].split() == ["setting", "value", "from"]
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    assert rows["epochs"] == ["5", "flag"]
    assert rows["batch-size"] == ["32", "default"]


def test_dry_run_refuses_what_the_command_would_refuse(here, tmp_path):
    here(*TRAIN, "--epochs", "0", "--dry-run").refused(2)
    here(*TRAIN, "--recipe", "none-such", "--dry-run").refused(2)
    here(*TRAIN, "--recipe", "", "--dry-run").refused(2, "ecipe")
    assert list(tmp_path.iterdir()) == []


def test_a_run_keeps_the_settings_that_it_was_planned_with(here, finished_run):
    """What config.json holds is what --dry-run said, so that nothing is resolved twice."""
    stored = json.loads((finished_run / "config.json").read_text())["settings"]
    words = [
        f"--data={stored['data']}",
        "--epochs=4",
        "--units=8",
        "--batch-size=25",
        "--learning-rate=0.01",
        "--jit=off",
    ]
    assert here(*TRAIN, *words, "--dry-run", "--json").data["settings"] == stored
