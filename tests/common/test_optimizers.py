"""Each optimiser against its published rule, written out here in NumPy, over 100 steps."""

import numpy as np
import pytest
import torch

from common.optimizers import make_optimizer

LR = 0.05


def adam(w, g, s, t):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    return w - LR * (s["m"] / (1 - 0.9**t)) / (np.sqrt(s["v"] / (1 - 0.999**t)) + 1e-8)


def adamw(w, g, s, t):
    return adam(w * (1 - LR * 0.01), g, s, t)  # the decay acts on the weights, not through the gradient


def sgd(w, g, s, t):
    return w - LR * g


def rmsprop(w, g, s, t):
    s["a"] = 0.9 * s.get("a", 0) + 0.1 * g**2
    return w - LR * g / (np.sqrt(s["a"]) + 1e-8)


def adagrad(w, g, s, t):
    s["a"] = s.get("a", 0) + g**2
    return w - LR * g / (np.sqrt(s["a"]) + 1e-10)


def adadelta(w, g, s, t):
    s["a"] = 0.9 * s.get("a", 0) + 0.1 * g**2
    step = np.sqrt(s.get("d", 0) + 1e-6) / np.sqrt(s["a"] + 1e-6) * g
    s["d"] = 0.9 * s.get("d", 0) + 0.1 * step**2
    return w - LR * step


@pytest.mark.parametrize("rule", [adam, adamw, sgd, rmsprop, adagrad, adadelta], ids=lambda rule: rule.__name__)
def test_the_rule_is_the_published_one(rule):
    target = np.array([1.0, -2.0, 3.0])
    w, state = np.array([0.5, 0.5, 0.5]), {}
    parameter = torch.nn.Parameter(torch.tensor(w))
    optimizer = make_optimizer(rule.__name__, [parameter], LR)
    for t in range(1, 101):
        w = rule(w, 2 * (w - target) * [1, 10, 0.1], state, t)
        optimizer.zero_grad()
        ((parameter - torch.tensor(target)) ** 2 * torch.tensor([1, 10, 0.1])).sum().backward()
        optimizer.step()
        np.testing.assert_allclose(parameter.detach(), w, atol=1e-6)


def test_fused_kernels_are_taken_where_torch_has_them():
    parameter = torch.nn.Parameter(torch.zeros(2))
    if torch.__version__ >= "2.4":
        assert make_optimizer("adam", [parameter], 0.1).defaults["fused"]
    assert not make_optimizer("adadelta", [parameter], 0.1).defaults.get("fused")


def test_torchs_own_settings_pass_through():
    optimizer = make_optimizer("adam", [torch.nn.Parameter(torch.zeros(2))], 2e-4, betas=(0.5, 0.999))
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.999)


def test_adagrad_asks_for_no_fused_kernel_off_the_cpu():
    """Its refusal would come at the first step. (meta stands in for a GPU.)"""
    parameter = torch.nn.Parameter(torch.zeros(2, device="meta"))
    assert not make_optimizer("adagrad", [parameter], 0.1).defaults["fused"]
