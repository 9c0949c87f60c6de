"""The public names exist, are what they are said to be, and cost nothing until used."""

import subprocess
import sys
from pathlib import Path

import pytest

import permviz as pv

FIXED = (
    "search",
    "efficacy",
    "strategies",
    "analyze",
    "plan",
    "apply",
    "verify",
    "sparsify",
    "export",
    "explore",
    "interpolate",
    "minimum_sparsity",
)


@pytest.mark.parametrize("name", FIXED)
def test_the_fixed_names_are_functions(name: str) -> None:
    assert name in pv.__all__
    assert callable(getattr(pv, name))


@pytest.mark.parametrize("name", pv.__all__)
def test_every_public_name_is_where_it_is_said_to_be(name: str) -> None:
    value = getattr(pv, name)
    assert value.__name__ == name
    assert value.__module__.startswith("permviz.")
    assert value.__doc__


def test_names_are_sorted_listed_and_homed() -> None:
    assert list(pv.__all__) == sorted(pv.__all__)
    assert set(pv.__all__) <= set(dir(pv))
    assert set(pv.__all__) == set(pv._HOMES)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'serach'"):
        _ = pv.serach


def test_functions_that_share_a_folders_name_stay_functions() -> None:
    import permviz.export.files
    import permviz.search.run
    from permviz.export.checkpoint import export
    from permviz.search.run import search

    assert permviz.search is search
    assert permviz.export is export


def test_importing_permviz_imports_nothing_heavy() -> None:
    script = (
        "import sys, permviz; "
        "print(sorted({'torch', 'numba', 'numpy', 'scipy', 'panel', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert pv.__version__ == version("permviz")


@pytest.mark.parametrize("name", pv.views.__all__)
def test_views_stand_alone_by_their_names(name: str) -> None:
    view = getattr(pv.views, name)
    assert view.__name__ == name
    assert view.__doc__


def test_unknown_views_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Comparison'"):
        _ = pv.views.Comparison


def test_types_are_shipped() -> None:
    assert (Path(pv.__file__).parent / "py.typed").is_file()
