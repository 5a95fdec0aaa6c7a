import math

import pytest
import torch
import torchvision.ops
from sklearn.cluster import KMeans

import labs.cnn.detection.detection as detection
from common.datasets import load_images
from common.errors import InputError
from common.runs import read_history, read_summary
from labs.cnn.detection import Detection, HyperParams, build_model, get_data, load_run, predict, train
from labs.cnn.detection.boxes import iou, nms, nms_per_class
from labs.cnn.detection.detection import EXPECTED, score
from labs.cnn.detection.grid import assign, decode, fit_anchors, shape_iou
from labs.cnn.detection.scenes import INK, SIDE, Digits, SceneLoader, draw_scenes

ANCHORS = torch.tensor([[10.0, 14.0], [14.0, 22.0], [22.0, 30.0]])
TINY = {"dataset": "digits", "scenes": 8, "test_scenes": 4, "batch_size": 4, "epochs": 1, "quiet": True}


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """They take most of a tiny run's time; test_detection_pictures.py draws them."""
    monkeypatch.setattr(detection, "save_figures", lambda *args: None)


@pytest.fixture(scope="module")
def data() -> detection.Data:
    return get_data(HyperParams(dataset="digits"), torch.device("cpu"))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_boxes(n: int, seed: int = 0) -> torch.Tensor:
    corner = 60 * torch.rand(n, 2, generator=generator(seed))
    return torch.cat([corner, corner + 4 + 30 * torch.rand(n, 2, generator=generator(seed + 100))], dim=1)


# --- Boxes ----------------------------------------------------------------------------------------------------------


def test_iou_is_torchvisions():
    a, b = random_boxes(50), random_boxes(40, seed=1)
    assert torch.allclose(iou(a, b), torchvision.ops.box_iou(a, b))
    assert 0 < (iou(a, b) == 0).float().mean() < 1  # some do not meet


def test_iou_by_hand():
    box = torch.tensor([[0.0, 0, 36, 36]])
    others = torch.tensor([[12.0, 0, 48, 36], [36, 0, 72, 36], [9, 9, 27, 27], [40, 40, 40, 40]])
    assert iou(box, others)[0].tolist() == pytest.approx(
        [0.5, 0, 0.25, 0]
    )  # (36 − 12)/(36 + 12); touching; half a side


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_nms_is_torchvisions(threshold):
    boxes, scores = random_boxes(80), torch.rand(80, generator=generator(2))
    assert nms(boxes, scores, threshold).tolist() == torchvision.ops.nms(boxes, scores, threshold).tolist()


def test_nms_per_class_is_torchvisions():
    boxes, scores = random_boxes(80), torch.rand(80, generator=generator(2))
    labels = torch.arange(80) % 3
    ours = nms_per_class(Detection(boxes, labels, scores), 0.4)
    theirs = torchvision.ops.batched_nms(boxes, scores, labels, 0.4)
    assert torch.equal(ours.boxes, boxes[theirs]) and torch.equal(ours.labels, labels[theirs])
    assert len(theirs) > len(torchvision.ops.nms(boxes, scores, 0.4))  # classes do leave one another alone
    nothing = Detection(boxes[:0], labels[:0], scores[:0])
    assert nms_per_class(nothing).boxes.shape == (0, 4)


# --- The grid -------------------------------------------------------------------------------------------------------


def test_targets_by_hand():
    """A box of 20 × 30 with its centre at (29, 43): column 3, row 5; 5/8 and 3/8 into the cell; the third anchor."""
    boxes, labels = torch.tensor([[[19.0, 28, 39, 58], [0, 0, 0, 0]]]), torch.tensor([[7, -1]])
    target = assign(boxes, labels, ANCHORS, 8)
    assert [t.tolist() for t in target.where] == [[0], [2], [5], [3]]
    assert target.inner[0].tolist() == pytest.approx([5 / 8, 3 / 8])
    assert target.size[0].tolist() == pytest.approx([math.log(20 / 22), 0])
    assert target.labels.tolist() == [7]


@pytest.mark.parametrize("cell", [8, 16])
def test_decoding_undoes_the_coding(data, cell):
    scenes = draw_scenes(data.train, 20, generator(), most=6 if cell == 8 else 1)  # of larger cells some have two
    target = assign(scenes.boxes, scenes.labels, ANCHORS, cell)
    output = torch.zeros(20, 3, 15, SIDE // cell, SIDE // cell)
    scene, anchor, row, column = target.where
    output[scene, anchor, :2, row, column] = target.inner.logit()
    output[scene, anchor, 2:4, row, column] = target.size
    found = decode(output, ANCHORS, cell)[scene, anchor, row, column]
    assert torch.allclose(found, scenes.boxes[scenes.labels >= 0], atol=1e-3)


def test_an_anchor_is_most_like_its_box():
    sizes = torch.tensor([[10.0, 14.0], [30.0, 30.0], [5.0, 22.0]])
    corners = torch.cat([torch.zeros(3, 2), sizes], dim=1)
    reference = torchvision.ops.box_iou(corners, torch.cat([torch.zeros(3, 2), ANCHORS], dim=1))
    assert torch.allclose(shape_iou(sizes, ANCHORS), reference)


def test_anchors_are_the_middles_of_groups():
    """Where the groups are far apart, the distance does not matter: scikit-learn's k-means finds the same."""
    middles = torch.tensor([[8.0, 12.0], [20.0, 60.0], [70.0, 40.0]])
    sizes = middles.repeat(50, 1) + torch.randn(150, 2, generator=generator())
    reference = KMeans(3, n_init=5, random_state=0).fit(sizes.numpy()).cluster_centers_
    reference = torch.from_numpy(reference).float()
    ours = fit_anchors(sizes, 3)
    assert torch.allclose(ours, reference[reference.prod(dim=1).argsort()], atol=1e-3)


# --- Scenes ---------------------------------------------------------------------------------------------------------


def test_boxes_enclose_the_ink_closely(data):
    """One digit a scene: nothing as bright as a digit lies outside of its box, and each edge has ink beside it."""
    scenes = draw_scenes(data.train, 60, generator(), most=1)
    for X, (box,), (label,) in zip(scenes.X[:, 0], scenes.boxes, scenes.labels, strict=True):
        ink = INK * X.max() < X
        rows, columns = ink.any(dim=1).nonzero(), ink.any(dim=0).nonzero()
        found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert label >= 0 and (found - box).abs().max() <= 2.0, (found, box)
        assert box.min() >= 0 and box.max() <= SIDE


def test_digits_overlap_as_much_as_they_may(data):
    for most in (0.0, 0.3):
        scenes = draw_scenes(data.train, 60, generator(), most=6, overlap=most)
        largest = 0.0
        for boxes, labels in zip(scenes.boxes, scenes.labels, strict=True):
            own = boxes[labels >= 0]
            for i in range(len(own)):
                for j in range(i):
                    w, h = (min(own[i, k + 2], own[j, k + 2]) - max(own[i, k], own[j, k]) for k in (0, 1))
                    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (own[i], own[j]))
                    largest = max(largest, float(max(w, 0) * max(h, 0) / smaller))
        assert most * 0.8 <= largest <= most + 1e-4
    assert {len(y[y >= 0]) for y in scenes.labels} == {1, 2, 3, 4, 5, 6}


def test_scenes_are_seeded_and_endless(data):
    def epochs(**kws):
        loader = SceneLoader(data.train, 10, 4, **kws)
        found = []
        for epoch in (1, 2, 1):
            loader.set_epoch(epoch)
            found.append(torch.cat([batch.X for batch in loader]))
        assert len(loader) == 3 and len(found[0]) == 10
        return found

    first, second, again = epochs(seed=3)
    assert torch.equal(first, again) and not torch.equal(first, second)
    assert torch.equal(first, epochs(seed=3)[0]) and not torch.equal(first, epochs(seed=4)[0])
    same = epochs(fixed=True)
    assert torch.equal(same[0], same[1])


def test_test_scenes_have_other_digits(data):
    images = load_images("digits", None)  # type: ignore[arg-type]  # embedded: it lies nowhere
    known = {x.numpy().tobytes() for x in data.train.X}
    assert sum(x.numpy().tobytes() in known for x in data.test.X) == 0
    assert torch.equal(data.test.X, images.X_test) and len(data.train.X) == len(images.X_train)


# --- The network and its loss ---------------------------------------------------------------------------------------


def test_shapes_and_parameters():
    assert sum(p.numel() for p in build_model().parameters()) == 251_165
    assert build_model()(torch.rand(2, 1, 96, 96)).shape == (2, 3, 15, 12, 12)
    coarse = build_model(HyperParams(cell=16, anchors=2))
    assert coarse(torch.rand(2, 1, 96, 128)).shape == (2, 2, 15, 6, 8)


def test_the_loss_by_hand(data):
    """A network that says the same everywhere: −4 for an object, all else 0."""
    args, scenes = HyperParams(), draw_scenes(data.train, 5, generator())
    model = build_model(args, ANCHORS)
    torch.nn.init.zeros_(model.layers[-1].weight)
    torch.nn.init.zeros_(model.layers[-1].bias)
    with torch.no_grad():
        model.layers[-1].bias.view(3, 15)[:, 4] = -4.0
    logs = score(model, scenes, model, args)
    box, full = 0.0, set()
    for n, (boxes, labels) in enumerate(zip(scenes.boxes, scenes.labels, strict=True)):
        for x1, y1, x2, y2 in boxes[labels >= 0].tolist():
            w, h = x2 - x1, y2 - y1
            shared = [min(w, pw) * min(h, ph) for pw, ph in ANCHORS.tolist()]
            ratios = [s / (w * h + pw * ph - s) for s, (pw, ph) in zip(shared, ANCHORS.tolist(), strict=True)]
            best = max(range(3), key=ratios.__getitem__)
            x, y = (x1 + x2) / 16, (y1 + y2) / 16
            full.add((n, best, int(y), int(x)))
            box += (x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2
            box += math.log(w / ANCHORS[best, 0]) ** 2 + math.log(h / ANCHORS[best, 1]) ** 2
    digits = int((scenes.labels >= 0).sum())
    assert len(full) == digits  # no two of these ask for one place
    p = 1 / (1 + math.exp(4))
    empty = 5 * 3 * 144 - digits
    object_ = (-digits * math.log(p) - 0.5 * empty * math.log(1 - p)) / digits
    assert logs["box"].item() == pytest.approx(box / digits, rel=1e-4)
    assert logs["object"].item() == pytest.approx(object_, rel=1e-4)
    assert logs["class"].item() == pytest.approx(math.log(10), rel=1e-5)
    assert logs["loss"].item() == pytest.approx(5 * box / digits + object_ + math.log(10), rel=1e-4)


def test_every_parameter_gets_a_gradient_and_a_batch_is_learnt_by_heart(data):
    args, scenes = HyperParams(), draw_scenes(data.train, 4, generator())
    model = build_model(args, ANCHORS)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(80):
        loss = score(model, scenes, model, args)["loss"]
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
        optimizer.step()
    assert loss.item() < 0.3
    for found, boxes, labels in zip(predict(model, scenes.X), scenes.boxes, scenes.labels, strict=True):
        there = labels >= 0
        assert sorted(found.labels.tolist()) == sorted(labels[there].tolist())
        assert iou(found.boxes, boxes[there]).amax(dim=1).min() > 0.7


def test_predict_takes_any_size_and_says_what_it_cannot():
    model = build_model(HyperParams(), ANCHORS)
    X = torch.rand(2, 1, 50, 130)
    found = predict(model, X, threshold=0.0, overlap=1.0)
    assert [len(f.boxes) for f in found] == [3 * 7 * 17] * 2  # padded to 56 × 136
    assert (found[0].scores[:-1] >= found[0].scores[1:]).all()
    assert [len(f.boxes) for f in predict(model, X, threshold=1.0)] == [0, 0]
    with pytest.raises(InputError, match=r"shape \(2, 3, 96, 96\); the detector takes \(N, 1, height, width\)"):
        predict(model, torch.rand(2, 3, 96, 96))


# --- Runs -----------------------------------------------------------------------------------------------------------


def test_same_seed_same_numbers_and_what_is_saved_predicts_the_same(tmp_path, data):
    model, run = train(data, **TINY, out=tmp_path / "a")
    _, again = train(data, **TINY, out=tmp_path / "b")
    _, other = train(data, **TINY, seed=1, out=tmp_path / "c")
    rows = [{k: v for k, v in r.history[0].items() if k != "seconds"} for r in (run, again, other)]
    assert rows[0] == rows[1] != rows[2]
    loaded = load_run(tmp_path / "a")
    assert loaded.about["classes"] == list("0123456789") and loaded.settings.dataset == "digits"
    assert torch.equal(loaded.model.anchors, model.anchors) and model.anchors.min() > 4
    scenes = draw_scenes(data.test, 3, generator())
    for ours, theirs in zip(predict(model, scenes.X, 0.01), predict(loaded.model, scenes.X, 0.01), strict=True):
        assert torch.equal(ours.boxes, theirs.boxes) and torch.equal(ours.scores, theirs.scores)
    assert set(read_summary(tmp_path / "a").metrics) == {"test_map50", "test_map50_95"}


def test_resumed_equals_uninterrupted(tmp_path, data):
    kws = {**TINY, "schedule": "constant", "epochs": 2}
    train(data, **kws, out=tmp_path / "whole")
    train(data, **{**kws, "epochs": 1}, out=tmp_path / "part")
    train(data, resume=tmp_path / "part", epochs=2)
    whole, part = (load_run(tmp_path / name).model.state_dict() for name in ("whole", "part"))
    assert all(torch.equal(whole[name], part[name]) for name in whole)
    assert len(read_history(tmp_path / "part")) == 2


@pytest.mark.slow
@pytest.mark.parametrize("expected", EXPECTED, ids=lambda row: row.settings["dataset"])
def test_the_settings_reach_what_they_should(expected, tmp_path):
    train(**expected.settings, out=tmp_path / "run", quiet=True)
    assert expected.holds(read_summary(tmp_path / "run").metrics)


@pytest.mark.gpu
def test_a_step_on_the_gpu_is_the_step_on_the_cpu(data):
    args, found = HyperParams(), {}
    for device in ("cpu", "cuda"):
        digits = Digits(data.train.X.to(device), data.train.y.to(device))
        scenes = draw_scenes(digits, 8, generator())
        torch.manual_seed(0)
        model = build_model(args, ANCHORS).to(device)
        loss = score(model, scenes, model, args)["loss"]
        loss.backward()
        found[device] = (loss.item(), model.layers[0].weight.grad.cpu(), predict(model, scenes.X, 0.0, 1.0)[0].boxes)
    assert found["cpu"][0] == pytest.approx(found["cuda"][0], rel=1e-3)
    assert torch.allclose(found["cpu"][1], found["cuda"][1], rtol=0.02, atol=1e-3)
    assert found["cpu"][2].shape == found["cuda"][2].shape
