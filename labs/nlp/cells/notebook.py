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
    # Cells and attention: how does a network remember?

    A recurrent network reads a text word by word and keeps what it needs in a few numbers, its state. Here are the
    three cells that have been used most, as their equations stand in the papers: a plain RNN, an LSTM, a GRU. You turn
    their gates, watch gradients die on their way back, and let all three learn a task that only two of them can do.
    Then attention, which needs no memory, because it looks at every word at once.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.nlp import attention, classify
    from labs.nlp.cells import cells, equations, explore, gradients

    notebook.work_in_suite()
    return attention, cells, classify, equations, explore, gradients, notebook


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## One step of an LSTM

    The cell c is a sum: the forget gate f says how much of the old one stays, the input gate i how much of the
    candidate g is added, the output gate o how much of it is said. One unit is enough to see it. **Move** what stands
    before the sigmoids.
    """)
    return


@app.cell
def _(equations, notebook):
    notebook.source(equations.LSTM.step)
    return


@app.cell
def _(notebook):
    c = notebook.slider("c(t−1)", -2.0, 2.0, 2.0, 0.1, live=True)
    forget = notebook.slider("before f", -6.0, 6.0, 1.5, 0.5, live=True)
    write = notebook.slider("before i", -6.0, 6.0, 1.0, 0.5, live=True)
    candidate = notebook.slider("before g", -3.0, 3.0, 1.0, 0.25, live=True)
    say = notebook.slider("before o", -6.0, 6.0, 0.0, 0.5, live=True)
    notebook.column(notebook.row(c, candidate), notebook.row(forget, write, say))
    return c, candidate, forget, say, write


@app.cell
def _(c, candidate, explore, forget, notebook, say, write):
    notebook.react(explore.draw_step, c=c, forget=forget, write=write, candidate=candidate, say=say)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which gates must be open, and which closed, so that the cell keeps its number whatever comes in?
    And so that it is replaced by the candidate?
    <details><summary>Answer</summary>
    f = 1 and i = 0 keep it: c(t) = c(t−1). f = 0 and i = 1 replace it: c(t) = g. The output gate changes neither: it
    only hides the cell from the others.
    </details>

    ## The other two

    The plain RNN makes its state anew at each step. The GRU has one gate for keeping and writing, z, and no cell
    beside its state.
    """)
    return


@app.cell
def _(equations, notebook):
    notebook.source(equations.RNN.step, equations.GRU.step)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Gradients over time

    What the loss at the end says about a step long ago has to come back through all steps between. Each multiplies
    the gradient by a matrix. Of untrained cells you can see by how much each step shortens it. **Move** the size of
    the plain RNN's U, and what the forget gate and the update gate begin with.
    """)
    return


@app.cell
def _(gradients, notebook):
    notebook.source(gradients.gradient_lengths)
    return


@app.cell
def _(notebook):
    scale = notebook.slider("RNN: U times", 0.5, 3.0, 1.0, 0.1)
    forget_bias = notebook.slider("LSTM: bias of f", -2.0, 8.0, 1.0, 0.5)
    update_bias = notebook.slider("GRU: bias of z", -2.0, 8.0, 0.0, 0.5)
    steps = notebook.slider("steps", 10, 100, 50, 10)
    notebook.column(notebook.row(scale, steps), notebook.row(forget_bias, update_bias))
    return forget_bias, scale, steps, update_bias


@app.cell
def _(explore, forget_bias, notebook, scale, steps, update_bias):
    notebook.react(explore.draw_lengths, scale=scale, forget_bias=forget_bias, update_bias=update_bias, steps=steps)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With a bias b, about what factor do you expect for the GRU's h and the LSTM's c? Try b = 1 and b = 5.
    Can the plain RNN be made to keep its gradient, too?
    <details><summary>Answer</summary>
    About σ(b) on the direct way: 0.73 for 1, 0.993 for 5. The way through the gates comes on top: with 1 both are
    somewhat longer, and with 5 the LSTM's even grows, by 8 % a step over 50 steps; that is why gradients are clipped,
    too. The plain RNN's factor is 0.99 with U times 1.6, but there it hangs on every number of U, and moves with each
    step of the training. A gate is set by one bias, and near 1 a sigmoid is flat.
    </details>

    ## A task for memory

    A sequence of numbers, two of them marked: what is their sum? The first mark lies in the first half, so it must be
    kept while others stream by. All three networks get the same sequences. Six epochs take half a minute
    on a quiet core; the sheet's numbers are from fifteen.
    """)
    return


@app.cell
def _(notebook):
    form = notebook.form(
        "Train the three",
        epochs=notebook.slider("epochs", 1, 15, 6),
        longest=notebook.slider("numbers in the longest sequences", 10, 100, 40, 10),
        width=notebook.slider("units", 4, 64, 32, 4),
        forget_bias=notebook.slider("LSTM: bias of f", -2.0, 6.0, 1.0, 0.5),
    )
    form
    return (form,)


@app.cell
def _(cells, form, notebook):
    trained = notebook.trained(cells.train, form)
    return (trained,)


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/by_length.png")
    return


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/gradients.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Always saying 1 has a mean squared error of 1/6 = 0.167. What error would be left to a network that
    knows the second number exactly and nothing of the first?
    <details><summary>Answer</summary>
    The variance of one number from [0, 1]: 1/12 = 0.083. The plain RNN sometimes comes to about that, but not because
    it knows one of the two: exercise 3 of the sheet looks.
    </details>

    ### What it does while it reads

    **Move the number** for other sequences, and the length beyond what it was trained on.
    """)
    return


@app.cell
def _(notebook):
    number = notebook.slider("number of the sequence", 0, 50)
    length = notebook.slider("numbers in it", 6, 100, 24)
    notebook.row(number, length)
    return length, number


@app.cell
def _(explore, length, notebook, number, trained):
    notebook.after(trained, explore.draw_sums, length=length, number=number)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Where do input gates open? What do the forget gates of the same units do before and after?
    <details><summary>Answer</summary>
    At the marks: the uppermost units write only there. Their forget gates stay near 1 all the time, so that what was
    written is still there at the end.
    </details>

    ## Gates over a sentence

    A classifier of reviews, with one of the three cells. After training type a sentence, and see what its gates do.
    The words stand below the columns, each row is a unit.
    """)
    return


@app.cell
def _(notebook):
    reader = notebook.form(
        "Train the reader",
        model=notebook.choice("cell", ["lstm", "gru", "rnn"]),
        epochs=notebook.slider("epochs", 1, 20, 10),
    )
    reader
    return (reader,)


@app.cell
def _(classify, notebook, reader):
    trained_reader = notebook.trained(classify.train, reader, dataset="reviews", width=32)
    return (trained_reader,)


@app.cell
def _(notebook):
    sentence = notebook.text("a sentence", "The food was not good, but the waiter was kind.", rows=2)
    sentence
    return (sentence,)


@app.cell
def _(explore, notebook, sentence, trained_reader):
    notebook.after(trained_reader, explore.draw_trained_gates, text=sentence)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Is there a unit that does something else after *not*? Take the word out and look again. What would
    you need to say that it *understands* the word?
    <details><summary>Answer</summary>
    Columns do differ from word to word, and each differs with what came before. But with some hundred reviews there is
    seldom a unit with a meaning, and a picture is no proof: one would have to change the unit and see the answer
    change, in many sentences.
    </details>

    ## Attention

    Each word asks with a query q, each answers with a key k; the softmax of all q·k says how much a word takes of
    each word's value v. Nothing has to be kept in mind.
    """)
    return


@app.cell
def _(attention, notebook):
    notebook.source(attention.attention)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### Why √d

    Random queries and keys, of d numbers each. Red: their products as they are. Blue: divided by √d.
    """)
    return


@app.cell
def _(notebook):
    keys = notebook.slider("words to look at", 2, 64, 16, 2)
    draw = notebook.slider("number of the draw", 0, 20)
    notebook.row(keys, draw)
    return draw, keys


@app.cell
def _(draw, explore, keys, notebook):
    notebook.react(explore.draw_scale, words=keys, seed=draw)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Why is a large largest weight bad at the *beginning* of training, if it is what one wants at the end?
    <details><summary>Answer</summary>
    At the beginning it is large by chance, and the gradient that would correct it is nearly 0: the choice is fixed
    before anything has been learnt.
    </details>

    ### Attention under your hands

    A Transformer with one block reads the same reviews. **Type a sentence, choose a head**, leave out √d, and forbid to
    look ahead. It was trained with √d and without a mask: what you switch off here, it has not learnt to do without.
    """)
    return


@app.cell
def _(notebook):
    looker = notebook.form("Train the Transformer", epochs=notebook.slider("epochs", 1, 40, 8))
    looker
    return (looker,)


@app.cell
def _(classify, looker, notebook):
    trained_looker = notebook.trained(classify.train, looker, dataset="reviews", model="transformer")
    return (trained_looker,)


@app.cell
def _(notebook):
    said = notebook.text("a sentence", "The food was not good, but the waiter was kind.", rows=2)
    head = notebook.slider("head", 1, 4)
    scaled = notebook.checkbox("divide by √d", True)
    causal = notebook.checkbox("nobody looks ahead")
    notebook.column(said, notebook.row(head, scaled, causal))
    return causal, head, said, scaled


@app.cell
def _(causal, explore, head, notebook, said, scaled, trained_looker):
    notebook.after(trained_looker, explore.draw_attention, text=said, head=head, scaled=scaled, causal=causal)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** With the mask on, what does the first word look at, and why? How many weights of a sentence of T words
    are not 0?
    <details><summary>Answer</summary>
    Only at itself, with weight 1: there is nobody else. T (T + 1)/2 weights are left: the lower triangle with its
    diagonal.
    </details>

    ## Where to go on

    `README.md` beside this notebook derives the equations, and has exercises with answers.

    ```
    python -m labs.nlp.cells               # the task, with its figures
    python -m labs.nlp.cells.gates         # the gates of the newest classifier over a sentence
    python -m labs.nlp.cells.scaling       # why √d
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
