"""One word on a number beside the report's, and on a claim: never more than the runs bear out."""

from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from idlcli.files import read_toml
from idlcli.workflows.reproduce.book import Rule
from idlcli.workflows.reproduce.verdicts import (
    Gap,
    allowance_of_change,
    gap_between_runs,
    gap_within_runs,
    margin,
    of_claim,
    of_value,
    rounding,
    student,
)
from idlcli.workflows.sweep_table import spread

student(1)  # loads SciPy, which takes longer than an example may
NUMBERS = st.floats(-1000, 1000, allow_nan=False).map(lambda value: round(value, 3))
RULES = st.builds(
    Rule, name=st.just("x"), because=st.just("so"), better=st.sampled_from(["higher", "lower", ""]),
    tolerance=st.floats(0, 10), relative=st.floats(0, 1),
)  # fmt: skip
RUNS = st.lists(NUMBERS, min_size=1, max_size=6)
OPPOSITE = {"higher": "lower", "lower": "higher", "": ""}


@given(NUMBERS, RUNS, RULES)
def test_within_the_margin_is_agreement_and_beyond_it_is_not(report, ours, rule):
    found = spread(ours)
    allowed, _ = margin(report, found, rule)
    word = of_value(report, ours, rule).word
    assert (word in ("agrees", "not judged")) == (abs(found["mean"] - report) <= allowed)
    if word == "better":
        assert rule.better == ("higher" if found["mean"] > report else "lower")
    assert word != "not judged" or len(ours) == 2


@given(NUMBERS, RUNS, RULES)
def test_what_is_better_one_way_is_worse_the_other(report, ours, rule):
    turned = Rule("x", "so", OPPOSITE[rule.better], rule.tolerance, rule.relative)
    words = {of_value(report, ours, rule).word, of_value(report, ours, turned).word}
    same = ({"agrees"}, {"not judged"})
    assert words in (*same, {"better", "differs"}) or (not rule.better and words == {"differs"})


@given(NUMBERS, RUNS, RULES, st.floats(0, 50))
def test_more_tolerance_never_turns_agreement_into_anything_else(report, ours, rule, more):
    wider = Rule("x", "so", rule.better, rule.tolerance + more, rule.relative)
    if of_value(report, ours, rule).word == "agrees":
        assert of_value(report, ours, wider).word == "agrees"


@given(NUMBERS, st.lists(NUMBERS, min_size=2, max_size=6))
def test_a_number_among_the_runs_agrees_and_the_margin_is_at_least_their_deviation(report, ours):
    rule = Rule("x", "so")
    found = spread(ours)
    allowed, why = margin(report, found, rule)
    assert allowed >= found["sd"]
    assert of_value(found["mean"], ours, rule).word == "agrees"
    assert "seeds" in why or allowed == rounding(report)


def test_with_five_seeds_the_margin_is_the_interval_of_one_more_run():
    ours = [99.0, 99.2, 99.1, 98.9, 99.3]
    allowed, why = margin(99.34, spread(ours), Rule("x", "so"))
    assert allowed == pytest.approx(2.776445 * 0.158114 * 1.2**0.5, rel=1e-5)
    assert "5 seeds" in why
    assert of_value(99.34, ours, Rule("x", "so", "higher")).word == "agrees"
    assert of_value(98.0, ours, Rule("x", "so", "higher")).word == "better"
    assert of_value(99.99, ours, Rule("x", "so", "higher")).word == "differs"


def test_two_seeds_hide_no_difference_that_one_would_show():
    """Of two the spread is hardly known: Student's margin is 15 deviations."""
    rule = Rule("x", "so", "higher", tolerance=0.5)
    assert of_value(90.0, [96.2], rule).word == "better"
    verdict = of_value(90.0, [96.2, 97.4], rule)
    assert (verdict.word, "two seeds" in verdict.why) == ("not judged", True)
    assert of_value(90.0, [96.2, 96.3], rule).word == "better"
    assert of_value(96.4, [96.2, 97.4], rule).word == "agrees"
    assert of_value(90.0, [96.2, 97.4, 96.8], rule).word == "better"


def test_a_change_may_differ_by_what_its_two_numbers_may():
    losses = Rule("loss", "so", "lower", relative=0.25)
    assert allowance_of_change(0.334, 0.251, losses) == pytest.approx(100 * 0.251 / 0.334 * 0.25 * 2**0.5)
    counts = Rule("count", "so", "lower", root=2.83)
    assert allowance_of_change(194, 61, counts) == pytest.approx(100 * 61 / 194 * (2.83**2 / 194 + 2.83**2 / 61) ** 0.5)


def test_a_fact_is_the_same_or_it_is_not():
    rule = Rule("same", "a fact")
    assert of_value("5x28x28", ["5x28x28"], rule).word == "agrees"
    assert of_value("5x28x28", ["3x28x28"], rule).word == "differs"
    assert of_value(20000, [20000], rule).word == "agrees"
    assert of_value(20000, [19999], rule).word == "differs"


def test_without_a_number_to_compare_or_without_a_run_nothing_is_said():
    assert of_value("1989424.07 - 0.003j", [55.0], Rule("none", "another kind")).word == "not judged"
    assert of_value(None, [55.0], Rule("x", "so")).word == "not judged"
    assert of_value(5.0, [], Rule("x", "so")).word == "not judged"


def test_the_report_s_last_digit_is_never_finer_than_it_was_written():
    assert [rounding(value) for value in (99.34, 0.0286, 194, 0.002, 68.6)] == pytest.approx(
        [0.005, 0.00005, 0.5, 0.0005, 0.05]
    )


GAPS = st.lists(
    st.builds(Gap, value=NUMBERS, chance=st.floats(0, 100), other=st.just("another"), matters=st.floats(0, 100)),
    min_size=1, max_size=4,
)  # fmt: skip


@given(GAPS)
def test_a_claim_and_its_opposite_are_never_both_borne_out(gaps):
    words = {relation: of_claim(relation, gaps).word for relation in ("higher", "lower")}
    assert list(words.values()).count("agrees") <= 1
    if words["higher"] == "agrees":
        assert words["lower"] == "differs"
        assert of_claim("not higher", gaps).word == "differs"
        assert of_claim("not lower", gaps).word == "agrees"
    if words["higher"] == "differs" and len(gaps) == 1:
        assert of_claim("not higher", gaps).word == "agrees"


def test_that_something_does_not_help_needs_as_much_certainty_as_that_it_does():
    def word(value, chance):
        return of_claim("not higher", [Gap(value, chance, "another", matters=0.5)]).word

    assert word(0.0, 0.4) == word(0.4, 0.1) == word(-3.0, 2.0) == "agrees"
    assert word(0.0, 3.0) == word(0.6, 3.0) == "not judged", "no more than noise"
    assert word(2.0, 1.0) == "differs"
    assert word(0.4, None) == "agrees", "one run each: the rule alone says what matters"


@given(GAPS, st.randoms())
def test_the_order_of_what_a_claim_is_held_against_does_not_matter(gaps, random):
    shuffled = list(gaps)
    random.shuffle(shuffled)
    for relation in ("higher", "lower", "not higher", "not lower"):
        assert of_claim(relation, gaps).word == of_claim(relation, shuffled).word


def test_one_run_each_says_nothing_of_two_trainings_unless_the_rule_does():
    bare, told = Rule("", "seeds alone"), Rule("x", "so", tolerance=0.5)
    assert of_claim("higher", [gap_between_runs([2.0], [1.0], rule=bare, name="b")]).word == "not judged"
    assert of_claim("higher", [gap_between_runs([2.0], [1.0], rule=told, name="b")]).word == "agrees"
    assert of_claim("higher", [gap_between_runs([1.2], [1.0], rule=told, name="b")]).word == "not judged"
    assert of_claim("lower", [gap_between_runs([2.0], [1.0], rule=told, name="b")]).word == "differs"


@given(st.lists(NUMBERS, min_size=2, max_size=6), st.floats(0.5, 100))
def test_of_the_same_runs_a_gap_that_is_the_same_in_all_is_clear(values, step):
    assume(len(set(values)) > 1)
    gap = gap_within_runs([value + step for value in values], values, rule=Rule("", "x"), name="b")
    assert of_claim("higher", [gap]).word == "agrees"


def test_of_one_run_s_losses_a_fall_counts_from_where_its_rule_says():
    rule = Rule("game", "x", relative=0.5)
    verdict = {
        last: of_claim("lower", [gap_within_runs([last], [0.31], rule=rule, name="b")]).word for last in (0.13, 0.3)
    }
    assert verdict == {0.13: "agrees", 0.3: "not judged"}


@given(st.lists(NUMBERS, min_size=2, max_size=6))
def test_a_training_is_not_clearly_other_than_itself(values):
    gap = gap_between_runs(values, values, rule=Rule("", "x"), name="b")
    assert of_claim("higher", [gap]).word == of_claim("lower", [gap]).word == "not judged"


def test_chance_is_student_s_of_the_means_errors():
    """Of two means the errors add; the mean of the gaps has its own."""
    rule = Rule("", "x")
    between = gap_between_runs([1.0, 2.0, 3.0], [2.0, 4.0, 9.0], rule=rule, name="b")
    assert between.value == pytest.approx(-3)
    assert between.chance == pytest.approx(student(2) * (1 / 3 + 13 / 3) ** 0.5)
    within = gap_within_runs([1.0, 2.0, 3.0], [2.0, 4.0, 9.0], rule=rule, name="b")
    assert within.value == pytest.approx(-3)
    assert within.chance == pytest.approx(student(2) * (7 / 3) ** 0.5)


def test_student_s_quantiles_are_those_of_the_tables():
    assert [round(student(freedom), 3) for freedom in (1, 4, 30)] == [12.706, 2.776, 2.042]


def test_what_is_known_to_be_chance_counts_where_one_run_cannot_say_and_nowhere_else():
    rule = Rule("x", "so", "higher", tolerance=3.0, chance=6.0)

    def gap(one, other):
        return gap_between_runs(one, other, rule=rule, name="b")

    assert of_claim("higher", [gap([40.0], [35.0])]).word == "not judged", "five points may be chance"
    assert of_claim("higher", [gap([42.0], [35.0])]).word == "agrees"
    assert of_claim("lower", [gap([42.0], [35.0])]).word == "differs"
    assert of_claim("not higher", [gap([34.0], [35.0])]).word == "not judged", "a help of five may be hidden"
    assert of_claim("not higher", [gap([31.0], [35.0])]).word == "agrees"
    assert of_claim("higher", [gap([40.0, 40.1, 39.9], [35.0, 35.1, 34.9])]).word == "agrees", "three runs each say"
    assert of_value(35.0, [40.0], rule).word == "agrees"
    assert of_value(35.0, [40.0, 40.1, 39.9], rule).word == "better"


@pytest.mark.parametrize("name", ["rate", "rate-of-half", "rate-of-third"])
def test_no_errors_at_all_are_better_than_every_rate_of_table_3(name):
    rates = {"rate": [1.94], "rate-of-half": [1.68, 2.20], "rate-of-third": [1.78, 0.83]}[name]
    rule = read_toml(Path(str(files("idlcli").joinpath("reproduction/rules.toml"))))[name]
    for rate in rates:
        assert of_value(rate, [0.0], Rule(name, **rule)).word == "better"
        assert of_value(rate, [0.85 * rate], Rule(name, **rule)).word == "agrees"
