"""What every command has in common: lists of seeds, tables, percentages, and the reference of commands."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlcli.cli.console import percent, table
from idlcli.cli.options import parse_seeds
from idlcli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", [0]), ("0,1,4-6", [0, 1, 4, 5, 6]), (" 3 , 1 ", [3, 1]), ("7-7", [7]), ("4294967295", [2**32 - 1])],
)
def test_a_list_of_seeds_has_commas_and_ranges(text, seeds):
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", ",", "1,", "a", "1-", "-1", "5-3", "0-4294967295", "4294967296", "1.5", "1--2", "1-2-3", "9" * 5000]
)
def test_what_is_no_list_of_seeds_is_a_usage_error(text):
    with pytest.raises(UsageError, match="--seeds"):
        parse_seeds(text)


@given(st.text(max_size=30))
def test_any_text_is_seeds_or_a_usage_error(text):
    try:
        seeds = parse_seeds(text)
    except UsageError:
        seeds = [0]
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seeds


@given(st.lists(st.tuples(st.integers() | st.none(), st.text(alphabet="ab é", max_size=9), st.floats()), max_size=6))
def test_a_table_has_a_line_a_row_and_columns_that_stand_under_each_other(rows):
    lines = table(rows, header=("number", "text", "float")).split("\n")
    assert len(lines) == len(rows) + 1
    assert lines[0].startswith(("number", " "))
    assert all(line == line.rstrip() for line in lines)
    if rows:
        end = lines[0].index("number") + len("number")
        assert all(line[:end].strip() for line in lines)


def test_a_share_is_said_in_per_cent():
    assert [percent(share) for share in (0, 0.9806, 1, 1 / 3)] == ["0.00%", "98.06%", "100.00%", "33.33%"]


def test_the_reference_of_commands_is_that_of_the_commands():
    from idlcli.cli.reference import markdown

    kept = Path(__file__).parents[2] / "docs" / "commands.md"
    assert kept.read_text("utf-8") == markdown(), "make it again: python -m idlcli.cli.reference > docs/commands.md"
