"""What `debrief calibrate agreement` says where its libraries are not there."""

import sys

import pytest

from evaluator.calibration.labels import LabelsFile
from evaluator.commands.calibrate_agreement import _measure
from evaluator.errors import Unavailable
from tests.unit.calibration.builders import JUDGE, a_judged, a_label


@pytest.mark.parametrize("library", ["sklearn.metrics", "krippendorff"])
def test_missing_library_is_named_with_the_way_out(monkeypatch, library):
    """They are an extra, so a plain installation lacks them."""
    monkeypatch.setitem(sys.modules, library, None)
    file = LabelsFile(labels=(a_label("iv-1"), a_label("iv-2", level=4)), columns=(), sha256="0" * 64)

    with pytest.raises(Unavailable, match=r"pip install 'debrief\[calibration\]'") as caught:
        _measure(file, {"iv-1": a_judged(3), "iv-2": a_judged(4)}, JUDGE, [], 0, 0)
    assert library in str(caught.value)
