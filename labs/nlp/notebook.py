import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell(hide_code=True)
def _():
    import marimo as mo

    return (mo,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    # Language

    The notebook of `nlp.jl`, in its order: words, their preparation, vectors, a classifier, topics. Each step is
    followed by the same step on a text of your own.

    Where a control has a figure below it, the figure follows the control. What takes some seconds waits for its
    button (in Jupyter: for its cell to be run).
    """)
    return


@app.cell
def _():
    from common import notebook
    from common.sources import data_dir_from_environment
    from common.text.corpora import load_texts
    from labs.nlp import explore, nlp
    from labs.nlp.topics import explore as explore_topics
    from labs.nlp.topics import figures

    notebook.work_in_suite()
    return (
        data_dir_from_environment,
        explore,
        explore_topics,
        figures,
        load_texts,
        nlp,
        notebook,
    )


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Corpus, lexicon, preparation, stemming

    The course's sentence, taken apart. Julia: `update_lexicon!`, `lexical_frequency`, `prepare!`, `stem!`. Ten
    entries, for "The" and "the" are two as long as nothing is in lower case.
    """)
    return


@app.cell
def _(nlp):
    nlp.show_words(nlp.TEXT)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Julia prints "original tokens" after `stem!`. What is wrong with that, and what is kept here
    instead?

    <details><summary>Answer</summary>

    `stem!` has changed the document: the "original" is already stemmed. Here a document has three lists, raw,
    prepared and stemmed, and no step overwrites another.

    </details>

    ### A text of your own

    Type or paste one. **Look for** words that become one in the next stage (and for those that should not have).
    """)
    return


@app.cell
def _(notebook):
    own_text = notebook.text(
        "text",
        "The quick brown fox is jumping over the lazy dog. The dogs jumped, too: 3 foxes were quickly gone! "
        "At the university they told us that the universe is universal.",
        rows=4,
    )
    stage = notebook.choice("stage", ["as written", "prepared", "stemmed"], "stemmed")
    most = notebook.slider("tokens shown", 3, 30, 12)
    notebook.column(own_text, stage, most)
    return most, own_text, stage


@app.cell
def _(explore, most, notebook, own_text, stage):
    notebook.react(explore.draw_words, text=own_text, stage=stage, most=most)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which different words have come together under one stem, and is that right?

    <details><summary>Answer</summary>

    jumping and jumped, dog and dogs, fox and foxes, quick and quickly: as one wants it. University, universe and
    universal are one stem, too: a stemmer knows endings, not meanings. So "is" and "were" stay apart.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Parts of speech, names

    The course's table of tags and the slide's sentence; Julia's `PoSTagger()` is commented out. `python -m
    labs.nlp.tagging` trains taggers.
    """)
    return


@app.cell
def _(nlp):
    nlp.show_tags()
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Word vectors, and the analogy box

    A word is what it stands beside: like neighbours, like vectors. Julia: `load_embeddings(GloVe{:en}, …)`, then
    cos(king − man + woman, queen). The line says which vectors there are here.
    """)
    return


@app.cell
def _(explore, notebook):
    vectors, source, example = explore.find_vectors()
    notebook.show(source)
    return example, vectors


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Ask for the neighbours of one word (`float`), or for an analogy, `a-b+c`: what is to c as a is to b? Bars are
    cosines; grey are the words of the question. **Look for** who would win if they were not left out, as Julia's
    course leaves open.

    With Python's documentation try `classes-class+function`, `tuple-list+mutable`, `first-last+right`; with GloVe
    `king-man+woman`, `paris-france+italy`.
    """)
    return


@app.cell
def _(example, notebook):
    question = notebook.text("a word, or a-b+c", example)
    question
    return (question,)


@app.cell
def _(explore, notebook, question, vectors):
    notebook.react(lambda question: explore.draw_nearest(vectors, question), question=question)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** The answer is often right, but is it far ahead of the next words? And what does −b + c change at
    all?

    <details><summary>Answer</summary>

    In some questions yes, in others it is not even among the first: vectors made from so little text are rough.
    (GloVe's queen has 0.86, daughter 0.77.) The nearest word of all is mostly one of the question's own, so −b + c
    moves the point only a little; leaving those words out does half of the work.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Naive Bayes

    Julia's two sentences, then a corpus of ten themes with the accuracy on texts that were not learned from.
    """)
    return


@app.cell
def _(data_dir_from_environment, load_texts, nlp):
    data = load_texts("topics", data_dir_from_environment())
    nlp.show_naive_bayes(data, 400)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Every factor of P(class) · Π P(word | class), for examples of your own: a line each, `class: text`. Each count is
    one larger than it is (Laplace). **Look for** the words that the classes disagree about.
    """)
    return


@app.cell
def _(notebook):
    examples = notebook.text("examples", "financial: this is financial doc\nlegal: this is legal doc", rows=4)
    sentence = notebook.text("sentence", "this should be predicted as a legal document")
    notebook.column(examples, sentence)
    return examples, sentence


@app.cell
def _(examples, explore, notebook, sentence):
    notebook.react(explore.explain_naive_bayes, examples=examples, sentence=sentence)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Derive 2/9 and 1/9 for "legal" by hand. What would the posterior be without the added ones?

    <details><summary>Answer</summary>

    There are five different words (this, is, financial, legal, doc) and four in each class. P(legal | legal) = (1 +
    1)/(4 + 5) = 2/9, P(legal | financial) = (0 + 1)/(4 + 5) = 1/9. Without the ones it would be 0 for financial: a
    single unseen word would rule a class out.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Document–term matrix, TF-IDF

    A row a document, a column a term. Julia's matrix has one row, 1 × 10. Write documents of your own, a line each;
    words are prepared and stemmed. **Look for** how TF-IDF fades a term that many documents hold.
    """)
    return


@app.cell
def _(explore, notebook):
    documents = notebook.text(
        "documents, a line each",
        "The ship sailed over the sea\nA boat sailed home\nThe captain left the ship\nA boat needs a captain\n"
        "By the stars a captain found home\nThe planet goes around a star\nWe saw a planet through the telescope\n"
        "A star in the telescope",
        rows=8,
    )
    weighting = notebook.choice("weighting", explore.WEIGHTINGS, "TF-IDF")
    notebook.column(documents, weighting)
    return documents, weighting


@app.cell
def _(documents, explore, notebook, weighting):
    notebook.react(explore.draw_matrix, documents=documents, weighting=weighting)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Delete all lines but one. What does TF-IDF say now, and why is Julia's LSA of one sentence about
    nothing?

    <details><summary>Answer</summary>

    Each term is in all documents (there is one): ln(1/1) = 0, the matrix is all zeros, its only singular value is
    0.0, and U and Vᵀ are arbitrary. The smooth idf ln((1 + D)/(1 + df)) + 1 has no zeros.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## LSA

    Julia: `lsa(m)`, the SVD of the matrix, of which the first dimensions are kept; here two. **Look for** documents
    that share no word and stand side by side all the same.
    """)
    return


@app.cell
def _(documents, explore, notebook, weighting):
    notebook.react(explore.draw_lsa, documents=documents, weighting=weighting)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Documents 2 and 3 have no word in common. What brings them together?

    <details><summary>Answer</summary>

    Document 4: it has the boat of one and the captain of the other; and the ship of 3 sails in 1 as the boat does in
    2. Two dimensions are too few to keep the two apart: what occurs in the same company becomes alike.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## LDA, and LSA beside it: the topics of a corpus

    Each document mixes topics, each topic is a distribution over words. Julia: `lda(m, 2, 1000, 0.1, 0.1)` on one
    sentence; here on 320 short essays on ten themes (or on 640 reviews, or on AG_NEWS, which is fetched once). A
    sweep draws the topic of every token anew. α small: few topics a document; β small: few words a topic.
    """)
    return


@app.cell
def _(notebook):
    settings = notebook.form(
        "Find topics",
        dataset=notebook.choice("corpus", ["topics", "reviews", "ag_news"]),
        k=notebook.slider("topics", 2, 20, 10),
        sweeps=notebook.slider("sweeps", 10, 500, 60, 10),
        alpha=notebook.slider("α, document–topic", 0.01, 1.0, 0.1, 0.01),
        beta=notebook.slider("β, topic–word", 0.01, 1.0, 0.1, 0.01),
    )
    settings
    return (settings,)


@app.cell
def _(explore_topics, figures, notebook, settings):
    found = explore_topics.find_topics(**notebook.submitted(settings))
    notebook.show(figures.plot_log_likelihood(found.history))
    return (found,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Look for** the level: as long as the curve rises, the tokens have not found their topics.

    **Question.** What would the curve look like if the sampler began at the end of another run?

    <details><summary>Answer</summary>

    Flat, with small waves: Gibbs sampling does not climb to a maximum, it wanders among states that are likely.

    </details>

    The heaviest terms of each topic, by both methods; in brackets the theme its weight lies in most, which the
    methods have never seen. **Look for** terms with a minus: which method has them? In the figure, look for rows with
    one dark cell: there the topic is the theme.
    """)
    return


@app.cell
def _(explore_topics, found, notebook):
    notebook.show(explore_topics.describe_topics(found))
    return


@app.cell
def _(figures, found, notebook):
    notebook.show(figures.plot_topics_by_class(list(found.methods.values()), found.corpus))
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which of the two lists would you show to somebody who asks what the corpus is about?

    <details><summary>Answer</summary>

    LDA's: each topic is a list of words with probabilities. LSA's dimensions are contrasts, this *rather than* that,
    and its first is what all texts have in common.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### Topic explorer

    One topic after the other, with the documents that have most of it. **Look for** topics that mix two themes,
    and for themes without a topic.
    """)
    return


@app.cell
def _(found, notebook):
    method = notebook.choice("method", ["LDA", "LSA"])
    topic = notebook.slider("topic", 1, len(found.methods["LDA"].topic_terms))
    notebook.column(method, topic)
    return method, topic


@app.cell
def _(explore_topics, found, method, notebook, topic):
    notebook.react(lambda method, topic: explore_topics.draw_topic(found, method, topic), method=method, topic=topic)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Give each of LDA's topics a name. Which one is hard to name, and what do its documents say?

    <details><summary>Answer</summary>

    Most have the name of their theme at once. The hard ones have words that all themes use (say, year, ask); their
    documents are of law and economics, which talk about people as every essay does. Other sweeps or another number of
    topics cut them in another way.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ### What is your text about?

    The topics are kept as they are; only the shares θ of your text are looked for, and the topic of each of its
    words. **Look for** a word that goes to another topic than its neighbours.
    """)
    return


@app.cell
def _(notebook):
    about = notebook.text(
        "text",
        "The telescope showed a planet with two moons, and the chef baked bread for the astronomers.",
        rows=3,
    )
    about
    return (about,)


@app.cell
def _(about, explore_topics, found, notebook):
    notebook.react(lambda text: explore_topics.draw_mixture(found, text), text=about)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Write a sentence whose word has two meanings (a *note*, a *plant*, a *goal*). Does the rest of the
    sentence decide?

    <details><summary>Answer</summary>

    Yes, as far as the topics hold the word at all: p(topic | word) ∝ θ · φ, and θ comes from the other words. A word
    that only one topic has (φ nearly 0 elsewhere) stays there whatever the sentence says.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Where to go on

    `README.md` of this lab has the manual's Task № 1 as commands, what was measured, and exercises with answers.

    ```
    python -m labs.nlp.topics --sweep      # Task № 1, with 5 to 50 topics
    python -m labs.nlp.classify            # six classifiers of texts
    python -m labs.nlp.tagging             # parts of speech
    python -m labs.nlp.language_model      # a network that writes
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
