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
    # Translation: from how people write to one form

    *3rd of May 1994*, *3. Mai 1994*, *le 3 mai '94* → 1994-05-03. A network learns it from pairs alone. Here you see
    how it is trained, type texts of your own, watch where it looks and how sure it is of each token, let several
    hypotheses run side by side, and push it off its way.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.nlp.translate import beam, explore, networks, translate

    notebook.work_in_suite()
    return beam, explore, networks, notebook, translate


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Pairs without end

    A grammar writes dates and numbers in five languages and many layouts. **Move the number** for other pairs.
    """)
    return


@app.cell
def _(explore, notebook):
    number = notebook.slider("number of the draw", 0, 50)
    kind = notebook.choice("kind", ["all", *explore.PARTS])
    notebook.row(number, kind)
    return kind, number


@app.cell
def _(explore, kind, notebook, number):
    notebook.react(explore.show_pairs, number=number, kind=kind)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Dates in digits: *25/4/1994* occurs, *3/4/94* never. Why did the grammar's author leave it out?
    <details><summary>Answer</summary>
    It has two meanings: the 3rd of April, or, where the month comes first, the 4th of March. No network could know,
    and whatever it learnt would be a habit of the grammar. 25 is no month: that date is clear.
    </details>

    ## Looking back at what was read

    The encoder gives a vector for each letter. Before each token it writes, the decoder compares its state with all of
    them; the softmax of these scores are the weights you will see as shades of grey.
    """)
    return


@app.cell
def _(networks, notebook):
    notebook.source(networks.Additive, networks.Recurrent.look, networks.Recurrent.advance)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    In training each token is written with the *right* ones before it, whatever the network would have said: that is
    teacher forcing. `Y[:, :-1]` is given, `Y[:, 1:]` is wanted.
    """)
    return


@app.cell
def _(notebook, translate):
    notebook.source(translate.score)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Train a small one

    As it stands, the form trains half as wide a network as the command does, on fewer pairs, for two epochs: about
    half a minute on a quiet core, and most texts come out right. The sheet's numbers are the command's,
    `python -m labs.nlp.translate`. The Transformer needs more epochs to get as far.
    """)
    return


@app.cell
def _(explore, notebook):
    form = notebook.form(
        "Train",
        network=notebook.choice("network", list(explore.KINDS)),
        pairs=notebook.slider("pairs to train on", 500, 30000, 20000, 500),
        epochs=notebook.slider("epochs", 1, 10, 2),
        width=notebook.slider("width", 16, 128, 64, 16),
    )
    form
    return (form,)


@app.cell
def _(explore, form, notebook):
    trained = notebook.trained(explore.train_small, form)
    return (trained,)


@app.cell
def _(notebook, trained):
    notebook.after(trained, lambda model, run: run.path / "figures/kinds.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Choose a network

    All that follows asks one network: the one you have just trained, or another finished run that lies in `runs/nlp`,
    such as the command's. In brackets is how many of the texts it has never seen come out right, to the last letter.
    """)
    return


@app.cell
def _(explore, notebook, trained):
    found = explore.find_networks(trained)
    network = notebook.choice("network", list(found))
    network
    return found, network


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Type a date or a number

    **Write it as you would**, in English, German, French, Spanish or Italian. To the left, dark is where the network
    looked for each token; to the right is how probable the token was to it, and what came second.
    """)
    return


@app.cell
def _(notebook):
    text = notebook.text("a date or a number", "Dienstag, den 3. Mai 1994")
    text
    return (text,)


@app.cell
def _(explore, found, network, notebook, text):
    notebook.after(found, explore.draw_translation, network=network, text=text)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Write *dreiundzwanzig*, then *twenty-three*. Which letters decide about the 2, which about the 3? And
    where does the network look for the hyphens of a date?
    <details><summary>Answer</summary>
    German says the ones first: for the 2 it looks at the *w* in the middle, for the 3 back at the *r* near the
    beginning. In English it goes from left to right. A hyphen stands at fixed places of the target: nothing in the
    source asks for it, and the weights say little there. How sharp all this is depends on how well the network is
    trained.
    </details>

    ## Several hypotheses side by side

    Greedy takes the likeliest token each time. A beam keeps several beginnings. **Widen the beam**, and let long
    targets be favoured: scores are divided by ((5 + tokens)/6)^α.
    """)
    return


@app.cell
def _(beam, notebook):
    notebook.source(beam.Hypothesis)
    return


@app.cell
def _(notebook):
    unsure = notebook.text("a text it cannot be sure of", "one thousand")
    width = notebook.slider("beam", 1, 10, 4)
    length_penalty = notebook.slider("length penalty α", 0.0, 2.0, 0.0, 0.1)
    notebook.column(unsure, notebook.row(width, length_penalty))
    return length_penalty, unsure, width


@app.cell
def _(explore, found, length_penalty, network, notebook, unsure, width):
    notebook.after(found, explore.show_beam, network=network, text=unsure, beam=width, length_penalty=length_penalty)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Is there a text and a beam that bring forth something likelier than greedy (beam 1)? With α = 2, do
    the same hypotheses come in another order, or do others come?
    <details><summary>Answer</summary>
    With texts like those of training hardly ever: each token has nearly all the probability. Where the network is
    unsure there may be one, and the table's p say how near the others come. α only orders those that were found: the
    search itself goes by log p.
    </details>

    ## Given the right tokens, and by itself

    What does the network say at each place if the right tokens stand before it? And if one of them is changed? Give
    **a wrong token at a place**, and see whether what follows recovers.
    """)
    return


@app.cell
def _(explore, notebook):
    read = notebook.text("text", "deux cent quarante virgule sept")
    right = notebook.text("its right form", "240.7")
    place = notebook.slider("place of a token", 1, 11, 2)
    given = notebook.choice("is changed to", [explore.AS_IT_IS, *"0123456789-."])
    notebook.column(read, right, notebook.row(place, given))
    return given, place, read, right


@app.cell
def _(explore, found, given, network, notebook, place, read, right):
    notebook.after(found, explore.show_forced, network=network, text=read, right=right, place=place, given=given)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Change the 4 of 240.7 to a 7. Which token comes after it, and what does that say about what the
    decoder goes by: what it has written, or where it has got to in the source?
    <details><summary>Answer</summary>
    A network trained with the form as it stands (seed 0) goes on with 0 as if nothing had happened, only a little less
    sure: its state and what it looks at in the source tell it where it is. One that wrote the 4 that is now missing
    would go by its own digits. Neither has been taught: in training no wrong token ever stood before another, and
    changing several, or a token of a text that it hardly reads, may well throw it off.
    </details>

    ### Two shares of the same texts

    Four hundred texts held out, kind by kind: across, how many tokens are right given the right ones; up, how many
    texts come out right by themselves.
    """)
    return


@app.cell
def _(explore, found, network, notebook):
    notebook.after(found, explore.draw_forcing, network=network)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The dashed line is aᵁ, for mistakes that strike each token independently. Do the kinds lie on it?
    What would it mean if they lay above, or below?
    <details><summary>Answer</summary>
    Above it: mistakes come together, so that a text with one mistake has several, and more texts are left without.
    Below: a mistake of its own leads to others that the right tokens would have prevented. A kind with shorter texts
    than the mean lies above, too.
    </details>

    ## What it was never taught

    **Write a line for each text**, four at most: what the grammar never writes, another language, no date at all. How
    sure is the network?
    """)
    return


@app.cell
def _(notebook):
    strange = notebook.text("texts", "3/4/94\n31 February 1994\none thousand\ntomorrow", rows=4)
    strange
    return (strange,)


@app.cell
def _(explore, found, network, notebook, strange):
    notebook.after(found, explore.draw_strange, network=network, lines=strange)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Could one find such texts by a threshold on p, and answer “I do not know” below it?
    <details><summary>Answer</summary>
    Some: what looks strange is often less sure. *31 February 1994* looks like a date, and p is high. Whether such a day
    exists must be checked by a program behind the network.
    </details>

    ## Where to go on

    `README.md` beside this notebook derives attention, BLEU and the beam, and has exercises with answers.

    ```
    python -m labs.nlp.translate                              # the full network: a few minutes
    python -m labs.nlp.translate.predict "3rd of May 1994"    # the newest run reads your text
    python -m labs.nlp.translate --dataset tsv:pairs.txt      # your own pairs
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
