"""Metrics: CloudWatch's embedded format in the log."""

import json

from config.names import SERVICE_METRICS
from ml.serving.contract import Prediction
from ml.serving.observe import MOST_VALUES, Observations


def observed() -> tuple[Observations, list[str]]:
    lines: list[str] = []
    return Observations(environment="dev", write=lines.append, clock=lambda: 1_700_000_000.5), lines


def test_a_line_declares_every_metric_that_it_holds() -> None:
    observations, lines = observed()
    observations.answered(200, 1.5)
    observations.answered(503, 9.0)
    observations.predicted(
        [Prediction(prediction="Low", code="UM", probabilities={}, model_version="v", unknown_products=2)], lines=6
    )
    observations.dropped(1)
    observations.flush()

    (line,) = map(json.loads, lines)
    (declared,) = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == SERVICE_METRICS
    assert line["_aws"]["Timestamp"] == 1_700_000_000_500
    assert line["Latency"] == [1.5, 9.0]
    assert (line["Requests"], line["Errors"], line["PredictedLow"]) == (2, 1, 1)
    assert (line["UnknownProductLines"], line["Lines"], line["CaptureDrops"]) == (2, 6, 1)
    assert {each["Name"] for each in declared["Metrics"]} == set(line) - {"_aws", "Environment"}


def test_no_line_holds_more_values_than_cloudwatch_takes() -> None:
    observations, lines = observed()
    for number in range(2 * MOST_VALUES + 30):
        observations.answered(200, float(number))
    observations.flush()

    latencies = [json.loads(line)["Latency"] for line in lines]
    assert [len(each) for each in latencies] == [MOST_VALUES, MOST_VALUES, 30]
    assert [each for part in latencies for each in part] == [float(number) for number in range(2 * MOST_VALUES + 30)]


def test_nothing_observed_writes_nothing() -> None:
    observations, lines = observed()
    observations.flush()
    assert lines == []


def test_prometheus_buckets_are_cumulative() -> None:
    observations, _ = observed()
    for milliseconds in (0.4, 0.5, 7.0, 5_000.0):
        observations.answered(200, milliseconds)
    text = observations.prometheus("v")

    assert 'bucket{le="0.5"} 2' in text
    assert 'bucket{le="10.0"} 3' in text
    assert 'bucket{le="+Inf"} 4' in text


def test_what_is_well_is_written_as_zero_and_the_unknown_as_a_share() -> None:
    observations, lines = observed()
    observations.predicted(
        [Prediction(prediction="Low", code="UM", probabilities={}, model_version="v", unknown_products=3)], lines=12
    )
    observations.swapped("refused")
    observations.keys_unread()
    observations.flush()

    line = json.loads(lines[0])
    assert (line["Errors"], line["CaptureDrops"], line["UnknownProductShare"]) == (0, 0, 0.25)
    assert (line["SwapsRefused"], line["KeyFailures"]) == (1, 1)
    assert "Latency" not in line, "CloudWatch takes no empty list"
    text = observations.prometheus("v")
    assert 'inference_model_swaps_total{result="refused"} 1' in text
    assert 'inference_model_swaps_total{result="done"} 0' in text
    assert "inference_key_read_failures_total 1" in text
