"""What looks at pictures: loaded in the worker, and nowhere else.

A checker is a function from a picture to the scores (0 to 1) of what it found in it, by class. ``nudenet``
comes with the extra ``danmart[vision]``. Any other is named as ``module:factory``; its factory is called
once, without arguments, and gives the function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from media.checks.loading import CHECKS_NOTHING, CheckerError, is_there, made_by

Check = Callable[[Image.Image], Mapping[str, float]]
"""Takes a picture in RGB of at most ``SIDE_MAX`` pixels a side."""

SIDE_MAX = 640
LOOKS_AT_NOTHING = CHECKS_NOTHING
NUDENET = "nudenet"

NUDENET_CLASSES: Mapping[str, float] = {
    "FEMALE_BREAST_EXPOSED": 0.5,
    "FEMALE_GENITALIA_EXPOSED": 0.45,
    "MALE_GENITALIA_EXPOSED": 0.45,
    "BUTTOCKS_EXPOSED": 0.55,
    "ANUS_EXPOSED": 0.45,
}
"""What counts by default: bare skin that is shown at the pool as well, and faces, don't."""


def is_installed(name: str) -> bool:
    """Whether the checker can be found, without loading it."""
    if name == LOOKS_AT_NOTHING:
        return True
    return is_there(NUDENET if name == NUDENET else name.partition(":")[0])


def load(name: str) -> Check:
    """Raises ``CheckerError``. Takes a moment: for the worker."""
    try:
        if name == LOOKS_AT_NOTHING:
            return lambda picture: {}
        if name == NUDENET:
            return _nudenet()
        check: Check = made_by(name)
    except Exception as error:
        raise CheckerError(f"{name}: {error}") from error
    return check


def _nudenet() -> Check:
    """One thread, so that what it costs can be bounded, and only the CPU. ``NudeDetector`` by itself makes
    a session with a thread for each core, whose stacks alone may be more than the worker is given."""
    cv2, np, ort, nudenet = map(importlib.import_module, ("cv2", "numpy", "onnxruntime", NUDENET))
    cv2.setNumThreads(1)
    detector: Any = object.__new__(nudenet.NudeDetector)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = Path(str(nudenet.__file__)).with_name("320n.onnx")
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    detector.onnx_session, detector.input_name = session, session.get_inputs()[0].name
    detector.input_width = detector.input_height = 320

    def check(picture: Image.Image) -> Mapping[str, float]:
        scores: dict[str, float] = {}
        for one in detector.detect(np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])):
            scores[one["class"]] = max(scores.get(one["class"], 0.0), float(one["score"]))
        return scores

    return check
