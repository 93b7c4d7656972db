"""Tags of SageMaker's resources."""

from rehearsal.emulator.sagemaker.state import Caller, Item, State


def add(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """AddTags."""
    state.tag(request["ResourceArn"], request["Tags"])
    return {"Tags": _all(state, request["ResourceArn"])}


def delete(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """DeleteTags."""
    for key in request["TagKeys"]:
        state.tags.get(request["ResourceArn"], {}).pop(key, None)
    return {}


def list_tags(state: State, request: Item, caller: Caller) -> Item:  # noqa: ARG001
    """ListTags."""
    return {"Tags": _all(state, request["ResourceArn"])}


def _all(state: State, arn: str) -> list[Item]:
    return [{"Key": key, "Value": value} for key, value in state.tags.get(arn, {}).items()]
