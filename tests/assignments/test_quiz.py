"""The question bank: what it holds, that its numbers are right, and the command that asks and exports it."""

import html
import inspect
import json
import math
import re
import textwrap
from collections import Counter
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from assignments import quiz
from assignments.quiz import Question, Quiz, as_gift, as_sheet, banks, next_questions, read_bank, read_questions
from common import cli, notebook
from common.errors import InputError

LABS = ("cnn", "foundations", "gan", "nlp", "reinforcement_learning", "transfer_learning", "vae")
SOURCES = {
    "slides",
    "exams",
    "slides or exams",
    "exam January 2025",
    "exam January 2026",
    "midterm November 2024",
    "midterm November 2025",
    "ours",
}
BANK = {question.key: question for lab in LABS for question in read_bank(lab)}
GOOD = """# Questions

## one

What is *1 + 1*?

- [ ] 1
- [x] 2
- [ ] 3

Count.

Section: [Self-test](../../labs/cnn/README.md#self-test)
Source: ours

## two

Which are even?

```python
## no heading
[2, 3, 4]
```

- [x] the
  first
- [ ] the second
- [x] the third

Divide by 2.

Section: [Self-test](../../labs/cnn/README.md#self-test)
Source: ours
"""


# --- The bank -------------------------------------------------------------------------------------------------------


def test_every_lab_has_its_questions():
    assert tuple(sorted(banks())) == LABS
    for lab in LABS:
        sources = Counter(question.source for question in read_bank(lab))
        assert sources["ours"] >= 10 and set(sources) <= SOURCES, lab
    sources = Counter(question.source for question in BANK.values())
    assert set(sources) == SOURCES
    assert sources["slides"] + sources["slides or exams"] >= 3
    names = [question.name for question in BANK.values()]
    assert len({*names}) == len(names)


def anchors(sheet: Path) -> dict[str, str]:
    """The headings of a page by the name under which GitHub links to them."""
    text = re.sub(r"^```.*?^```", "", sheet.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = [title.replace("`", "") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"): title for title in titles}


@pytest.mark.parametrize("lab", LABS)
def test_linked_sections_exist(lab):
    for question in read_bank(lab):
        page, _, anchor = question.link.partition("#")
        sheet = (quiz.BANK / page).resolve()
        assert sheet.parts[-3:] == ("labs", lab, "README.md") and sheet.is_file(), question.name
        assert anchors(sheet).get(anchor, "").startswith(question.section), f"{question.name}: {question.link}"
        assert question.where.startswith(f"labs/{lab}/README.md, “")


def test_right_answers_show_neither_by_place_nor_by_length():
    single = [question for question in BANK.values() if len(question.right) == 1]
    places = Counter(min(question.right) for question in single)
    assert all(0.15 < places[place] / len(single) < 0.35 for place in range(4)), places
    longest = [
        q
        for q in single
        if all(len(q.options[min(q.right)]) > len(o) for o in q.options if o != q.options[min(q.right)])
    ]
    assert len(longest) / len(single) < 0.3


def test_questions_stand_alone():
    """They are asked in any order, with their options in any order."""
    for question in BANK.values():
        said = f"{question.text} {question.explanation}"
        assert not re.search(r"\b(first|second|third|fourth|last) (answer|option)|[Tt]he same (GAN|grid|world)\b", said)
        assert not re.search(r"\b(all|none) of the above|\boption [a-d]\b", f"{said} {question.options}", re.IGNORECASE)
        assert len(question.options) in (4, 5), question.name


def after_steps(optimizer: type, steps: int, gradient: float, **kws: float) -> float:
    """How long the last of some steps with the same gradient is."""
    theta = nn.Parameter(torch.zeros((), dtype=torch.float64))
    rule = optimizer([theta], **kws)
    before = 0.0
    for _ in range(steps):
        before = theta.item()
        theta.grad = torch.full_like(theta, gradient)
        rule.step()
    return abs(theta.item() - before)


def parameters(*layers: nn.Module) -> str:
    return spaced(sum(p.numel() for layer in layers for p in layer.parameters()))


def spaced(number: float) -> str:
    return f"{number:,}".replace(",", " ")


def softmax(*logits: float) -> float:
    return torch.tensor(logits, dtype=torch.float64).softmax(0)[0].item()


def kl(p: list[float], q: list[float]) -> float:
    return math.fsum(a * math.log(a / b) if b else math.inf for a, b in zip(p, q, strict=True) if a)


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def line_step() -> str:
    m, b = (torch.zeros((), requires_grad=True) for _ in range(2))
    (m * torch.tensor([0.0, 2.0]) + b - torch.tensor([1.0, 5.0])).square().mean().backward()
    return f"m = {-0.1 * m.grad.item():g}, b = {-0.1 * b.grad.item():.1f}"


def d_step() -> str:
    w, b = torch.tensor(0.5, requires_grad=True), torch.tensor(-1.0, requires_grad=True)
    (-F.logsigmoid(3 * w + b) - F.logsigmoid(-(w + b))).backward()
    assert b.grad.abs() < 1e-7
    return f"w {'rises' if w.grad < 0 else 'falls'} and b stays"


def used_twice() -> str:
    x = torch.tensor(2.0, requires_grad=True)
    (x * x + 3 * x).backward()
    return f"{x.grad:g}"


def perceptron_step() -> str:
    w, b, x = torch.tensor([1.0, -1.0]), 0.0, torch.tensor([1.0, 2.0])
    error = 1 - int((w @ x + b).item() > 0)
    w, b = w + 0.5 * error * x, b + 0.5 * error
    return f"w = ({w[0]:g}, {w[1]:g}), b = {b:g}"


def convolved() -> torch.Tensor:
    image = torch.tensor([[1, 2, 0, 1], [3, 1, 2, 2], [0, 1, 1, 0], [2, 3, 0, 1]])
    kernel = torch.tensor([[1, -1], [0, 1]])
    return F.conv2d(image[None, None].float(), kernel[None, None].float(), torch.ones(1))


def lenet_flat(side: int) -> str:
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.Flatten())
    return str(net(torch.zeros(1, 1, side, side)).shape[1])


def seen() -> str:
    """The side of what a number behind two 3×3 convolutions depends on."""
    image = torch.zeros(1, 1, 11, 11, requires_grad=True)
    weight = torch.ones(1, 1, 3, 3)
    F.conv2d(F.conv2d(image, weight), weight)[0, 0, 3, 3].backward()
    side = int((image.grad[0, 0].sum(0) > 0).sum())
    return f"{side}×{side}"


def softmax_twice() -> str:
    return f"{F.cross_entropy(torch.eye(10)[:1], torch.tensor([0])).item():.3f}"


def midterm_loss() -> str:
    X = torch.tensor([[0.5, 0.6, 0.1, 0.7], [0.3, 0.4, 0.2, 0.8]])
    mu = log_var = torch.zeros(2, 4)
    total = (X - 0).square().mean() + 0.5 * (mu.square() + log_var.exp() - log_var - 1).mean()
    return f"{total.item():.3f}"


def kl_of_normals() -> str:
    normal = torch.distributions.Normal
    return f"{torch.distributions.kl_divergence(normal(1.0, 0.5), normal(0.0, 1.0)).item():.3f}"


def gibbs() -> str:
    first, second = ((document + 1) * (word + 1) / (9 + 11) for document, word in ((3, 1), (1, 2)))
    return f"{first / (first + second):.3f}"


def zero_grad_forgotten() -> str:
    theta = torch.zeros((), requires_grad=True)
    rule, places = torch.optim.SGD([theta], lr=1.0), []
    for _ in range(3):
        theta.backward(torch.ones(()))
        rule.step()
        places.append(theta.item())
    return f"{places[1] - places[2]:g} η g"


def npmi() -> str:
    a, b, both = 4 / 8, 4 / 8, 2 / 8
    return f"{math.log(both / (a * b)) / -math.log(both):g}"


NUMBERS = {
    "foundations/steps-of-a-training": lambda: str(3 * math.ceil(1000 / 64)),
    "foundations/loss-before-training": lambda: f"{F.cross_entropy(torch.zeros(1, 100), torch.tensor([3])).item():.3f}",
    "foundations/perceptron-step": perceptron_step,
    "foundations/one-step-on-a-line": line_step,
    "foundations/largest-rate": lambda: f"{2 / 8:g}",
    "foundations/five-sigmoids": lambda: f"{spaced(round(1 / (sigma(0) * (1 - sigma(0))) ** 5))} times",
    "foundations/one-outlier": lambda: f"{torch.tensor([1.0, 2, 3, 4, 30]).median():g}",
    "foundations/used-twice": used_twice,
    "foundations/forgotten-zero-grad": zero_grad_forgotten,
    "foundations/momentum-in-the-long-run": lambda: (
        f"{after_steps(torch.optim.SGD, 500, 1.0, lr=1.0, momentum=0.9):.0f} η g"
    ),
    "foundations/adams-first-step": lambda: f"{after_steps(torch.optim.Adam, 1, 1e-3, lr=0.01):.2f}",
    "cnn/exam-convolution": lambda: ", ".join(f"{x:g}" for x in convolved()[0, 0, 0].tolist()),
    "cnn/exam-pooling": lambda: str(F.max_pool2d(convolved(), 2)[0, 0].int().tolist()),
    "cnn/midterm-parameters": lambda: parameters(nn.Conv2d(32, 16, 3)),
    "cnn/midterm-shape": lambda: str(tuple(nn.Conv2d(3, 32, 5)(torch.zeros(4, 3, 240, 320)).shape)),
    "cnn/output-size": lambda: str(nn.Conv2d(1, 1, 3, stride=2)(torch.zeros(1, 1, 28, 28)).shape[-1]),
    "cnn/padding-same": lambda: str(
        next(p for p in range(9) if nn.Conv2d(1, 1, 7, padding=p)(torch.zeros(1, 1, 28, 28)).shape[-1] == 28)
    ),
    "cnn/two-small-windows": seen,
    "cnn/small-windows-are-cheaper": lambda: (
        f"{parameters(*(nn.Conv2d(16, 16, 3, bias=False) for _ in 'ab'))} and "
        f"{parameters(nn.Conv2d(16, 16, 5, bias=False))}"
    ),
    "cnn/colour-images": lambda: parameters(nn.Conv2d(3, 16, 5)),
    "cnn/larger-images": lambda: lenet_flat(32),
    "cnn/precision-and-recall": lambda: f"{60 / (60 + 20):.0%} and {60 / 100:.0%}".replace("%", " %"),
    "cnn/uneven-batches": lambda: f"{100 * (64 * 1.0 + 16 * 0.5) / 80:.0f} %",
    "cnn/softmax-before-the-loss": softmax_twice,
    "transfer_learning/head-parameters": lambda: parameters(nn.Linear(512, 256), nn.Linear(256, 10)),
    "transfer_learning/price-of-size": lambda: f"{(224 // 32) ** 2} times",
    "transfer_learning/head-without-activation": lambda: parameters(nn.Linear(4096, 10)),
    "transfer_learning/separated-convolutions": lambda: parameters(
        nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 64, 1, bias=False)
    ),
    "transfer_learning/how-sure-is-75": lambda: f"± {100 * 1.96 * math.sqrt(0.75 * 0.25 / 128):.1f} points",
    "transfer_learning/prepared-pixel": lambda: f"{(255 / 255 - 0.485) / 0.229:.3f}",
    "gan/slides-loss-of-d": lambda: f"{-math.log(sigma(0.5)) - math.log(1 - sigma(-0.5)):.3f}",
    "gan/slides-step-of-d": d_step,
    "gan/exam-equilibrium": lambda: f"{-2 * math.log(0.5):.3f} and {-math.log(0.5):.3f}",
    "gan/exam-parameters": lambda: parameters(nn.Linear(2, 16), nn.Linear(16, 1)),
    "gan/slopes-early-on": lambda: f"{0.01:g} and {1 - 0.01:g}",
    "gan/sigmoid-twice": lambda: f"{-math.log(sigma(1)):.3f}",
    "gan/back-to-grey": lambda: f"{(-0.2 + 1) / 2:g}",
    "gan/collapse-in-nats": lambda: f"{kl([1.0, *[0.0] * 9], [0.1] * 10):.3f}",
    "gan/middle-of-two-noises": lambda: f"{torch.randn(2, 4000, 100).mean(0).norm(dim=1).mean():.0f}",
    "gan/generators-parameters": lambda: parameters(nn.Linear(16, 128), nn.Linear(128, 256), nn.Linear(256, 784)),
    "vae/kl-from-entropies": lambda: f"{kl([0.5, 0.5], [0.9, 0.1]) / math.log(2):.3f} bits",
    "vae/slides-cross-entropy": lambda: f"{-0.5 * math.log2(0.9) - 0.5 * math.log2(0.1):.3f}",
    "vae/midterm-at-zero": midterm_loss,
    "vae/kl-by-hand": kl_of_normals,
    "vae/from-log-variance": lambda: f"{math.exp(-2) ** 0.5:.3f}",
    "vae/darkest-pixel": lambda: f"{min(sigma(sigma(x)) for x in range(-50, 50)):.1f}",
    "vae/impossible-code-word": lambda: " and ".join(
        "infinite" if math.isinf(x) else f"{x:.3f}"
        for x in (kl([0.1, 0.3, 0.6], [0, 0, 1]), kl([0, 0, 1], [0.1, 0.3, 0.6]))
    ),
    "vae/outputs-of-an-encoder": lambda: str(2 * 20),
    "reinforcement_learning/exam-slippery-step": lambda: f"{0.8 * (0.7 * 5 + 0.15 * 4 + 0.15 * 2.56):.3f}",
    "reinforcement_learning/exam-detour": lambda: f"{0.8**3 * 5:g}",
    "reinforcement_learning/slides-return": lambda: f"{-1 - 0.9 + 0.9**2 * 10:g}",
    "reinforcement_learning/slides-corner": lambda: f"{-1 - 0.9 - 0.9**2 + 0.9**3 * 10:g}",
    "reinforcement_learning/one-update": lambda: f"{0.5 + 0.1 * (0 + 0.99 * 1 - 0.5):.3f}",
    "reinforcement_learning/two-targets": lambda: f"{1 + 0.5 * 5:g} and {1 + 0.5 * 2:g}",
    "reinforcement_learning/clock-runs-out": lambda: f"{1 + 0.99 * 80:g}",
    "reinforcement_learning/share-of-the-best": lambda: f"{100 * (1 - 0.1 + 0.1 / 2):g} %",
    "reinforcement_learning/epsilon-after-hundred": lambda: f"{0.995**100:.3f}",
    "reinforcement_learning/most-that-can-be-earned": lambda: f"{math.fsum(0.99**n for n in range(10_000)):g}",
    "reinforcement_learning/four-updates": lambda: f"−{1 - 0.9**4:.3f}",
    "reinforcement_learning/six-steps-on-the-ice": lambda: f"{0.99**5:.3f}",
    "nlp/tf-idf-by-hand": lambda: f"{0.05 * math.log(100 / 10):.3f}",
    "nlp/laplace": lambda: f"{(3 + 1) / (6 + 4):.3f}",
    "nlp/one-gibbs-step": gibbs,
    "nlp/npmi-of-chance": npmi,
    "nlp/cosine-and-length": lambda: f"{F.cosine_similarity(torch.tensor([6.0, 8]), torch.tensor([1.0, 0]), dim=0):g}",
    "nlp/attention-of-two": lambda: f"{softmax(8 / math.sqrt(16), 0):.3f}",
    "nlp/perplexity": lambda: f"{math.exp(3):.1f}",
    "nlp/cold-text": lambda: f"{softmax(2 / 0.5, 1 / 0.5):.3f}",
    "nlp/what-a-matrix-holds": lambda: f"{100 * (1 - 6 / 15):.0f} %",
}


@pytest.mark.parametrize("key", NUMBERS)
def test_numbers_are_right(key):
    question = BANK[key]
    (right,) = question.right
    assert NUMBERS[key]() == question.options[right]


def test_every_number_is_computed():
    """Whatever has nothing but numbers for answers is in the table, or is no calculation."""
    known = {*NUMBERS, "foundations/gradient-of-cross-entropy", "gan/perfect-generator", "transfer_learning/idle-block"}
    plain = {key for key, q in BANK.items() if sum(bool(re.match(r"[\d−±(\[½]", option)) for option in q.options) >= 3}
    assert plain <= known, plain - known


def test_gradients_of_the_rest():
    z = torch.zeros(1, 3, requires_grad=True)
    F.cross_entropy(z, torch.tensor([0])).backward()
    assert z.grad[0].tolist() == pytest.approx([-2 / 3, 1 / 3, 1 / 3])
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    for parameter in net.parameters():
        nn.init.zeros_(parameter)
    F.cross_entropy(net(torch.randn(5, 3)), torch.tensor([0, 1, 1, 1, 0])).backward()
    assert [name for name, p in net.named_parameters() if p.grad.abs().sum() > 0] == ["4.bias"]


# --- Reading --------------------------------------------------------------------------------------------------------


@pytest.fixture
def good(tmp_path):
    """A lecturer's folder with questions on a lab called own."""
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "own.md").write_text(GOOD, encoding="utf-8")
    return tmp_path


def test_a_file_is_read(good):
    one, two = read_bank("own", good)
    assert (one.key, one.text, one.options, one.right) == ("own/one", "What is *1 + 1*?", ("1", "2", "3"), {1})
    assert one.answer == "b" and one.explanation == "Count." and one.where == "labs/cnn/README.md, “Self-test”"
    assert two.right == {0, 2} and two.options[0] == "the first" and two.answer == "a c"
    assert two.text.endswith("```python\n## no heading\n[2, 3, 4]\n```")
    (good / "questions" / "own.md").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert read_bank("own", good) == [one, two]


WRONG = {
    "no right": ("- [x] 2", "- [ ] 2", "no option is marked"),
    "all right": ("- [ ] 1\n- [x] 2\n- [ ] 3", "- [x] 1\n- [x] 2", "all options are marked"),
    "one option": ("- [ ] 1\n- [x] 2\n- [ ] 3", "- [x] 2", "at least two"),
    "no options": ("- [ ] 1\n- [x] 2\n- [ ] 3", "1, 2 or 3", "no options"),
    "too many": ("- [ ] 3", "\n".join(f"- [ ] {i}" for i in range(3, 10)), "at most 8"),
    "twice the same": ("- [ ] 3", "- [ ] 1", "the same"),
    "a mark": ("- [ ] 1", "- [v] 1", "'- [v] 1' is no option"),
    "no blank": ("- [ ] 1", "- [] 1", "'- [] 1' is no option"),
    "no text": ("What is *1 + 1*?", "", "no text"),
    "no explanation": ("Count.", "", "no explanation"),
    "an option too late": ("Count.", "Count.\n\n- [ ] 4", "behind the explanation"),
    "no section": ("Section:", "Sektion:", "Section"),
    "no link": ("[Self-test](../../labs/cnn/README.md#self-test)", "Self-test", "Section"),
    "no anchor": ("#self-test", "", "Section"),
    "no source": ("Source: ours", "", "Source"),
    "two sources": ("Source: ours", "Source: ours\nSource: slides", "two lines"),
    "a name": ("## one", "## One!", "small letters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_a_line(good, case):
    before, after, said = WRONG[case]
    file = good / "questions" / "own.md"
    assert before in GOOD
    file.write_text(GOOD.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_questions(file)
    message = str(error.value)
    assert message.startswith(f"{file}, question '{'One!' if case == 'a name' else 'one'}': ")
    assert said in message and "\n" not in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing\n", "holds no question"),
        (GOOD.replace("## two", "## one").encode(), "question 'one': two questions"),
        (GOOD.replace("4]\n```", "4]\n").encode(), "question 'two': a block of code is not closed"),
        (b"## one\n\xff", "is damaged"),
    ],
)
def test_damaged_files(good, content, said):
    (good / "questions" / "own.md").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(said)) as error:
        read_bank("own", good)
    assert "own.md" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(InputError, match="'lab'; there are some on cnn, "):
        read_bank("lab")


# --- Asking ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(monkeypatch):
    """What is typed, line after line; an exception is raised; at the end Ctrl-D."""
    lines: list[str | type[BaseException]] = []

    def read(prompt: str = "") -> str:
        print(prompt, end="")
        line = lines.pop(0) if lines else EOFError
        if isinstance(line, str):
            print(line)  # as a terminal does
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)
    return lines


def ask(*words: object) -> None:
    cli.run(quiz.quiz, Quiz, [str(word) for word in words], "python -m assignments quiz")


def test_questions_are_asked_explained_and_remembered(good, typed, tmp_path, capsys):
    work = tmp_path / "my-work"
    asked = next_questions("own", work=work, checks=good)
    assert {question.name for question in asked} == {"one", "two"}
    wrong = next(letter for letter in "abc" if letter != asked[0].answer)
    first = wrong if len(asked[0].right) == 1 else asked[0].answer[0]
    typed += ["", "x", "a, z", first, asked[1].answer.upper().replace(" ", ", ")]
    ask("own", "--work", work, "--checks", good)
    said = capsys.readouterr().out
    assert said.count("answer with letters from a to c") == 3
    assert "No: " in said and "Right. " in said and "Count." in said and "Divide by 2." in said
    assert "“Self-test”" in said and said.endswith("1 of 2 right\n")
    assert json.loads((work / "quiz.json").read_text()) == {
        asked[0].key: {"asked": 1, "right": 0, "last": False},
        asked[1].key: {"asked": 1, "right": 1, "last": True},
    }
    for seed in range(5):  # what was wrong comes first, whatever the seed
        assert next_questions("own", 1, seed, work, good)[0].name == asked[0].name
    again = next_questions("own", 1, 0, work, good)[0]
    typed += [again.answer]
    ask("own", "--work", work, "--checks", good, "--count", 1)
    assert capsys.readouterr().out.endswith("1 of 1 right\n")
    assert json.loads((work / "quiz.json").read_text())[again.key] == {"asked": 2, "right": 1, "last": True}


@pytest.mark.parametrize("key", [EOFError, KeyboardInterrupt])
def test_ctrl_d_and_ctrl_c_end_it(good, typed, tmp_path, capsys, key):
    (first, _) = next_questions("own", work=tmp_path, checks=good)
    typed += [first.answer, key]
    ask("own", "--work", tmp_path, "--checks", good)
    assert capsys.readouterr().out.endswith("\n1 of 1 right\n")
    typed += [key]
    ask("own", "--work", tmp_path, "--checks", good)
    assert capsys.readouterr().out.endswith("no question answered\n")
    assert len(json.loads((tmp_path / "quiz.json").read_text())) == 1


def test_a_damaged_memory_is_said(good, typed, tmp_path, capsys):
    (tmp_path / "quiz.json").write_text('{"own/one": {"asked": "often"}}')
    with pytest.raises(SystemExit):
        ask("own", "--work", tmp_path, "--checks", good)
    said = capsys.readouterr().err
    assert "quiz.json" in said and said.count("\n") == 1


def test_all_that_is_right_and_nothing_else_must_be_chosen():
    question = BANK["reinforcement_learning/who-needs-the-model"]
    assert question.answer == "a c"
    for chosen, right in {"a c": True, "ca": True, "C, a.": True, "a": False, "a b c": False, "b d": False}.items():
        assert quiz.check(question, chosen)[0] == right, chosen
        assert quiz.check(question, [*re.sub(r"\W", "", chosen)])[0] == right
    assert quiz.check(question, "a")[1].startswith("No: a c are right. ")
    for chosen in ("", "e", "a e", "1", "ab!"):
        with pytest.raises(InputError, match="letters from a to d"):
            quiz.check(question, chosen)


def test_all_questions_come_round(typed, tmp_path, capsys):
    total = len(read_bank("gan"))
    for _ in range(math.ceil(total / 5) * 2):
        questions = next_questions("gan", 5, work=tmp_path)
        typed += [question.answer for question in questions]
        ask("gan", "--work", tmp_path, "--count", 5)
    asked = [record["asked"] for record in json.loads((tmp_path / "quiz.json").read_text()).values()]
    assert len(asked) == total and max(asked) - min(asked) <= 1


def test_seeds_and_counts():
    def order(seed: int, count: int = 99) -> list[tuple[str, tuple[str, ...]]]:
        return [(q.name, q.options) for q in next_questions("cnn", count, seed, Path("nowhere"))]

    assert order(1) == order(1) != order(2) and len(order(1, 3)) == 3 and len(order(0)) == len(read_bank("cnn"))
    assert order(1)[:3] == order(1, 3)
    for question in read_bank("cnn"):
        for seed in range(4):
            shuffled = question.shuffled(seed)
            assert {shuffled.options[i] for i in shuffled.right} == {question.options[i] for i in question.right}
            assert sorted(shuffled.options) == sorted(question.options)
            right, said = quiz.check(shuffled, shuffled.answer)
            assert right and said.startswith("Right. ") and question.explanation in said


def test_what_the_terminal_shows(typed, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    for lab in LABS:
        questions = next_questions(lab, 99, 0, tmp_path)
        typed += [question.answer for question in questions]
        ask(lab, "--count", 99, "--work", tmp_path)
        said = capsys.readouterr().out
        assert said.endswith(f"{len(questions)} of {len(questions)} right\n")
        assert "](" not in said and not re.search(r"\*\w", said)
        assert max(map(len, said.splitlines())) <= 60


def test_the_cells_of_the_docstring_work(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    cells = textwrap.dedent(inspect.getdoc(next_questions).split("the answer):\n")[1]).strip().split("\n\n")
    names = {"quiz": quiz, "notebook": notebook}
    for cell in cells:
        exec(cell, names)
    assert names["answer"].value == dict.fromkeys("abcd", False) and names["ticked"] == []
    names["ticked"] = names["question"].answer.split()
    assert "Right." in eval(cells[1].splitlines()[1], names).html


# --- Exports --------------------------------------------------------------------------------------------------------


def read_gift(text: str) -> list[dict]:
    """GIFT by the rules of Moodle's own reader (question/format/gift): as far as multiple choice needs them."""
    found, category = [], ""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line for line in block.splitlines() if not line.strip().startswith("//")]
        kept = "\n".join(lines).replace("\\\\", "\0b")
        for code, sign in enumerate(":#={}~"):
            kept = kept.replace(f"\\{sign}", f"\0{code}")

        def plain(part: str) -> str:
            for code, sign in enumerate(":#={}~"):
                part = part.replace(f"\0{code}", sign)
            return part.replace("\0b", "\\").strip()

        if kept.startswith("$CATEGORY:"):
            category = plain(kept[10:])
            continue
        name, rest = re.fullmatch(r"::(.*?)::(.*)", kept, re.DOTALL).groups()
        assert rest.count("{") == rest.count("}") == 1 and rest.endswith("}")
        asked, answers = rest[:-1].split("{")
        answers, _, feedback = answers.rpartition("####")
        assert asked.startswith("[html]") and not re.search("[#]", answers)
        options = []
        for answer in answers.replace("=", "~=").strip().split("~")[1:]:
            weight = re.match(r"%-?([0-9]{1,2})\.?([0-9]*)%", answer)
            if answer.startswith("="):
                options.append((plain(answer[1:]), 100.0))
            elif weight:
                options.append((plain(answer[weight.end() :]), float(weight[0].strip("%"))))
            else:
                options.append((plain(answer), 0.0))
        found.append(
            {"category": category, "name": plain(name), "text": plain(asked[6:]), "single": "=" in answers}
            | {"options": options, "feedback": plain(feedback)}
        )
    return found


def words(text: str) -> str:
    """The letters and signs of a text, of Markdown or HTML."""
    text = html.unescape(re.sub(r"</?(p|pre|code|em|strong|br)>", " ", text))
    return re.sub(r"[`*\s]|```\w*", "", re.sub(r"```\w*", "", text))


def compare(questions: list[Question], read: list[dict]) -> None:
    assert [question.name for question in questions] == [each["name"] for each in read]
    for question, each in zip(questions, read, strict=True):
        assert each["category"] == question.lab
        assert words(each["text"]) == words(question.text)
        assert [words(option) for option, _ in each["options"]] == [words(option) for option in question.options]
        assert words(each["feedback"]).startswith(words(question.explanation))
        weights = [weight for _, weight in each["options"]]
        assert {i for i, weight in enumerate(weights) if weight > 0} == question.right
        assert sum(weight for weight in weights if weight > 0) == pytest.approx(100, abs=1e-3)
        assert each["single"] == (len(question.right) == 1)
        assert all(weight == 0 if each["single"] else weight < 0 for weight in weights if weight <= 0)


def test_gift_says_the_same():
    questions = list(BANK.values())
    compare(questions, read_gift(as_gift(questions)))


def test_gift_escapes_what_means_something_to_it():
    awkward = r"a ~ b = c # d {e} f: g \n \\ // %50% -> <b> & [html] ####"
    question = Question(
        "own",
        "awkward",
        f"{awkward}\n\n```\nif x:  # {{1}}\n\n    y = 2\n```\n\n// {awkward}",
        (awkward, f"={awkward}", f"~%100%{awkward}", f"[plain]{awkward}", "`a = {}`"),
        frozenset({0, 1, 4}),
        awkward,
        "Self-test",
        "../../labs/cnn/README.md#self-test",
        "ours",
    )
    text = as_gift([question])
    compare([question], read_gift(text))
    assert "%33.33333%" in text and "%-33.33333%" in text and "<code>a \\= \\{\\}</code>" in text


def test_exports_by_command(good, tmp_path, capsys):
    out = tmp_path / "own.gift"
    ask("own", "--checks", good, "--export", out)
    assert capsys.readouterr().out == f"{out}\n"
    assert [each["name"] for each in read_gift(out.read_text(encoding="utf-8"))] == ["one", "two"]
    ask("cnn", "--export", out, "--count", 4, "--seed", 3)
    four = out.read_bytes()
    assert len(read_gift(four.decode())) == 4
    ask("cnn", "--export", out, "--count", 4, "--seed", 3)
    assert out.read_bytes() == four
    ask("cnn", "--export", tmp_path / "sheet.md", "--to", "sheet", "--count", 5)
    said = capsys.readouterr().out
    assert said.splitlines()[-2:] == [str(tmp_path / "sheet.md"), str(tmp_path / "sheet-key.md")]
    assert not (tmp_path / "my-work").exists()
    with pytest.raises(SystemExit):
        ask("cnn", "--to", "sheet")
    assert "--to has no effect without --export" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        ask("cnn", "--count", 0)


def test_the_sheet_and_its_key_belong_together():
    questions = [question.shuffled(5) for question in read_bank("foundations")]
    sheet, key = as_sheet(questions, "Questions: foundations")
    asked = re.split(r"^\*\*(\d+)\.\*\* ", sheet, flags=re.MULTILINE)[1:]
    answered = re.split(r"^\*\*(\d+)\.\*\* ", key, flags=re.MULTILINE)[1:]
    assert asked[::2] == answered[::2] == [str(i) for i in range(1, len(questions) + 1)]
    for question, text, answer in zip(questions, asked[1::2], answered[1::2], strict=True):
        assert re.findall(r"^☐ ([a-h])\) (.*?)\\?$", text, re.MULTILINE) == [*question.lettered.items()]
        assert ("Several are right" in text) == (len(question.right) > 1)
        assert question.explanation not in text and question.explanation in answer
        assert re.match(r"\*\*([a-h ]+)\.\*\*", answer)[1] == question.answer


def test_the_notebook_asks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from assignments import quiz_notebook

    outputs, names = quiz_notebook.app.run()
    assert names["question"].lab == sorted(LABS)[0]
    assert any("Tick what is right" in str(getattr(output, "text", output)) for output in outputs)
    assert not (tmp_path / "my-work").exists()
