"""The tables of benches."""

from benchmarks.tables import Outcome, markdown


def test_table_has_mean_and_spread() -> None:
    outcomes = [
        Outcome("shipped", 0, {"weak": 0.5, "full": None, "minutes": 10}),
        Outcome("other", 0, {"weak": 0.6, "full": 0.7, "minutes": 11}),
        Outcome("shipped", 1, {"weak": 0.7, "full": 0.7, "minutes": 12}),
    ]
    assert markdown(outcomes).splitlines() == [
        "| variant | seeds | weak | full | minutes |",
        "|---|---|---|---|---|",
        "| shipped | 2 | 0.600 ± 0.141 | – | 11.0 ± 1.4 |",  # noqa: RUF001
        "| other | 1 | 0.600 | 0.700 | 11.0 |",
    ]


def test_a_run_without_scores_is_a_row_of_dashes() -> None:
    outcomes = [Outcome("failed", 0, {}), Outcome("done", 0, {"weak": 0.5, "minutes, prepare": 2})]
    assert markdown(outcomes, "set").splitlines() == [
        "| set | seeds | weak | minutes, prepare |",
        "|---|---|---|---|",
        "| failed | 1 | – | – |",  # noqa: RUF001
        "| done | 1 | 0.500 | 2.0 |",
    ]
