import sklearn.metrics
import torch

from common.metrics import accuracy, confidence_interval, confusion_matrix, describe_share, most_confused


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


def test_wilsons_interval():
    # the bounds p solve (share − p)² = z² p (1 − p) / n
    for share, n in ((0.5, 100), (0.9, 100), (0.9842, 10_000), (0.0, 20)):
        for bound in confidence_interval(share, n):
            assert abs((share - bound) ** 2 - 1.96**2 * bound * (1 - bound) / n) < 1e-12
    low, high = confidence_interval(1.0, 16)  # all of 16 right does not mean 100 %
    assert abs(low - 16 / (16 + 1.96**2)) < 1e-12 and high == 1.0
    assert describe_share(0.9, 100) == "90.00% (95 %: 82.56–94.48 %)"
