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
    # Tags and names: what is each word of a sentence?

    *Plants* is a noun in one sentence and a verb in the next; *Apple* is a firm, *apple* a fruit. Three taggers look at
    your sentences here: one remembers what each word was most often, one counts which tag follows which as well, and
    one is a network that reads in both directions. Then names of people, organisations, places and products, and how
    one says how well they are found.

    Where a control has a figure below it, the figure follows the control. Training waits for its button (in
    Jupyter: for its cell to be run; after training again, run all cells below it).
    """)
    return


@app.cell
def _():
    from common import notebook
    from labs.nlp.tagging import bilstm, conll, counting_taggers, crf, explore

    notebook.work_in_suite()
    return bilstm, conll, counting_taggers, crf, explore, notebook


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Viterbi by hand

    A sentence of three words and two tags, noun and verb: *water plants grow*. A hidden Markov model says how probable
    it is that a sentence begins with a tag, that a tag follows a tag (transition), and that a tag is this word
    (emission). The best path multiplies to the most. *Greedy* decides for each word at once; Viterbi keeps, for each
    tag of each word, the best path that ends there. **Move** two of the numbers.
    """)
    return


@app.cell
def _(notebook):
    noun_after_noun = notebook.slider("p(N | N), a noun after a noun", 0.05, 0.95, 0.3, 0.05, live=True)
    plants_noun = notebook.slider("p(plants | N)", 0.05, 0.6, 0.3, 0.05, live=True)
    notebook.row(noun_after_noun, plants_noun)
    return noun_after_noun, plants_noun


@app.cell
def _(explore, notebook, noun_after_noun, plants_noun):
    notebook.react(explore.draw_by_hand, noun_after_noun=noun_after_noun, plants_noun=plants_noun)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** From which p(N | N) on does greedy find the best path, too? And why does it not find it with 0.3?

    <details><summary>Answer</summary>

    From 0.45 on, in steps of 0.05: then *plants* as a noun, 0.28 · 0.45 · 0.3 = 0.0378, is ahead of *plants* as a verb,
    0.28 · 0.55 · 0.2 = 0.0308 (equal at 0.4). With 0.3 the verb looks better at *plants*, and that a verb hardly
    follows a verb is seen only at *grow*: greedy cannot go back.

    </details>
    """)
    return


@app.cell
def _(counting_taggers, notebook):
    notebook.source(counting_taggers.viterbi_table, counting_taggers.viterbi, counting_taggers.greedy)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Taggers that only count

    773 sentences come with the suite, each word with its part of speech; a fifth is held out. Here are held-out ones
    with their own tags and what the two that count say; words on whose tags they differ are framed.
    **Move the number** and look for a word that only its neighbours explain.
    """)
    return


@app.cell
def _(explore, notebook):
    counted = notebook.attempt(explore.count_tags)
    return (counted,)


@app.cell
def _(notebook):
    number = notebook.slider("number of the held-out sentence", 1, 155, 3)
    number
    return (number,)


@app.cell
def _(counted, explore, notebook, number):
    notebook.after(counted, explore.draw_counted, number=number)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### Viterbi's table over a sentence

    The same table as above, for the model that was counted: log p of the best path that ends in each tag at each word.
    Red is what greedy would do. **Type a short sentence**; *We saw him saw the table in half* is another one in which
    the two part.
    """)
    return


@app.cell
def _(notebook):
    table_text = notebook.text("a short sentence", "Children like to know how things work.")
    most = notebook.slider("tags to show", 4, 12, 7)
    notebook.column(table_text, most)
    return most, table_text


@app.cell
def _(counted, explore, most, notebook, table_text):
    notebook.after(counted, explore.draw_table, text=table_text, most=most)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** At which word does greedy leave the best path, and what would it have to know to stay on it?

    <details><summary>Answer</summary>

    At *like*: as a preposition (ADP) it is ahead there. A verb explains *to know* better, but that comes later. The
    next word would have to be known; Viterbi decides nothing before the last word.

    </details>

    ## A network that reads in both directions

    A BiLSTM scores the tags of each word after having read all words before *and* after it. A word comes in as three
    things: itself, its last three letters, and how it is written. A fifth of the training words is hidden, so that the
    other two are learnt, too.
    """)
    return


@app.cell
def _(bilstm, notebook):
    notebook.source(bilstm.Tagger.forward, bilstm.shape)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    The newest finished run of `python -m labs.nlp.tagging` is opened, if there is one; else a smaller network is
    trained here, for seconds. The sheet's numbers are those of the command's settings.
    """)
    return


@app.cell
def _(notebook):
    pos_form = notebook.form(
        "Open or train",
        epochs=notebook.slider("epochs, if it is trained", 1, 20, 5),
        anew=notebook.checkbox("train anew even if there is a run"),
    )
    pos_form
    return (pos_form,)


@app.cell
def _(explore, notebook, pos_form):
    taggers = notebook.trained(explore.get_taggers, pos_form, dataset="tagged")
    return (taggers,)


@app.cell
def _(notebook):
    sentence = notebook.text("a sentence", "They can fish, but the can is empty.", rows=2)
    sentence
    return (sentence,)


@app.cell
def _(explore, notebook, sentence, taggers):
    notebook.after(taggers, explore.draw_ways, text=sentence)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** On which words do the three differ, and what does each of them go by? Then write a word that does not
    exist: what is left to go by?

    <details><summary>Answer</summary>

    The most frequent tag takes *fish* for a noun, as it mostly is in the training sentences; the HMM knows that a verb
    follows an auxiliary. Of the second *can* it has counted no noun, so no neighbour helps: what was never counted is
    nearly impossible. The network may tell a noun by *the* before it; another training may say something else. Of a
    word that does not exist the first says the commonest tag of all, the HMM what words seen once were and what may
    stand there, the network what its last three letters, its spelling and its neighbours say.

    </details>

    ## Named entities: BIO

    An entity may be several words: *South Africa*. B begins it, I continues it, O is outside. One counts whole
    entities: right is one whose first word, last word and kind are. **Edit the second line**: what the tagger said.
    The first is what is there.
    """)
    return


@app.cell
def _(notebook):
    own = notebook.text("there", "Apple/B-ORG released/O a/O new/O iPhone/B-PROD in/O South/B-LOC Africa/I-LOC", rows=2)
    said = notebook.text("said", "Apple/B-ORG released/O a/O new/O iPhone/O in/O South/B-LOC Africa/O", rows=2)
    notebook.column(own, said)
    return own, said


@app.cell
def _(explore, notebook, own, said):
    notebook.react(explore.draw_score, own=own, said=said)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Make the line one of eight O. How many of its tags are right, and what is F1? Then make *South* an
    I-LOC and *Africa* an I-LOC: is the entity found?

    <details><summary>Answer</summary>

    Four of eight tags, and F1 = 0: no entity is said. With I-LOC I-LOC it is found: an I that nothing has begun begins
    an entity, as in the CoNLL tasks' script, though the line above counts it as an I that nothing has begun.

    </details>
    """)
    return


@app.cell
def _(conll, notebook):
    notebook.source(conll.spans)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A network that finds names

    The same network with other tags: 802 sentences with people, organisations, places and products. The slide's
    sentence is among those that are held out. With the box ticked, a conditional random field scores whole sequences
    of tags.
    """)
    return


@app.cell
def _(notebook):
    ner_form = notebook.form(
        "Open or train",
        epochs=notebook.slider("epochs, if it is trained", 1, 20, 5),
        crf=notebook.checkbox("with a CRF"),
        anew=notebook.checkbox("train anew even if there is a run"),
    )
    ner_form
    return (ner_form,)


@app.cell
def _(explore, ner_form, notebook):
    finders = notebook.trained(explore.get_taggers, ner_form, dataset="entities")
    return (finders,)


@app.cell
def _(notebook):
    name_text = notebook.text("a sentence", "Apple released a new iPhone in California", rows=2)
    name_text
    return (name_text,)


@app.cell
def _(explore, finders, name_text, notebook):
    notebook.after(finders, explore.draw_ways, text=name_text)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** *Paris has lost a tooth.* What does each of the three say of *Paris*, and what could tell it that no
    place is meant?

    <details><summary>Answer</summary>

    The most frequent tag says LOC, the HMM PER. The network, trained as the command does it, said LOC in every run that
    was measured: *Paris* is mostly a place in its training sentences. Only who knows who has teeth could tell. Write
    *Quentin has lost a tooth* and see what spelling and neighbours alone do.

    </details>

    ### Another name in its place

    Does the network look at the name or at what stands around it? **Put another name** in the place of one, and see
    which words changed their tags.
    """)
    return


@app.cell
def _(notebook):
    swap_text = notebook.text("a sentence", "Grace Hopper flew to Hamburg with a Nokia.", rows=2)
    name = notebook.text("a name in it", "Hamburg")
    other = notebook.text("in its place", "Amazon")
    notebook.column(swap_text, name, other)
    return name, other, swap_text


@app.cell
def _(explore, finders, name, notebook, other, swap_text):
    notebook.after(finders, explore.draw_swap, text=swap_text, name=name, other=other)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Put a name there that the corpus cannot know (*Blorpville*), then the same in small letters. What does
    the network go by?

    <details><summary>Answer</summary>

    By *flew to* and by the capital: *Blorpville* was a place in every run that was measured, *blorpville* in none.
    Every name of the training sentences has a capital, so that how a word is written says most. The sheet has what this
    costs on all held-out sentences (exercise 7).

    </details>

    ### The CRF's rules

    With a field on top a sequence of tags has the score of its tags plus that of each step from tag to tag. Nobody
    tells it that I-PER cannot follow O. **Tick the box above**, train, and read the scores that it has learnt.
    """)
    return


@app.cell
def _(crf, notebook):
    notebook.source(crf.CRF.sequence_score, crf.CRF.log_partition)
    return


@app.cell
def _(explore, finders, notebook):
    notebook.after(finders, explore.draw_rules)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which cells of the table ought to be red, and why are not all of them equally so?

    <details><summary>Answer</summary>

    Every I whose row is neither the B nor the I of its kind: 28 of 81 cells. The field learns them from what does *not*
    occur, and only where the network's own scores would otherwise lead there; where those are clear already, nothing is
    left to learn.

    </details>

    ## Where to go on

    `README.md` beside this notebook has the formulas, what was measured, and exercises with answers.

    ```
    python -m labs.nlp.tagging                             # parts of speech
    python -m labs.nlp.tagging --dataset entities --crf    # names, whole sequences scored
    python -m labs.nlp.tagging.tag "Your own sentence."    # the newest run tags it
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
