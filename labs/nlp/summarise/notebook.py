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
    # Summaries: which sentences say most?

    A program that chooses sentences does not read. It sees which words stand in which sentence, and nothing else. Here
    you watch two ways to make a choice of that: TextRank, which sends a reader over a graph of sentences, and LSA,
    which takes a table of counts apart. Then you choose yourself, and ROUGE says whose choice is nearer to a summary
    that a person wrote.

    Where a control has a figure below it, the figure follows the control. Nothing here is trained.
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.nlp.summarise import explore, extraction, rouge

    notebook.work_in_suite()
    return explore, extraction, notebook, rouge


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## The text

    **Choose an essay**, or paste a text of your own, of three sentences or more. Below each sentence stand its words as
    the methods see them: in small letters, without stop words, cut to their stems.
    """)
    return


@app.cell
def _(explore, notebook):
    essay = notebook.choice("essay", list(explore.essays()))
    own = notebook.text("or a text of your own (empty: the essay)", rows=3)
    notebook.column(essay, own)
    return essay, own


@app.cell
def _(essay, explore, notebook, own):
    notebook.react(explore.draw_text, essay=essay, own=own)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** In the essay on Saturn's rings the second sentence begins with *Each piece*. Which of the other
    sentences does a reader need to understand it, and does the program know that?
    <details><summary>Answer</summary>
    The first, which says what the pieces are. The program sees the stem <i>piec</i> in both, one shared word among
    others; that one sentence leans on the other it cannot see.
    </details>

    ## A graph of sentences

    Two sentences are joined if they share words. The line is as thick as they are alike, a sentence as large as its
    rank, and those that TextRank takes are squares. **Choose** what *alike* means.
    """)
    return


@app.cell
def _(extraction, notebook):
    notebook.source(extraction.overlap_weights)
    return


@app.cell
def _(notebook):
    similarity = notebook.choice("alike: shared words, or the cosine of TF-IDF", ["overlap", "cosine"])
    damping = notebook.slider("damping d", 0.0, 0.95, 0.85, 0.05)
    notebook.row(similarity, damping)
    return damping, similarity


@app.cell
def _(damping, essay, explore, notebook, own, similarity):
    notebook.react(explore.draw_graph, essay=essay, own=own, similarity=similarity, damping=damping)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Why is the number of shared words divided by the logarithms of the lengths?
    <details><summary>Answer</summary>
    A long sentence shares words with everybody, only because it has many. Dividing makes up for some of that; by the
    logarithm, so that long sentences keep a small advantage. With d = 0 nobody walks along lines, and all ranks are
    equal.
    </details>

    ## PageRank, step by step

    A reader begins anywhere. In each step they follow a line with probability d, a thick one rather than a thin one,
    and else jump anywhere. Where are they after n steps? **Move the step** and watch the bars come to rest. The sheet
    derives the dashed line: the distance shrinks at least by the factor d a step.
    """)
    return


@app.cell
def _(extraction, notebook):
    notebook.source(extraction.walk)
    return


@app.cell
def _(notebook):
    step = notebook.slider("step", 0, 30, 1, live=True)
    walked = notebook.slider("damping d", 0.0, 1.0, 0.85, 0.05)
    notebook.row(step, walked)
    return step, walked


@app.cell
def _(essay, explore, notebook, own, step, walked):
    notebook.react(explore.draw_steps, essay=essay, own=own, damping=walked, step=step)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The real distance falls much faster than the dashed line. What does the bound not know? And what does
    it say for d = 1?
    <details><summary>Answer</summary>
    It knows only d, not the graph. Here nearly every sentence is joined to nearly every other, so that a reader
    soon forgets where the walk began; each step multiplies the distance by d times the size of the graph's second
    eigenvalue. For d = 1 the bound stays at 2 and promises nothing: on a graph in two parts the reader would remember
    for ever in which one the walk began.
    </details>

    ## LSA: what is the text about?

    The counts A (sentences × words) come apart as A = U Σ Vᵀ. A dimension is a group of words that occur together,
    named by its heaviest; the numbers say how much each sentence has of it. Gong & Liu take the framed sentence of each
    dimension, Steinberger & Ježek the longest ones by the last column. **Move** how many dimensions count.
    """)
    return


@app.cell
def _(notebook):
    dimensions = notebook.slider("dimensions", 1, 5, 3)
    dimensions
    return (dimensions,)


@app.cell
def _(dimensions, essay, explore, notebook, own):
    notebook.react(explore.draw_dimensions, essay=essay, own=own, dimensions=dimensions)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which sentences have large numbers in the first dimension, and what do they have in common besides
    their subject?
    <details><summary>Answer</summary>
    Long ones: a count is added to by every word. LSA on plain counts likes long sentences as such.
    </details>

    ## Side by side

    T TextRank, L LSA (Steinberger & Ježek), G LSA (Gong & Liu), 1 the first sentences. Damping is set with the graph,
    dimensions above.
    """)
    return


@app.cell
def _(notebook):
    sentences = notebook.slider("sentences in the summary", 1, 4, 2)
    sentences
    return (sentences,)


@app.cell
def _(damping, dimensions, essay, explore, notebook, own, sentences):
    notebook.react(
        explore.draw_methods, essay=essay, own=own, sentences=sentences, damping=damping, dimensions=dimensions
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Read only what TextRank marks. Is there a word that points at something that has been left out?
    Try several essays.
    <details><summary>Answer</summary>
    Of the essay on Saturn it takes “<i>these</i> moons”, which is explained within the sentence; of the one on Leavitt
    “Since all <i>those</i> stars …” and “With <i>her</i> law …”, and nobody says which stars and whose law.
    </details>

    ## Your choice

    **Write the numbers** of the sentences that you would take. ROUGE compares them with the reference, as it does with
    every method's choice of as many sentences. *Oracle* has seen the reference and takes the set with the largest
    ROUGE-1. For a text of your own write a summary of it first.
    """)
    return


@app.cell
def _(notebook, rouge):
    notebook.source(rouge.rouge_n)
    return


@app.cell
def _(notebook):
    numbers = notebook.text("numbers of your sentences", "1 3")
    reference = notebook.text("a reference of your own (empty: the essay's)", rows=2)
    notebook.column(numbers, reference)
    return numbers, reference


@app.cell
def _(essay, explore, notebook, numbers, own, reference):
    notebook.react(explore.draw_rouge, essay=essay, own=own, reference=reference, numbers=numbers)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Write a good reference in words that the text does not have. What becomes of the oracle?
    <details><summary>Answer</summary>
    It sinks towards 0, for ROUGE counts words, not meaning. A low ROUGE may mean a bad summary, or a good one in other
    words; only a person can tell.
    </details>

    ## Where to go on

    `README.md` beside this notebook has the derivations, what was measured on 28 essays, and exercises with answers.

    ```
    python -m labs.nlp.summarise                                  # 28 essays, ROUGE by method
    python -m labs.nlp.summarise --text report.txt --sentences 5  # a text of yours
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
