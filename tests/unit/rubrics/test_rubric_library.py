"""Finding rubrics by name, in the package and in folders."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rubrics
from rubrics.faults import RubricError, UnknownRubric
from rubrics.library import library, shipped, version_key
from rubrics.model import Rubric


@pytest.fixture
def put(tmp_path, small):
    """Writes the small rubric under another version, title or file name; gives the folder."""

    def write(version="1", title="Small", name=None, folder=tmp_path):
        folder.mkdir(exist_ok=True)
        text = small.replace('"1"', f'"{version}"').replace("title: Small", f"title: {title}")
        (folder / (name or f"small@{version}.yaml")).write_text(text)
        return folder

    return write


def test_shipped_rubrics_are_found_without_folders():
    """The package brings three roles."""
    assert ["ai-at-work@1", "backend-eng@1", "customer-sales@1"] == [e.rubric.ref for e in library().entries]


@pytest.mark.parametrize(
    ("ref", "digest", "without_examples"),
    [
        (
            "ai-at-work@1",
            "3b0e59f31265ff9d1584aafaa0938c18bf4f22e796863a2f732c941ae59fd9a9",
            "3744d7c4e254d1bbf67e8a6363533514b33cae7ff9f26d3d28b27ad594ddcfe6",
        ),
        (
            "backend-eng@1",
            "de785a1b805571f5364314d09f53ba9664af9016fff3079533574fa03631b96a",
            "20a8d0d64ea79356504c3ba6c0ca328c102e5469cf5e0654ae8769328be0a5d5",
        ),
        (
            "customer-sales@1",
            "0046128e0624a1e7ef0ce0bcb049f84aa0017b5b1e5ebe1569476dcb9812ae79",
            "c7a7806244c1ee33fe2867b9e69f67b094d1f494178666975598630c4b2fbd5f",
        ),
    ],
)
def test_shipped_rubrics_keep_their_digest(ref, digest, without_examples):
    """Pinned: a released version never changes. Without examples it is what it was before there were any."""
    rubric = library().find(ref)
    plain = rubric.model_dump()
    for criterion in (criterion for section in plain["sections"] for criterion in section["criteria"]):
        criterion["examples"] = ()

    assert digest == rubric.digest
    assert without_examples == Rubric.model_validate(plain).digest


def test_shipped_rubrics_travel_as_package_data(tmp_path):
    """They are read through importlib.resources, also from a zipped package."""
    archive = tmp_path / "wheel.zip"
    folder = Path(rubrics.__file__).parent
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.iterdir()):
            if path.suffix in (".py", ".yaml"):
                file.write(path, f"rubrics/{path.name}")
    code = "import rubrics.library as l; print(l.__file__, *(e.rubric.ref for e in l.library().entries))"

    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env={**os.environ, "PYTHONPATH": str(archive)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert str(archive) in done.stdout
    assert done.stdout.split()[1:] == ["ai-at-work@1", "backend-eng@1", "customer-sales@1"]


def test_shipped_files_are_named_after_what_they_hold():
    """File name and content agree."""
    assert [e.rubric.ref + ".yaml" for e in library().entries] == [file.name for file in shipped()]


def test_id_alone_means_the_highest_version_by_number(put):
    """1.10 comes after 1.9."""
    for version in ("1.9", "1.10", "1.2"):
        folder = put(version)

    assert "small@1.10" == library([folder]).find("small").ref


def test_exact_version_is_found(put):
    """A named version is given, though there is a higher one."""
    for version in ("1", "2"):
        folder = put(version)

    assert "small@1" == library([folder]).find("small@1").ref


def test_unknown_name_suggests_close_ones():
    """A misspelt name is answered with the name that was meant."""
    with pytest.raises(
        UnknownRubric, match="no rubric is named 'backend-engineer'; did you mean backend-eng"
    ) as raised:
        library().find("backend-engineer")

    assert ("backend-eng",) == raised.value.close


def test_unknown_version_suggests_the_versions_there_are():
    """An absent version is answered with those that exist."""
    with pytest.raises(UnknownRubric, match="did you mean backend-eng@1"):
        library().find("backend-eng@7")


@pytest.mark.parametrize("ref", ["", "@", "@1", "a@b@c", "zzzzzzzz", "../x", "small@"])
def test_any_other_name_is_unknown(ref):
    """What names nothing is unknown, not a crash."""
    with pytest.raises(UnknownRubric):
        library().find(ref)


def test_same_rubric_in_two_folders_is_one(put, tmp_path):
    """A copy is no conflict."""
    folders = [put(folder=tmp_path / "a"), put(folder=tmp_path / "b")]

    assert 1 == len([e for e in library(folders).entries if e.rubric.id == "small"])


def test_two_contents_under_one_name_are_a_fault_that_names_both_files(put, tmp_path):
    """The same id and version cannot stand for two rubrics."""
    folders = [put(folder=tmp_path / "a"), put(folder=tmp_path / "b", title="Other")]

    with pytest.raises(RubricError) as raised:
        library(folders).find("small")

    (fault,) = raised.value.faults
    assert str(tmp_path / "b" / "small@1.yaml") == fault.path
    assert f"small@1 is also defined, differently, in {tmp_path / 'a' / 'small@1.yaml'}" in fault.message


def test_folder_cannot_redefine_a_shipped_rubric(tmp_path):
    """A shipped name keeps its meaning."""
    (file,) = (file for file in shipped() if file.name == "backend-eng@1.yaml")
    (tmp_path / file.name).write_text(file.read_text().replace("title: Backend engineer", "title: Mine"))

    with pytest.raises(RubricError, match="also defined, differently"):
        library([tmp_path]).find("backend-eng@1")


@pytest.mark.parametrize("name", ["small.yaml", "small@2.yaml", "small@1.yml", "Small@1.yaml"])
def test_file_must_be_called_after_its_content(put, name):
    """The name of a file says its id and version."""
    found = library([put(name=name)])

    assert ["this file says small@1, so it must be called small@1.yaml"] == [f.message for f in found.faults]
    assert "small" not in {entry.rubric.id for entry in found.entries}


def test_faulty_file_takes_only_its_own_name_out_of_use(put):
    """A broken draft does not stop another rubric."""
    folder = put()
    (folder / "draft@1.yaml").write_text("id: [")

    found = library([folder])

    assert "small@1" == found.find("small").ref
    with pytest.raises(RubricError, match=r"draft@1\.yaml"):
        found.find("draft")


def test_lower_version_never_stands_in_for_a_faulty_higher_one(put):
    """Which version is the highest must not depend on a typing error."""
    folder = put()
    (folder / "small@2.yaml").write_text("id: [")

    with pytest.raises(RubricError, match=r"small@2\.yaml"):
        library([folder]).find("small")


def test_missing_folder_is_named(tmp_path):
    """A folder that is not there is a fault of its own."""
    with pytest.raises(RubricError, match="nowhere:1:1: the rubric folder cannot be read: No such file"):
        library([tmp_path / "nowhere"])


def test_other_files_are_left_alone(put):
    """Only YAML files count, and no hidden ones."""
    folder = put()
    (folder / "README.md").write_text("x")
    (folder / ".draft.yaml").write_text("x: [")

    assert () == library([folder]).faults


def test_folder_named_like_a_rubric_is_a_fault(tmp_path):
    """A folder with a rubric's name is reported, not opened."""
    (tmp_path / "a@1.yaml").mkdir()

    with pytest.raises(RubricError, match="it is not a file"):
        library([tmp_path]).find("a")


@given(st.lists(st.integers(0, 9999), min_size=1, max_size=3), st.lists(st.integers(0, 9999), min_size=1, max_size=3))
def test_versions_are_ordered_by_number(one, other):
    """Text order plays no part."""
    spell = lambda parts: ".".join(map(str, parts))  # noqa: E731

    assert (one < other) == (version_key(spell(one)) < version_key(spell(other)))
