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
    # Language

    The notebook of `nlp.jl`, in its order: words, their preparation, vectors, a classifier, topics. Each step is
    followed by the same step on a text of your own.

    Where a control has a figure below it, the figure follows the control. What takes some seconds waits for its
    button. In Jupyter it waits for its cell to be run; after retraining, run all cells below.
    """)
    return


@app.cell
def _():
    from common import notebook
    from common.sources import data_dir_from_environment
    from common.text.corpora import load_texts
    from labs.nlp import attention, classify, explore, explore_networks, language_model, nlp, sampling, word_map
    from labs.nlp.lda import GibbsLDA
    from labs.nlp.topics import comparisons, figures
    from labs.nlp.topics import explore as explore_topics

    notebook.work_in_suite()
    return (
        GibbsLDA,
        attention,
        classify,
        comparisons,
        data_dir_from_environment,
        explore,
        explore_networks,
        explore_topics,
        figures,
        language_model,
        load_texts,
        nlp,
        notebook,
        sampling,
        word_map,
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
def _(nlp, notebook):
    notebook.attempt(nlp.show_words, nlp.TEXT)
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
        "It is important to import the right experience from an experiment.",
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

    jumping and jumped, dog and dogs, fox and foxes, quick and quickly: as one wants it. *Important* and *import* are
    one stem, too, and so are *experience* and *experiment*: a stemmer knows endings, not meanings. So "is" and "were"
    stay apart.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Parts of speech, names

    The course's tags (Penn Treebank's) with those that this lab's tagger says (Universal Dependencies'), and the
    slide's sentence; Julia's `PoSTagger()` is commented out. `python -m labs.nlp.tagging` trains taggers, and the
    notebook `labs/nlp/tagging/notebook.py` tags your sentences in three ways and finds names in them.

    **Question.** Which of the two sets can tell *is* from *jumps*, and which *jumps* from *jumped*?

    <details><summary>Answer</summary>

    Universal Dependencies knows auxiliaries (AUX) apart from verbs, but no tenses; Penn's has VBZ and VBD, and calls
    *is* VBZ as well. A set of tags says what its makers found worth telling apart.

    </details>
    """)
    return


@app.cell
def _(nlp, notebook):
    notebook.attempt(nlp.show_tags)
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
    found_vectors = notebook.attempt(explore.find_vectors)
    notebook.after(found_vectors, lambda vectors, source, example: source)
    return (found_vectors,)


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
def _(found_vectors, notebook):
    question = notebook.text("a word, or a-b+c", found_vectors[2] if found_vectors else "")
    question
    return (question,)


@app.cell
def _(explore, found_vectors, notebook, question):
    notebook.after(
        found_vectors,
        lambda vectors, source, example, question: explore.draw_nearest(vectors, question),
        question=question,
    )
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

    ### A map of words

    The frequent words on a plane, and yours (up to five, between blanks) with the six nearest to each. **Look for**
    groups: what do their words have in common? And for lines that run across the map.
    """)
    return


@app.cell
def _(notebook):
    asked = notebook.text("words", "function list king queen")
    asked
    return (asked,)


@app.cell
def _(asked, found_vectors, notebook, word_map):
    notebook.after(
        found_vectors,
        lambda vectors, source, example, asked: word_map.plot_map(vectors, asked.split()[:5]),
        asked=asked,
    )
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Some of the nearest words lie far away on the map. Is the map wrong, or the cosine?

    <details><summary>Answer</summary>

    The map: it has two dimensions where the vectors have a hundred, and t-SNE keeps as many neighbours as it can, not
    all. So the lines are drawn from the cosines of the vectors themselves. Distances between groups mean nothing.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## Naive Bayes

    Julia's two sentences, then a corpus of ten themes with the accuracy on texts that were not learned from. All of it
    is counting:
    """)
    return


@app.cell
def _(nlp, notebook):
    notebook.source(nlp.NaiveBayes)
    return


@app.cell
def _(data_dir_from_environment, load_texts, nlp, notebook):
    notebook.attempt(nlp.show_naive_bayes, load_texts("topics", data_dir_from_environment()), 400)
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
    sweep draws the topic of every token anew. α small: few topics a document; β small: few words a topic. A block of
    tokens is drawn so:
    """)
    return


@app.cell
def _(GibbsLDA, notebook):
    notebook.source(GibbsLDA._draw)
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
def _(explore_topics, notebook, settings):
    found = notebook.trained(explore_topics.find_topics, settings)
    return (found,)


@app.cell
def _(comparisons, found, notebook):
    notebook.after(found, lambda found: comparisons.plot_log_likelihood(found.history))
    return


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
    notebook.after(found, explore_topics.describe_topics)
    return


@app.cell
def _(figures, found, notebook):
    notebook.after(found, lambda found: figures.plot_topics_by_class(list(found.methods.values()), found.corpus))
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
    ### A plane of topics

    LDA's topics as circles: far apart are those with different words, large those that many words belong to. The bars
    are the words that tell the topic best, by Sievert and Shirley's *relevance* λ ln φ + (1 − λ) ln(φ/p): λ = 1 asks
    how probable a word is in the topic, λ = 0 how much more than elsewhere. **Look for** words that come and go as λ
    moves.
    """)
    return


@app.cell
def _(notebook):
    of_plane = notebook.slider("topic", 1, 20)
    weight = notebook.slider("λ", 0.0, 1.0, 0.6, 0.05, live=True)
    notebook.row(of_plane, weight)
    return of_plane, weight


@app.cell
def _(explore_topics, found, notebook, of_plane, weight):
    notebook.after(found, explore_topics.draw_relevance, topic=of_plane, weight=weight)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Which λ would you use to name a topic, and which words does λ = 0 show?

    <details><summary>Answer</summary>

    At 1 words come first that are frequent everywhere (say, time, water); at 0 rare words that happen to be in this
    topic only. Between 0.3 and 0.6 the list tells the topic; Sievert and Shirley's readers did best near 0.6.

    </details>

    ### Topic explorer

    One topic after the other, with the documents that have most of it. **Look for** topics that mix two themes,
    and for themes without a topic.
    """)
    return


@app.cell
def _(notebook):
    method = notebook.choice("method", ["LDA", "LSA"])
    topic = notebook.slider("topic", 1, 20)
    notebook.column(method, topic)
    return method, topic


@app.cell
def _(explore_topics, found, method, notebook, topic):
    notebook.after(found, explore_topics.draw_topic, method=method, topic=topic)
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
    notebook.after(found, explore_topics.draw_mixture, text=about)
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
    ## A network that reads

    The slides end with RNN, LSTM and Transformer, without code. Here a network learns to tell friendly reviews from
    others (`reviews3`: from others and from neutral ones; or essays by theme), and then reads yours. The part that
    lets every word look at every other is this:
    """)
    return


@app.cell
def _(attention, notebook):
    notebook.source(attention.attention)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    Its loss, and the step that is repeated for every batch:
    """)
    return


@app.cell
def _(classify, notebook):
    notebook.source(classify.score, classify.learn)
    return


@app.cell
def _(notebook):
    reader = notebook.form(
        "Train the classifier",
        model=notebook.choice("model", ["transformer", "bag", "cnn", "gru", "rnn"]),
        dataset=notebook.choice("texts", ["reviews", "reviews3", "topics"]),
        epochs=notebook.slider("epochs", 2, 40, 4),
    )
    reader
    return (reader,)


@app.cell
def _(classify, notebook, reader):
    trained_reader = notebook.trained(classify.train, reader)
    return (trained_reader,)


@app.cell
def _(notebook, trained_reader):
    notebook.after(trained_reader, lambda model, run: run.path / "figures/curves.png")
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Look for** the epoch from which on the validation loss (orange) rises while the other falls: from there on the
    network learns the training texts by heart. The weights of the best epoch are kept.

    **Question.** Train `bag`, then `transformer`. Which is better on so few reviews, and why?

    <details><summary>Answer</summary>

    `bag`, which only averages the words' vectors (some 79 % against 62 %; counting, naive Bayes, has 84 %). A model
    that assumes less needs more texts to learn what it does not assume; there are 461 here.

    </details>

    ### It reads your text

    Blue words speak for the class on top, red ones against it: by how much log p falls if the word is left out.
    """)
    return


@app.cell
def _(notebook):
    review = notebook.text("a review", "The soup was cold, but I still had a lovely evening.", rows=3)
    review
    return (review,)


@app.cell
def _(explore_networks, notebook, review, trained_reader):
    notebook.after(trained_reader, explore_networks.draw_reading, text=review)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Write *not good* and *good*. Does the *not* count? Try it with each model.

    <details><summary>Answer</summary>

    `bag` cannot know: it adds up the words, and *not* is one more of them. `cnn`, `rnn`, `gru` and `transformer`
    could read the two together; whether they have learnt to depends on how often the reviews say so.

    </details>

    **Question.** Train on `reviews3` and write praise and complaint in one review. Is it neutral to the network?

    <details><summary>Answer</summary>

    Sometimes, and not because it has weighed one against the other: neutral is second best to both, and wins where
    neither of them leads. Neutral is the class that is hardest to tell (the sheet has the table of confusions).

    </details>

    ### Who looks at whom

    Each row is a word, and its colours say how much it takes from each of the others; a row adds up to 1. One head of
    the Transformer's block is large. **Look for** columns: words that many look at.
    """)
    return


@app.cell
def _(notebook):
    head = notebook.slider("head", 1, 4)
    head
    return (head,)


@app.cell
def _(explore_networks, head, notebook, review, trained_reader):
    notebook.after(trained_reader, explore_networks.draw_attention, text=review, head=head)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** Is what a word looks at the reason of the decision?

    <details><summary>Answer</summary>

    Not by itself. Attention says what is mixed into a word's vector; what becomes of it is decided by the layers after
    it. Compare with the coloured words above: what counts and what is looked at are two things. After so little
    training do not expect heads with a job of their own.

    </details>
    """)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    ## A network that writes

    A language model says after every token how likely each of the others is to follow. It is trained on Python's own
    documentation, by nothing but cross-entropy; perplexity is e to the power of its loss.
    """)
    return


@app.cell
def _(language_model, notebook, sampling):
    notebook.source(language_model.Recurrent, language_model.score, sampling.probabilities)
    return


@app.cell
def _(notebook):
    writer = notebook.form(
        "Train the language model",
        model=notebook.choice("network", ["lstm", "transformer"]),
        epochs=notebook.slider("epochs", 1, 10),
        width=notebook.slider("width", 64, 256, 128, 64),
        lr=notebook.slider("learning rate η", 0.001, 0.02, 0.01, 0.001),
    )
    writer
    return (writer,)


@app.cell
def _(language_model, notebook, writer):
    trained_writer = notebook.trained(
        language_model.train, writer, vocabulary=500, layers=1, context=32, batch_size=16, length=40
    )
    return (trained_writer,)


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    After each epoch it writes a line of its own, and says its perplexity on pages that it has not seen.

    **Question.** What would the perplexity be if the network knew nothing at all, and what if it knew only how frequent
    each token is?

    <details><summary>Answer</summary>

    The number of tokens in the vocabulary, 500: all equally likely. The second is in the first line of the run, and in
    the last one beside what was reached.

    </details>

    ### Temperature

    The logits are divided by the temperature before the softmax. Grey: the network's own probabilities of the next
    token; blue: at your temperature. Below, what it writes. **Look for** the temperature at which the text begins to
    repeat itself, and the one at which it falls apart.
    """)
    return


@app.cell
def _(notebook):
    prompt = notebook.text("the text begins", "The value of")
    temperature = notebook.slider("temperature", 0.05, 2.0, 0.8, 0.05, live=True)
    notebook.column(prompt, temperature)
    return prompt, temperature


@app.cell
def _(explore_networks, notebook, prompt, temperature, trained_writer):
    notebook.after(trained_writer, explore_networks.draw_next, prompt=prompt, temperature=temperature)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md(r"""
    **Question.** What happens to the largest bar as the temperature goes to 0, and as it grows without end?

    <details><summary>Answer</summary>

    To 1: always the likeliest token, and the text runs in circles. Without end all bars become equal: any token may
    come.

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
    python -m labs.nlp.classify            # seven classifiers of texts
    python -m labs.nlp.tagging             # parts of speech
    python -m labs.nlp.language_model      # a network that writes
    ```
    """)
    return


if __name__ == "__main__":
    app.run()
