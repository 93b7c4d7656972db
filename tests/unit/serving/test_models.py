"""Where the model comes from: a bundle or a lake's champion, from a folder or through a cache."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.bundle import Bundle
from ml.errors import ModelError, SettingsError, StoreError
from ml.serving.models import BundleCache, LocalFiles, Models, models_at
from ml.serving.ports import CAPTURE, adapter
from tests.versions import Lake, copy_as, trained, version_of


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake")
    for version in ("v1", "v2", "v3"):
        lake.publish(version)
    return lake


def at(address: Path | str, cache: Path = Path("unused")) -> Models | None:
    return models_at(str(address), cache=cache, use_case="price_sensitivity")


def test_a_bundle_serves_its_own_version() -> None:
    models = at(trained())

    assert models is not None
    assert models.wanted() == version_of(trained())
    assert models.bundle(models.wanted()) == trained()


def test_of_a_lake_the_champion_serves(lake: Lake) -> None:
    lake.promote("v1")
    models = at(lake.root)
    assert models is not None
    assert models.wanted() == "v1"

    lake.promote("v2")

    assert models.wanted() == "v2"
    assert models.bundle("v2") == lake.bundle("v2")


def test_before_anything_is_released_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert at(tmp_path / "artifacts" / "models" / "none") is None
    assert at("nowhere://lake/artifacts/models/none") is None


def test_what_is_neither_bundle_nor_lake_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither a model bundle \(it has no manifest.json\) nor a lake"):
        at(tmp_path)


@pytest.mark.parametrize("pointer", ['{"version": "../../elsewhere"}', "{}", "[", "[]"])
def test_a_pointer_that_names_no_version_is_refused(lake: Lake, pointer: str) -> None:
    lake.promote("v1")
    models = at(lake.root)
    (path,) = lake.root.rglob("champion.json")
    path.write_text(pointer)

    assert models is not None
    with pytest.raises(ModelError, match=r"champion\.json"):
        models.wanted()


def test_a_lake_whose_first_release_is_under_way_has_no_champion(lake: Lake) -> None:
    lake.promote("v1")
    models = at(lake.root)
    (path,) = lake.root.rglob("champion.json")
    path.write_text('{"version": null, "release": {"version": "v1"}}')

    assert models is not None
    with pytest.raises(StoreError, match="there is no champion"):
        models.wanted()


def test_an_address_that_nothing_serves_is_named_with_what_is_there() -> None:
    with pytest.raises(SettingsError, match=r"gopher: no adapter for it is installed \(mlops.models\); there is: "):
        at("gopher://bundle")
    with pytest.raises(SettingsError, match=r"gopher: no adapter for it is installed \(mlops.capture\)"):
        adapter(CAPTURE, "gopher")


# ---- through a cache ----------------------------------------------------------------------------------------


class Store(LocalFiles):
    """A store that counts downloads, and can fail at one of them."""

    def __init__(self, root: Path, *, fail_at: int = -1, spoil: Callable[[Path], object] = lambda _: None) -> None:
        super().__init__(root)
        self.downloads: list[str]
        object.__setattr__(self, "downloads", [])
        object.__setattr__(self, "_fail_at", fail_at)
        object.__setattr__(self, "_spoil", spoil)

    def download(self, name: str, target: Path) -> None:
        if len(self.downloads) == self._fail_at:  # type: ignore[attr-defined]
            raise StoreError("the line is cut")
        self.downloads.append(name)
        super().download(name, target)
        self._spoil(target)  # type: ignore[attr-defined]


def fetch(cache: Path, store: Store, version: str) -> Path:
    return BundleCache(cache).fetch(store, f"artifacts/models/{version}/", version, place="store://lake")


def test_a_bundle_is_fetched_once_and_is_whole(lake: Lake, tmp_path: Path) -> None:
    store = Store(lake.root)

    folder = fetch(tmp_path / "cache", store, "v1")
    again = fetch(tmp_path / "cache", store, "v1")

    assert folder == again
    assert Bundle.load(folder).version == "v1"
    assert len(store.downloads) == len(Bundle.load(folder).manifest["files"])


def test_what_a_cut_fetch_has_got_is_not_fetched_again(lake: Lake, tmp_path: Path) -> None:
    cut = Store(lake.root, fail_at=2)
    with pytest.raises(StoreError, match="the line is cut"):
        fetch(tmp_path / "cache", cut, "v1")
    assert not (tmp_path / "cache" / "v1").exists()

    rest = Store(lake.root)
    fetch(tmp_path / "cache", rest, "v1")

    assert not set(cut.downloads) & set(rest.downloads)
    assert Bundle.load(tmp_path / "cache" / "v1").version == "v1"


def test_the_present_version_and_the_one_before_are_kept(lake: Lake, tmp_path: Path) -> None:
    store = Store(lake.root)
    for version in ("v1", "v2", "v1", "v3"):
        fetch(tmp_path / "cache", store, version)

    assert sorted(each.name for each in (tmp_path / "cache").iterdir() if each.is_dir()) == ["v1", "v3"]


def test_a_spoilt_download_is_refused_and_leaves_nothing_to_load(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the checksum differs"):
        fetch(tmp_path / "cache", Store(lake.root, spoil=lambda path: path.write_bytes(b"spoilt")), "v1")

    assert not (tmp_path / "cache" / "v1").exists()
    assert Bundle.load(fetch(tmp_path / "cache", Store(lake.root), "v1")).version == "v1"


def test_a_cached_bundle_that_lost_something_is_fetched_anew(lake: Lake, tmp_path: Path) -> None:
    folder = fetch(tmp_path / "cache", Store(lake.root), "v1")
    (folder / "model.onnx").unlink()

    assert Bundle.load(fetch(tmp_path / "cache", Store(lake.root), "v1")).version == "v1"


def test_another_version_than_asked_for_is_refused(lake: Lake, tmp_path: Path) -> None:
    shutil.rmtree(lake.bundle("v1"))
    copy_as("v9", lake.bundle("v1"))

    with pytest.raises(ModelError, match="is version v9, not v1"):
        fetch(tmp_path / "cache", Store(lake.root), "v1")
    with pytest.raises(StoreError, match=r"v8/manifest.json: there is no such file; is version v8 published\?"):
        fetch(tmp_path / "cache", Store(lake.root), "v8")


def test_a_manifest_that_names_files_elsewhere_is_refused(lake: Lake, tmp_path: Path) -> None:
    copy_as("v4", lake.bundle("v4"), files={"../../escaped": "0" * 64})

    with pytest.raises(ModelError, match="is not a name of a version or file"):
        fetch(tmp_path / "cache", Store(lake.root), "v4")
    assert not list(tmp_path.glob("escaped*"))


def test_a_cache_that_cannot_be_written_is_named(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file: the model cache cannot be written"):
        fetch(tmp_path / "file", Store(lake.root), "v1")
