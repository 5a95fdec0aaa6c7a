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
    # Answers: where does it stand, and which words are it?

    You ask, the program looks into 320 essays and answers in three steps: it finds the passage, chooses words in it,
    or says that it does not know. You watch each step at work, and break it.

    Where a control has a figure below it, the figure follows the control. All that is learnt are fifteen numbers, from
    questions whose answers are known; it takes seconds and happens by itself.
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.nlp.answer import explore, retrieval, spans, thresholds

    notebook.work_in_suite()
    return explore, notebook, retrieval, spans, thresholds


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Ask

    **Ask something** about astronomy, computing, cooking, economics, football, gardening, law, medicine, music or
    seafaring. Documents: `essays`, `suite` (the sheets of all labs, too: some seconds more) or `folder:PATH` with text
    files of yours. Below: what is left of the question, how rare each word is, and the passage that is found.
    """)
    return


@app.cell
def _(notebook):
    question = notebook.text("question", "Who invented the piano?")
    documents = notebook.text("documents", "essays")
    notebook.column(question, documents)
    return documents, question


@app.cell
def _(documents, explore, notebook, question):
    notebook.react(explore.draw_words, documents=documents, question=question)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Ask *Who built the first piano?* Which words are gone, and why is a passage on a sundial found?
    <details><summary>Answer</summary>
    <i>Who</i> and <i>first</i> are stop words. <i>Built</i> is another word than <i>invented</i>, and rarer than
    <i>piano</i>: a passage that has built, but no piano, scores more than one that has a piano that was invented.
    </details>

    ## Words: BM25

    Each word adds its idf, times a factor that grows with how often the passage has it. **Move k₁ and b.**
    """)
    return


@app.cell
def _(notebook, retrieval):
    notebook.source(retrieval.BM25.idf, retrieval.BM25.__init__)
    return


@app.cell
def _(notebook):
    k1 = notebook.slider("k₁", 0.0, 5.0, 1.2, 0.1)
    b = notebook.slider("b", 0.0, 1.0, 0.75, 0.05)
    notebook.row(k1, b)
    return b, k1


@app.cell
def _(b, explore, k1, notebook):
    notebook.react(explore.draw_saturation, k1=k1, b=b)
    return


@app.cell
def _(b, documents, explore, k1, notebook, question):
    notebook.react(explore.draw_parts, documents=documents, question=question, k1=k1, b=b)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Set k₁ = 0. What do all bars of one word have in common, and why? Does any choice of k₁ and b find
    more of the tuning part's passages? Why should you not believe the best of many tries?
    <details><summary>Answer</summary>
    They are equally long: the factor is 1 as soon as a passage has the word, however often and however long it is. Most
    choices find the same passages; these essays are of one length. The best of many tries on the same questions is
    partly luck, which other questions do not have.
    </details>

    ## Directions: vectors

    The same passages by the cosine of 100 numbers each, TF-IDF squeezed by an SVD: a passage may match without one of
    the question's words. Each dot is a passage. If you ask one of the suite's questions word by word
    (`data/corpora/questions/questions.csv`), the right place has a star.
    """)
    return


@app.cell
def _(documents, explore, notebook, question):
    notebook.react(explore.draw_scatter, documents=documents, question=question)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Look for dots at the left edge, with BM25 = 0, that the vectors find near. What have they to do with
    the question? Is that a gain?
    <details><summary>Answer</summary>
    They are of the same subject without one of the words: on music, if you asked for the piano. For finding the
    subject that is a gain, for finding <i>the</i> passage with the answer mostly not; the sheet measures it.
    </details>

    ## Which words?

    Every run of up to ten words is a candidate. A row is a feature, a number the feature times its weight; a column's
    sum is a logit, and the softmax of all candidates' logits gives the share above it.
    """)
    return


@app.cell
def _(notebook, spans):
    notebook.source(spans.choose)
    return


@app.cell
def _(documents, explore, notebook, question):
    notebook.react(explore.draw_spans, documents=documents, question=question)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Ask *Where was the piano invented?* and then *When was the piano invented?* Which rows change?
    <details><summary>Answer</summary>
    <i>Where</i> asks for a name, <i>when</i> for a year: the rows “as asked” and “not asked” change places, and for
    <i>where</i> also a word behind <i>in</i>. The sentence stays the same; that the question is understood nobody
    would say.
    </details>

    ## Or be silent

    Of the tuning part's questions it is known which passages are right. The threshold is the lowest score above which
    the share you want is right. **Move it**, and see what becomes of the promise on the questions held out, and what is
    said to yours, a line each.
    """)
    return


@app.cell
def _(notebook, thresholds):
    notebook.source(thresholds.choose_threshold)
    return


@app.cell
def _(notebook):
    precision = notebook.slider("wanted: share of answers from the right place", 0.5, 1.0, 0.8, 0.05)
    asked = notebook.text(
        "questions",
        "Who invented the piano?\nWhat are the rings of Saturn made of?\nWhen did the Titanic sink?",
        rows=4,
    )
    notebook.column(precision, asked)
    return asked, precision


@app.cell
def _(documents, explore, notebook, precision):
    notebook.react(explore.draw_threshold, documents=documents, precision=precision)
    return


@app.cell
def _(asked, documents, explore, notebook, precision):
    notebook.react(explore.draw_answers, documents=documents, precision=precision, asked=asked)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The essays say nothing of the Titanic. With which precision does it admit that, and what does that
    cost the other questions?
    <details><summary>Answer</summary>
    From 0.8 on, the threshold is high enough; the curve shows how many of the questions get no answer any more. Being
    silent and being useful are two ends of one curve, and where to stand on it depends on what a wrong answer costs.
    </details>

    ## Where to go on

    `README.md` beside this notebook has BM25 by hand, what was measured, and exercises with answers.

    ```
    python -m labs.nlp.answer "Who invented the piano?"          # measured first, then answered
    python -m labs.nlp.answer --documents folder:notes --chat    # your own text and Markdown files
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
