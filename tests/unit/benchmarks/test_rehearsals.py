"""What is said of rehearsals in a row."""

from benchmarks.rehearsals import Played, section


def test_those_that_failed_are_counted_and_each_part_has_its_median_and_range() -> None:
    played = [
        Played(green=True, seconds=300, peak=2_000_000_000, parts={"synthesis": 12.0, "First data arrives": 40.0}),
        Played(green=True, seconds=320, peak=2_400_000_000, parts={"synthesis": 18.0, "First data arrives": 42.0}),
        Played(green=False, seconds=100, peak=1_000_000_000, parts={"synthesis": 13.0}),
    ]
    text = section(played, ["--data", "weeks"])
    assert "**2 of 3 green.**" in text
    assert "2.40 GB" in text
    assert "| **the whole** | **300 s** | 100–320 s |" in text
    assert "| synthesis | 13 s | 12–18 s |" in text
    assert "| First data arrives | 41 s | 40–42 s |" in text
    assert "with `--data weeks`" in text
