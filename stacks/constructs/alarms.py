"""Alarms as CloudWatch has them, by what ``stacks.watch`` says of them."""

from collections.abc import Iterator, Mapping

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.base import PlatformStack
from stacks.watch.alarms import Alarm, Composite
from stacks.watch.metrics import Metric

_Made = cloudwatch.CfnAlarm | cloudwatch.CfnCompositeAlarm
_Query = cloudwatch.CfnAlarm.MetricDataQueryProperty
# How long a composite alarm waits for the one that silences it, and stays silent after it.
_WAIT_SECONDS = 120
_SILENT_SECONDS = 3600


class Alarms(Construct):
    """All alarms of an environment; ``topic`` is told of them."""

    def __init__(
        self,
        stack: PlatformStack,
        *,
        alarms: tuple[Alarm, ...],
        composites: tuple[Composite, ...],
        topic: sns.ITopic,
    ) -> None:
        super().__init__(stack, "Alarms")
        self._name = stack.settings.name
        self._topic = topic.topic_arn
        made: dict[str, _Made] = {each.name: self._alarm(each) for each in alarms}
        for composite in composites:
            made[composite.name] = self._composite(composite, made)
        self.names = tuple(made)

    def _alarm(self, alarm: Alarm) -> cloudwatch.CfnAlarm:
        topic = [self._topic] if alarm.tells else []
        return cloudwatch.CfnAlarm(
            self,
            _title(alarm.name),
            alarm_name=self._name(alarm.name),
            alarm_description=alarm.description,
            metrics=list(_queries(alarm)),
            comparison_operator="LessThanThreshold" if alarm.below else "GreaterThanThreshold",
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.breaching,
            treat_missing_data=alarm.missing,
            alarm_actions=topic,
            ok_actions=topic,
            insufficient_data_actions=topic if alarm.tells_of_silence else [],
        )

    def _composite(self, composite: Composite, made: Mapping[str, _Made]) -> cloudwatch.CfnCompositeAlarm:
        silent = composite.silenced_by
        found = cloudwatch.CfnCompositeAlarm(
            self,
            _title(composite.name),
            alarm_name=self._name(composite.name),
            alarm_description=composite.description,
            alarm_rule=" OR ".join(f'ALARM("{self._name(each)}")' for each in composite.alarms),
            alarm_actions=[self._topic],
            ok_actions=[self._topic],
            actions_suppressor=self._name(silent) if silent else None,
            actions_suppressor_wait_period=_WAIT_SECONDS if silent else None,
            actions_suppressor_extension_period=_SILENT_SECONDS if silent else None,
        )
        for each in (*composite.alarms, *([silent] if silent else [])):
            found.node.add_dependency(made[each])
        return found


def _queries(alarm: Alarm) -> Iterator[_Query]:
    for name, metric in alarm.metrics.items():
        yield _Query(id=name, metric_stat=_stat(metric, alarm.period), return_data=alarm.expression is None)
    if alarm.expression is not None:
        yield _Query(id="answer", label=alarm.name, expression=alarm.expression, return_data=True)


def _stat(metric: Metric, period: int) -> cloudwatch.CfnAlarm.MetricStatProperty:
    return cloudwatch.CfnAlarm.MetricStatProperty(
        metric=cloudwatch.CfnAlarm.MetricProperty(
            namespace=metric.namespace,
            metric_name=metric.name,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
                for name, value in metric.dimensions.items()
            ],
        ),
        period=period,
        stat=metric.stat,
    )


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
