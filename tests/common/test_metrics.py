import sklearn.metrics
import torch

from common.metrics import accuracy, confidence_half_width, confusion_matrix, most_confused


def test_accuracy_counts_the_rows_whose_largest_logit_is_at_the_label():
    logits = torch.tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 1, 1, 0])).item() == 0.75


def test_the_confusion_matrix_is_scikit_learns():
    y, predicted = torch.randint(0, 5, (300,)), torch.randint(0, 5, (300,))
    theirs = sklearn.metrics.confusion_matrix(y, predicted, labels=range(5))
    assert confusion_matrix(y, predicted, 5).tolist() == theirs.tolist()


def test_most_confused_pairs_are_mistakes_by_number():
    matrix = torch.tensor([[90, 7, 0], [1, 80, 0], [9, 0, 70]])
    assert most_confused(matrix, 10) == [(2, 0, 9), (0, 1, 7), (1, 0, 1)]
    assert most_confused(torch.eye(3, dtype=torch.long), 5) == []


def test_half_width_of_the_interval():
    # 1.96·√(0.5·0.5/100) = 0.098; the course's 128 test images leave ±8 % or so
    assert abs(confidence_half_width(0.5, 100) - 0.098) < 1e-9
