"""Model folders as SageMaker hands them on: packed, one ``model.tar.gz`` for each training job."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ml.errors import ModelError

ARCHIVE = "model.tar.gz"


@contextmanager
def unpacked(candidates: Path) -> Iterator[Path]:
    """Yield a folder with a bundle per candidate: ``candidates`` itself, or what its archives hold.

    SageMaker puts a job's archive into ``<candidate>/<job>/output``. A candidate that was trained twice has two equal
    ones, since equal training gives an equal bundle.

    Raises:
        ModelError: an archive is damaged, or holds something that does not stay in its folder.

    """
    archives = {path.relative_to(candidates).parts[0]: path for path in sorted(candidates.rglob(ARCHIVE))}
    if not archives:
        yield candidates
        return
    with TemporaryDirectory() as folder:
        for name, path in archives.items():
            try:
                with tarfile.open(path) as archive:
                    archive.extractall(Path(folder) / name, filter="data")
            except (tarfile.TarError, EOFError, OSError) as error:
                raise ModelError(f"{path}: the archive cannot be unpacked: {error}") from error
        yield Path(folder)
