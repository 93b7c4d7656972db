"""The API server: what is refused, how an object is changed, and by whom."""

from collections.abc import Iterator

import pytest

from rehearsal.cluster.kinds import Object
from tests.control_plane import Api, eventually
from tests.rehearsal.cluster.clusters import (
    DEPLOYMENT,
    HERE,
    MERGE,
    PODS,
    STRATEGIC,
    Running,
    apply,
    manifests,
    path_of,
    running,
)

JSON_PATCH = "application/json-patch+json"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A cluster with the shop's objects, and no pods of it."""
    with running(tmp_path_factory.mktemp("cluster")) as found:
        for each in manifests(replicas=0):
            assert apply(found.api(), each).status == 201
        yield found


@pytest.fixture
def api(cluster: Running) -> Api:
    return cluster.api()


def container(thing: Object) -> Object:
    (found,) = thing["spec"]["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def test_a_change_of_what_has_changed_since_is_a_conflict(api: Api) -> None:
    read = api.get(DEPLOYMENT)
    assert api.call("PATCH", DEPLOYMENT, {"metadata": {"annotations": {"a": "1"}}}, MERGE).status == 200

    late = {"metadata": {"resourceVersion": read["metadata"]["resourceVersion"], "annotations": {"a": "2"}}}
    patched = api.call("PATCH", DEPLOYMENT, late, STRATEGIC)
    replaced = api.call("PUT", DEPLOYMENT, read)

    assert (patched.status, replaced.status) == (409, 409)
    assert patched.body["reason"] == "Conflict"
    assert "the object has been modified" in patched.body["message"]
    assert api.get(DEPLOYMENT)["metadata"]["annotations"]["a"] == "1"


def test_the_generation_counts_changes_of_what_is_wanted_and_the_version_all(cluster: Running, api: Api) -> None:
    before = api.get(DEPLOYMENT)["metadata"]

    noted = api.call("PATCH", DEPLOYMENT, {"metadata": {"labels": {"noted": "yes"}}}, MERGE).body["metadata"]
    again = api.call("PATCH", DEPLOYMENT, {"metadata": {"labels": {"noted": "yes"}}}, MERGE).body["metadata"]
    wanted = cluster.release("other").body["metadata"]

    assert (noted["generation"], wanted["generation"]) == (before["generation"], before["generation"] + 1)
    assert int(noted["resourceVersion"]) > int(before["resourceVersion"])
    assert again["resourceVersion"] == noted["resourceVersion"]
    eventually(lambda: api.get(DEPLOYMENT)["status"]["observedGeneration"] == wanted["generation"])


def test_a_strategic_patch_changes_the_named_variable_only(cluster: Running, api: Api) -> None:
    before = container(api.get(DEPLOYMENT))

    after = container(cluster.release("strategic").body)

    assert {"name": "VERSION", "value": "strategic"} in after["env"]
    others = [each for each in before["env"] if each["name"] != "VERSION"]
    assert [each for each in after["env"] if each["name"] != "VERSION"] == others
    assert {**after, "env": []} == {**before, "env": []}


def test_a_merge_patch_replaces_lists_and_removes_what_is_null(api: Api) -> None:
    api.call("PATCH", DEPLOYMENT, {"metadata": {"annotations": {"gone": "soon"}}}, MERGE)

    found = api.call("PATCH", DEPLOYMENT, {"metadata": {"annotations": {"gone": None}}}, MERGE).body

    assert "gone" not in found["metadata"]["annotations"]


def test_a_json_patch_is_made_whole_or_not_at_all(api: Api) -> None:
    version = api.get(DEPLOYMENT)["metadata"]["resourceVersion"]
    patch = [
        {"op": "replace", "path": "/spec/revisionHistoryLimit", "value": 9},
        {"op": "remove", "path": "/spec/nothing"},
    ]

    refused = api.call("PATCH", DEPLOYMENT, patch, JSON_PATCH)  # type: ignore[arg-type]

    assert refused.status == 422
    assert api.get(DEPLOYMENT)["metadata"]["resourceVersion"] == version
    assert api.call("PATCH", DEPLOYMENT, patch[:1], JSON_PATCH).body["spec"]["revisionHistoryLimit"] == 9  # type: ignore[arg-type]


def test_applying_again_keeps_what_others_own_and_removes_what_is_no_longer_wanted(cluster: Running, api: Api) -> None:
    (wanted,) = (each for each in manifests(replicas=0) if each["kind"] == "Deployment")
    wanted["metadata"]["name"] = "applied"
    wanted["metadata"]["annotations"] = {"mine": "yes"}
    assert apply(api, wanted).status == 201
    path = path_of(wanted)
    api.call("PATCH", path, {"metadata": {"annotations": {"theirs": "yes"}}}, MERGE)
    variable = {"name": "VERSION", "value": "theirs"}
    template = {"spec": {"containers": [{"name": "web", "env": [variable]}]}}
    api.call("PATCH", path, {"spec": {"template": template}}, STRATEGIC)

    del wanted["metadata"]["annotations"]
    container(wanted)["env"] = [each for each in container(wanted)["env"] if each["name"] != "GREETING"]
    again = apply(api, wanted)

    assert again.status == 200
    assert "mine" not in again.body["metadata"]["annotations"]
    assert again.body["metadata"]["annotations"]["theirs"] == "yes"
    assert [each["name"] for each in container(again.body)["env"]] == ["HOME", "METRICS", "VERSION"]


def test_applying_over_what_another_has_changed_is_a_conflict_unless_forced(api: Api) -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "shared", "namespace": "shop"}, "data": {"a": "1"}}
    apply(api, config)
    api.call("PATCH", path_of(config), {"data": {"a": "2"}}, MERGE)

    refused = apply(api, {**config, "data": {"a": "3"}})
    forced = apply(api, {**config, "data": {"a": "3"}}, force=True)

    assert refused.status == 409
    assert ".data.a" in refused.body["message"]
    assert forced.body["data"] == {"a": "3"}


def test_a_status_is_written_by_itself(api: Api) -> None:
    config = {"kind": "ConfigMap", "metadata": {"name": "lone", "namespace": "shop"}, "data": {"a": "1"}}
    apply(api, config)

    path = path_of(config)
    told = api.call("PATCH", f"{path}/status", {"status": {"seen": True}, "data": {"a": "2"}}, MERGE).body
    changed = api.call("PATCH", path, {"status": {"seen": False}, "data": {"a": "3"}}, MERGE).body

    assert (told["status"], told["data"]) == ({"seen": True}, {"a": "1"})
    assert (changed["status"], changed["data"]) == ({"seen": True}, {"a": "3"})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", DEPLOYMENT, 200),
        ("GET", PODS, 200),
        ("GET", f"apis/apps/v1/{HERE}/deployments", 403),
        ("GET", f"apis/apps/v1/{HERE}/deployments/other", 403),
        ("DELETE", DEPLOYMENT, 403),
        ("PATCH", f"{DEPLOYMENT}/scale", 403),
        ("PATCH", f"{DEPLOYMENT}/status", 403),
        ("GET", f"api/v1/{HERE}/pods/any/log", 403),
        ("POST", f"api/v1/{HERE}/pods/any/exec", 403),
        ("GET", f"api/v1/{HERE}/secrets", 403),
        ("GET", "api/v1/namespaces/default/pods", 403),
        ("GET", "api/v1/pods", 403),
        ("GET", "api/v1/nodes", 403),
        ("GET", "apis/not.there/v1/things", 403),
    ],
)
def test_a_group_may_do_what_its_role_says_and_no_more(cluster: Running, method: str, path: str, status: int) -> None:
    assert cluster.api("deployer").call(method, path).status == status


def test_what_one_may_do_can_be_asked(cluster: Running) -> None:
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "shop"},
    }
    answer = cluster.api("deployer").call("POST", "apis/authorization.k8s.io/v1/selfsubjectrulesreviews", question)

    rules = answer.body["status"]["resourceRules"]
    assert {(each["resources"][0], *each["verbs"]) for each in rules} == {
        ("deployments", "get", "patch"),
        ("pods", "get", "list"),
    }


def test_who_proves_nothing_is_not_let_in_and_nobody_but_an_administrator_stands_for_others(cluster: Running) -> None:
    assert cluster.api("made-up").call("GET", DEPLOYMENT).status == 401
    assert cluster.api("deployer", **{"Impersonate-User": "administrator"}).call("GET", DEPLOYMENT).status == 403
    assert cluster.api(None, **{"Impersonate-User": "nobody"}).call("GET", DEPLOYMENT).status == 403


@pytest.mark.parametrize(
    ("asked", "body", "content", "status"),
    [
        (f"GET apis/apps/v1/{HERE}/deployments/none", None, "", 404),
        ("GET apis/not.there/v1/things", None, "", 404),
        (f"POST api/v1/{HERE}/configmaps", {"metadata": {"name": "settings"}}, "application/json", 409),
        (f"POST api/v1/{HERE}/configmaps", {"data": {}}, "application/json", 422),
        ("POST api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}}, "application/json", 404),
        (f"POST api/v1/{HERE}/configmaps", {"metadata": {"name": "a", "namespace": "b"}}, "application/json", 400),
        (f"POST apis/apps/v1/{HERE}/deployments", {"metadata": {"name": "a"}}, "application/json", 422),
        (f"PATCH {DEPLOYMENT}", {"spec": {"selector": None}}, MERGE, 422),
        (f"PATCH {DEPLOYMENT}", {"spec": {"template": {"spec": {"volumes": []}}}}, MERGE, 422),
        (f"PATCH {DEPLOYMENT}", {}, "text/plain", 415),
        (f"PATCH {DEPLOYMENT}", {}, "application/apply-patch+yaml", 422),
        (f"PUT apis/autoscaling/v1/{HERE}/horizontalpodautoscalers/web", {}, "application/json", 405),
        (f"POST {DEPLOYMENT}/exec", {}, "application/json", 404),
    ],
)
def test_what_cannot_be_is_refused_by_its_status(
    api: Api, asked: str, body: Object | None, content: str, status: int
) -> None:
    method, path = asked.split()
    answer = api.call(method, path, body, content)

    assert (answer.status, answer.body["kind"], answer.body["code"]) == (status, "Status", status)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("app=web", {"a", "b"}),
        ("app%3D%3Dweb,tier!=back", {"a"}),
        ("tier+in+(back,front)", {"a", "b"}),
        ("tier+notin+(back)", {"a", "c"}),
        ("tier", {"a", "b"}),
        ("!tier", {"c"}),
    ],
)
def test_objects_are_found_by_their_labels(api: Api, selector: str, found: set[str]) -> None:
    labels = {"a": {"app": "web", "tier": "front"}, "b": {"app": "web", "tier": "back"}, "c": {"app": "job"}}
    for name, each in labels.items():
        apply(api, {"kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop", "labels": each}})

    items = api.get(f"api/v1/{HERE}/configmaps?labelSelector={selector}")["items"]

    assert {each["metadata"]["name"] for each in items} & set(labels) == found


def test_a_namespace_ends_with_all_that_is_in_it(api: Api) -> None:
    assert api.call("POST", "api/v1/namespaces", {"metadata": {"name": "brief"}}).status == 201
    inside = "api/v1/namespaces/brief/configmaps"
    assert api.call("POST", inside, {"metadata": {"name": "a"}}).status == 201

    assert api.call("DELETE", "api/v1/namespaces/brief").body["metadata"]["deletionTimestamp"]

    eventually(lambda: api.call("GET", "api/v1/namespaces/brief").status == 404)
    assert api.call("GET", f"{inside}/a").status == 404
