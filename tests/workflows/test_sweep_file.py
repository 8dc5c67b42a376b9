"""What a sweep file stands for, and that what is no sweep is one line that names the file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlcli.settings import COMMANDS
from idlcli.settings.resolve import applicable
from idlcli.workflows import sweep_file

HEAD = 'command = "seq2seq train"\nmetric = "test.exact"\nbetter = "higher"\n'


def read(path, text, *, data="", seeds=(), environ=None):
    path.write_text(text)
    return sweep_file.read(path, data=data, seeds=seeds, environ=environ or {}, data_root=path.parent / "data")


def test_a_grid_is_every_combination_and_seeds_repeat_it(tmp_path):
    text = HEAD + 'seeds = [3, 5]\n[settings]\nepochs = 2\n[grid]\nunits = [4, 8]\noptimizer = ["adam", "sgd"]\n'
    sweep = read(tmp_path / "mine.toml", text)
    assert sweep.name == "mine"
    assert [(cell.label, cell.settings.seed) for cell in sweep.cells] == [
        (f"units {units}, optimizer {optimizer}", seed)
        for units in (4, 8) for optimizer in ("adam", "sgd") for seed in (3, 5)
    ]  # fmt: skip
    assert {cell.settings.epochs for cell in sweep.cells} == {2}
    assert {(c.settings.units, c.settings.optimizer) for c in sweep.cells} == {
        (u, o) for u in (4, 8) for o in ("adam", "sgd")
    }


def test_a_list_is_one_cell_a_table_and_an_empty_table_is_the_base(tmp_path):
    sweep = read(tmp_path / "mine.toml", HEAD + "[[list]]\n[[list]]\nunits = 8\n[[list]]\ncommute = true\nepochs = 9\n")
    assert [cell.label for cell in sweep.cells] == ["base", "units 8", "commute true, epochs 9"]
    assert sweep.cells[0].point == {}
    assert (sweep.cells[2].settings.commute, sweep.cells[2].settings.epochs) == (True, 9)


def test_a_list_beside_a_grid_is_each_with_each(tmp_path):
    sweep = read(tmp_path / "mine.toml", HEAD + "[grid]\nunits = [4, 8]\n[[list]]\n[[list]]\nepochs = 9\n")
    assert [cell.label for cell in sweep.cells] == ["units 4", "units 4, epochs 9", "units 8", "units 8, epochs 9"]


@settings(max_examples=30)
@given(
    st.dictionaries(
        st.sampled_from(["units", "epochs", "batch-size"]),
        st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True),
    ),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True),
)
def test_there_are_as_many_cells_as_combinations_and_no_two_are_the_same(grid, seeds):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as place:
        text = HEAD + f"seeds = {seeds}\n[grid]\n" + "".join(f"{key} = {values}\n" for key, values in grid.items())
        cells = read(Path(place) / "a.toml", text).cells
    wanted = len(seeds)
    for values in grid.values():
        wanted *= len(values)
    assert len(cells) == wanted == len({cell.settings for cell in cells})


def test_the_file_s_own_values_beat_the_environment_which_beats_its_recipe_and_its_config(tmp_path):
    (tmp_path / "base.toml").write_text("units = 5\nepochs = 7\nbatch-size = 11\n")
    text = HEAD + 'recipe = "paper"\nconfig = "base.toml"\n[settings]\nepochs = 2\n'
    (cell,) = read(tmp_path / "mine.toml", text, environ={"IDL_EPOCHS": "9", "IDL_BATCH_SIZE": "13"}).cells
    assert (cell.settings.epochs, cell.settings.batch_size, cell.settings.units) == (2, 13, 5)
    assert cell.settings.split == "random"  # the recipe's


def test_flags_say_where_the_data_lie_and_which_seeds(tmp_path):
    sweep = read(tmp_path / "mine.toml", HEAD + "seeds = [0]\n", data="there", seeds=[4, 5])
    assert [(cell.settings.data, cell.settings.seed) for cell in sweep.cells] == [("there", 4), ("there", 5)]


BAD = {
    "unknown key": (HEAD + "epochs = 3\n", "epochs"),
    "no command": ('metric = "a"\nbetter = "higher"\n', "command"),
    "command that trains nothing": (HEAD.replace("seq2seq train", "data build faces"), "seq2seq train"),
    "no metric": ('command = "seq2seq train"\nbetter = "higher"\n', "metric"),
    "better than what": (HEAD.replace('"higher"', '"larger"'), "higher"),
    "no list of values": (HEAD + "[grid]\nunits = 4\n", "grid"),
    "empty list of values": (HEAD + "[grid]\nunits = []\n", "grid"),
    "unknown axis": (HEAD + "[grid]\nunitz = [4]\n", "units"),
    "value out of range": (HEAD + "[grid]\nunits = [4, 0]\n", "units"),
    "text for a number": (HEAD + '[grid]\nunits = ["4"]\n', "units"),
    "setting of another mode": (HEAD + '[grid]\nloss = ["mse"]\n', "--loss"),
    "the same value twice": (HEAD + "[grid]\nunits = [4, 4]\n", "units 4"),
    "an axis twice": (HEAD + "[grid]\nunits = [4]\n[[list]]\nunits = 8\n", "units"),
    "seed as an axis": (HEAD + "[grid]\nseed = [0, 1]\n", "seeds"),
    "data as an axis": (HEAD + '[grid]\ndata = ["a"]\n', "--data"),
    "seeds that are none": (HEAD + "seeds = []\n", "seeds"),
    "seeds that are text": (HEAD + 'seeds = ["0"]\n', "seeds"),
    "a seed twice": (HEAD + "seeds = [1, 1]\n", "base"),
    "a negative seed": (HEAD + "seeds = [-1]\n", "seeds"),
    "a list that is none": (HEAD + "list = 3\n", "list"),
    "a list of numbers": (HEAD + "list = [3]\n", "list"),
    "settings that are none": (HEAD + "settings = 3\n", "settings"),
    "unknown recipe": (HEAD + 'recipe = "papr"\n', "paper"),
    "recipe that is a number": (HEAD + "recipe = 3\n", "recipe"),
    "config that is not there": (HEAD + 'config = "nowhere.toml"\n', "nowhere.toml"),
    "metrics that are none": (HEAD + "also = [3]\n", "also"),
    "too many": (HEAD + f"[grid]\nunits = {list(range(1, 2001))}\nepochs = {list(range(1, 101))}\n", "200,000"),
    "not TOML": ("command = \n", "TOML"),
    "nothing": ("", "command"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_sweep_is_exit_2_and_names_the_file(what, here, tmp_path):
    text, word = BAD[what]
    (tmp_path / "mine.toml").write_text(text)
    here("sweep", "mine.toml", "--json").refused(2, "mine.toml", word)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("path", ["nowhere.toml", "nowhere/", "", "/dev/zero", "a" * 5000, "text-image-tunin"])
def test_a_file_that_is_not_there_is_exit_2(path, here):
    here("sweep", path).refused(2)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("--address", "auto"), "--address"),
        (("--gpus", "1"), "--gpus"),
        (("--seeds", "1,x"), "--seeds"),
        (("--name", "a/b"), "--name"),
        (("--jobs", "0"), "--jobs"),
        (("--engine", "slurm"), "ray"),
    ],
)
def test_an_option_that_cannot_be_is_exit_2(words, meant, here, sweep_file):
    here("sweep", sweep_file, *words).refused(2, meant)


def test_data_that_are_not_there_are_exit_3_and_nothing_is_made(here, sweep_file, tmp_path):
    here("sweep", sweep_file, "--data", "nowhere").refused(3, "nowhere")
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_lists_the_cells_and_makes_nothing(here, sweep_file, tmp_path):
    data = here("sweep", sweep_file, "--dry-run", "--json").data
    assert [(cell["label"], cell["seed"]) for cell in data["cells"]] == [
        ("units 2", 0), ("units 2", 1), ("units 4", 0), ("units 4", 1),
    ]  # fmt: skip
    assert {(cell["status"], cell["epochs"]) for cell in data["cells"]} == {("none", 0)}
    assert (data["path"], data["done"]) == ("runs/sweep-small", 0)
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


@pytest.mark.parametrize("name", sweep_file.packaged())
def test_a_packaged_sweep_is_found_by_its_name_and_can_be_started(name, tmp_path):
    sweep = sweep_file.read(sweep_file.find(name), data="", seeds=(), environ={}, data_root=tmp_path)
    assert sweep.command in COMMANDS
    assert len(sweep.cells) > 1


def test_the_report_s_tuning_varies_what_the_report_varied(tmp_path):
    """Section 5.4.1: each setting changed alone, from the recipe of the report's model."""
    sweep = sweep_file.read(sweep_file.find("text-image-tuning"), data="", seeds=[0], environ={}, data_root=tmp_path)
    base, *others = [applicable(cell.settings) for cell in sweep.cells]
    assert base["mode"] == "text-image"
    changed = [{k: v for k, v in other.items() if base.get(k) != v} for other in others]
    assert changed == [
        {"batch_size": 8}, {"batch_size": 16}, {"batch_size": 64}, {"loss": "binary_crossentropy"},
        {"initializer": "he_normal"}, {"activation": "leaky_relu", "leak": 0.1},
        {"activation": "leaky_relu", "leak": 0.01}, {"optimizer": "nadam"},
        {"optimizer": "adamw", "weight_decay": 0.004}, {"epochs": 15}, {"epochs": 50},
    ]  # fmt: skip
    assert (base["batch_size"], base["loss"], base["optimizer"], base["epochs"]) == (32, "mse", "adam", 30)
