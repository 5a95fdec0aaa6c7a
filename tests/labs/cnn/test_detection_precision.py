"""The mean average precision of labs.cnn.detection, held against COCO's own program and numbers worked by hand."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch

from labs.cnn.detection import Detection
from labs.cnn.detection.average_precision import curves, match, mean_average_precision


def images(n: int = 30, classes: int = 3, seed: int = 0) -> tuple[list[Detection], list, list]:
    """True boxes, and detections that are some of them, shaken, some named wrongly, and some from nowhere."""
    rng = np.random.default_rng(seed)
    found, all_boxes, all_labels = [], [], []
    for _ in range(n):
        there = int(rng.integers(0, 6))
        corner = rng.uniform(0, 60, (there, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(20, 40, (there, 2))], axis=1)
        labels = rng.integers(0, classes, there)
        shaken = np.repeat(boxes, 2, axis=0) + rng.normal(0, 3, (2 * there, 4))
        corner = rng.uniform(0, 60, (2, 2))
        guessed = np.concatenate([shaken, np.concatenate([corner, corner + 20], axis=1)])
        named = np.concatenate([np.repeat(labels, 2), rng.integers(0, classes, 2)])
        named = np.where(rng.uniform(size=len(named)) < 0.2, rng.integers(0, classes, len(named)), named)
        scores = rng.permutation(np.linspace(0.05, 0.95, len(named)))
        order = np.argsort(-scores)
        found.append(Detection(*(torch.tensor(a[order]) for a in (guessed, named, scores))))
        all_boxes.append(torch.tensor(boxes.reshape(-1, 4)))
        all_labels.append(torch.tensor(labels))
    return found, all_boxes, all_labels


def coco(found: list[Detection], boxes: list, labels: list, classes: int):
    """pycocotools' evaluation of the same: precision at 101 recalls, (10 thresholds, 101, classes)."""
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(b, y, **more):
        x1, y1, x2, y2 = b.tolist()
        size = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
        return {"category_id": int(y) + 1, "iscrowd": 0, **size, **more}

    true = [
        rows(b, y, image_id=i)
        for i, (B, Y) in enumerate(zip(boxes, labels, strict=True))
        for b, y in zip(B, Y, strict=True)
    ]
    guesses = [
        rows(b, y, image_id=i, score=float(s))
        for i, f in enumerate(found)
        for b, y, s in zip(f.boxes, f.labels, f.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": i} for i in range(len(found))],
            "annotations": [{"id": k + 1, **row} for k, row in enumerate(true)],
            "categories": [{"id": c + 1, "name": str(c)} for c in range(classes)],
        }
        truth.createIndex()
        judged = COCOeval(truth, truth.loadRes(guesses), "bbox")
        judged.evaluate()
        judged.accumulate()
    return judged.eval["precision"][:, :, :, 0, -1]


@pytest.mark.parametrize("threshold", [0.5, 0.75])
def test_precision_and_recall_are_cocos(threshold):
    found, boxes, labels = images()
    reference = coco(found, boxes, labels, 3)[round((threshold - 0.5) / 0.05)]
    for label, curve in enumerate(curves(found, boxes, labels, 3, threshold)):
        places = np.searchsorted(curve.recall, np.linspace(0, 1, 101), side="left")
        ours = np.append(curve.envelope, 0.0)[places.clip(max=len(curve.recall))]
        assert np.allclose(ours, reference[:, label], atol=1e-6)
        assert 0.05 < ours.mean() < 0.95
        assert curve.average_precision == pytest.approx(ours.mean(), abs=0.02)  # 101 points of it, or all


def test_average_precision_by_hand():
    """Three boxes; right, wrong, right: precision 1, 1/2, 2/3 at recalls 1/3, 1/3, 2/3. The area is 1/3 + 2/3 · 1/3."""
    boxes = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]])
    guessed = torch.tensor([[0.0, 0, 10, 10], [70, 0, 80, 10], [20, 0, 30, 12]])
    found = Detection(guessed, torch.zeros(3).long(), torch.tensor([0.9, 0.8, 0.7]))
    right, taken = match(found, boxes, torch.zeros(3).long())
    assert right.tolist() == [True, False, True] and taken.tolist() == [True, True, False]
    one, none = curves([found], [boxes], [torch.zeros(3).long()], 2)
    assert one.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert one.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert one.average_precision == pytest.approx(5 / 9)
    assert math.isnan(none.average_precision)
    assert mean_average_precision([one, none]) == pytest.approx(5 / 9)  # a class that does not occur does not count


def test_a_box_is_found_once():
    """Of two detections of one box the surer is right; and a right place with a wrong name is wrong."""
    boxes, labels = torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([1])
    guessed = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 10], [0, 0, 10, 10]])
    found = Detection(guessed, torch.tensor([1, 1, 0]), torch.tensor([0.9, 0.8, 0.7]))
    assert match(found, boxes, labels)[0].tolist() == [True, False, False]
    nothing = Detection(boxes[:0], labels[:0], torch.zeros(0))
    assert match(nothing, boxes, labels)[1].tolist() == [False]
    assert curves([nothing], [boxes], [labels], 2)[1].average_precision == 0
    assert match(found, boxes[:0], labels[:0])[0].tolist() == [False] * 3
