"""The books of a test."""

from ml.loadtest.recorder import Recorder


def test_the_timeline_of_a_week_has_no_more_points_than_a_chart_shows() -> None:
    week = 7 * 24 * 3600
    recorder = Recorder(duration=week)
    for offset in range(0, week, 60):
        recorder.fell_due(offset, lag=0)
        recorder.answered(offset, status=200, latency=0.01)
    assert len(recorder.intervals) == 240
    assert Recorder(duration=30).interval_seconds == 1
