"""Detection: where are the digits in a scene, and which are they? A detector in one pass over a grid, after YOLO."""

from labs.cnn.detection.boxes import Detection
from labs.cnn.detection.detection import Detector, HyperParams, build_model, get_data, load_run, predict, train

__all__ = ["Detection", "Detector", "HyperParams", "build_model", "get_data", "load_run", "predict", "train"]
