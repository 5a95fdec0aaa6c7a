import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Questions about the labs

    One question at a time: tick what is right (it may be several), press the button, read why. Another question comes
    with the slider. What was answered is remembered in `my-work/quiz.json`; what was wrong is asked first.
    """)
    return


@app.cell
def _():
    from assignments import quiz
    from common import notebook

    return notebook, quiz


@app.cell(hide_code=True)
def _(notebook, quiz):
    lab = notebook.choice("lab", sorted(path.stem for path in quiz.BANK.glob("*.md")))
    number = notebook.slider("question", 1, 40, 1)
    notebook.row(lab, number)
    return lab, number


@app.cell(hide_code=True)
def _(lab, mo, notebook, number, quiz):
    (question,) = quiz.next_questions(notebook.read(lab), count=1, seed=notebook.read(number))
    answer = notebook.form(
        "Answer", **{letter: notebook.checkbox(f"{letter}) {text}") for letter, text in question.lettered.items()}
    )
    mo.vstack([mo.md(question.text), answer])
    return answer, question


@app.cell(hide_code=True)
def _(answer, mo, question, quiz):
    ticked = [letter for letter, yes in (answer.value or {}).items() if yes]
    if ticked:
        right, why = quiz.check(question, ticked)
        quiz.remember(question, right)
    mo.md(why if ticked else "Tick what is right, then press the button.")
    return


if __name__ == "__main__":
    app.run()
