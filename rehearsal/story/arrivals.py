"""Acts that begin with a file: data comes, better data comes, a bad file, data from which nothing good is learnt."""

import json
import re

from config.names import ARTIFACTS, RUNS, TRAINING
from rehearsal.story.act import Act, UnmetExpectationError
from rehearsal.story.stage import Stage

# Weeks of the story: the first come together, then two more, one that is broken, one that is mislabelled.
FIRST, BETTER, BROKEN, MISLABELLED = slice(0, 3), slice(3, 5), 5, 5
_RATE = 20.0
_ACCURACY = 0.80


def _first_data(stage: Stage) -> None:
    stage.expect(stage.champion is None, "nothing serves yet")
    status, _ = stage.predict(stage.sample(1)[0], key="wrong")
    stage.expect(status in {401, 403, 503}, f"the service has no model and lets nobody in: {status}")
    since = stage.uploaded(*stage.weeks.files[FIRST])
    outcome = stage.trained(since=since)
    stage.expect(outcome["outcome"] == "registered", f"{outcome['winner']} registered: {outcome['reason']}")
    stage.expect(outcome["accuracy"] >= _ACCURACY, f"its accuracy on the held-out week is {outcome['accuracy']:.4f}")
    stage.released(since=since, version=outcome["version"])
    stage.answers(outcome["version"])
    status, _ = stage.predict(stage.sample(1)[0], key="wrong")
    stage.expect(status in {401, 403}, f"with a wrong key it answers {status}")
    stage.told("is the champion")


def _better_data(stage: Stage) -> None:
    before = stage.champion
    with stage.traffic("while better data makes a champion", bodies=stage.sample(50), rate=_RATE) as sent:
        since = stage.uploaded(*stage.weeks.files[BETTER])
        outcome = stage.trained(since=since)
        stage.expect(outcome["outcome"] == "registered", f"{outcome['winner']} registered: {outcome['reason']}")
        stage.released(since=since, version=outcome["version"])
    stage.expect(sent.failed == 0, f"no request failed while {before} was replaced: {sent}")
    stage.expect(
        {before, outcome["version"]} == set(sent.versions),
        f"{sent.versions[str(before)]} answers came from {before},"
        f" {sent.versions[outcome['version']]} from its successor",
    )
    healthy = [each["version"] for each in stage.lake.ledger()["healthy"]]
    stage.expect(before in healthy, f"{before} is kept as a version to go back to")


def _bad_file(stage: Stage) -> None:
    before, file = stage.champion, stage.weeks.broken(BROKEN)
    refined = set(stage.lake.keys("silver/transactions/"))
    since = stage.uploaded(file)
    executions = stage.ended(TRAINING, since=since)
    failed = [each for each in executions if each["status"] == "FAILED"]
    stage.expect(len(failed) == 1, "the training stopped")
    reason = re.search(r'"FailureReason": ?("(?:[^"\\]|\\.)*")', stage.why(failed[0]))
    why = str(json.loads(reason[1])) if reason else ""
    stage.expect(file.name in why, f"and says which file and rule: {why}")
    stage.told("training failed")
    reports = [
        key
        for key in stage.lake.keys(f"{ARTIFACTS}/{RUNS}/")
        if "/validation/" in key and key.endswith(".html") and stage.lake.is_newer(key, since)
    ]
    stage.expect(reports, f"the validation report is kept: {', '.join(reports)}")
    stage.expect(set(stage.lake.keys("silver/transactions/")) == refined, "nothing of the file was refined")
    stage.expect(stage.champion == before, f"{before} goes on serving")
    stage.lake.withdraw(file)


def _weak_candidate(stage: Stage) -> None:
    since = stage.uploaded(stage.weeks.mislabelled(MISLABELLED, share=1.0, seed=1))
    outcome = stage.trained(since=since)
    if outcome["outcome"] != "rejected":
        raise UnmetExpectationError(f"the candidate was {outcome['outcome']}: {outcome['reason']}")
    stage.noted(f"rejected as a decision: {outcome['reason']}")
    stage.told("candidate rejected")
    new = [each for each in stage.packages() if each["CreationTime"] >= since and not stage.is_by_hand(each)]
    stage.expect(not new, "no version was registered")


FIRST_DATA = Act(
    name="first-data",
    title="First data arrives",
    does="Uploads three weekly files below raw/.",
    expects="Training starts by itself and once; its best candidate passes the gate, is registered, approved and"
    " released, and answers through the load balancer's address.",
    play=_first_data,
)
BETTER_DATA = Act(
    name="better-data",
    title="Better data arrives",
    does="Uploads two more weeks while callers ask twenty times a second.",
    expects="A new champion, better on the same rows; no request fails while it takes over.",
    play=_better_data,
    after=("first-data",),
)
BAD_FILE = Act(
    name="bad-file",
    title="A bad file arrives",
    does="Uploads a week in which every tenth line has a negative quantity.",
    expects="The run stops, names file and rule and keeps the validation report; people are told once; the champion"
    " and the lake stay as they were.",
    play=_bad_file,
    after=("first-data",),
)
WEAK_CANDIDATE = Act(
    name="weak-candidate",
    title="A weak candidate",
    does="Uploads a week whose labels are all wrong.",
    expects="The gate rejects the candidate, as a decision with its reason and not as an error; nothing is registered.",
    play=_weak_candidate,
    after=("first-data",),
)
