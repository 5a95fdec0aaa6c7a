"""Vocabularies of subwords, learned from texts: frequent words are one piece, rare ones several."""

from collections.abc import Sequence
from typing import Literal

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from common.errors import InputError
from common.text.vocabulary import SPECIALS, UNKNOWN


def build_subwords(
    texts: Sequence[str], kind: Literal["bpe", "wordpiece"], size: int = 8000, *, lower_case: bool = True
) -> Tokenizer:
    """Learn `size` subwords (the SPECIALS among them) from `texts`.

    bpe: pairs of bytes merged by frequency (Sennrich et al. 2016; on bytes as in GPT-2): every text can be written
    with it and read back exactly. wordpiece (Schuster & Nakajima 2012; as in BERT): words and punctuation, a word's
    later pieces marked by ##; what holds an unseen character is [UNK]. Kept as text: to_str(), Tokenizer.from_str().
    Raises InputError if `size` is less than the single characters need.
    """
    normalizer = normalizers.Lowercase() if lower_case else normalizers.Sequence([])
    learn = _learn_byte_pairs if kind == "bpe" else _learn_wordpieces
    subwords = learn(texts, size, normalizer)
    least = subwords.get_vocab_size()
    if least > size:
        raise InputError(f"a vocabulary of {size} subwords is too small: single characters and specials are {least}")
    return subwords


def _learn_byte_pairs(texts: Sequence[str], size: int, normalizer: normalizers.Normalizer) -> Tokenizer:
    subwords = Tokenizer(models.BPE())
    subwords.normalizer = normalizer
    subwords.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    subwords.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # all 256 bytes, seen or not
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    subwords.train_from_iterator(texts, trainer)
    return subwords


def _learn_wordpieces(texts: Sequence[str], size: int, normalizer: normalizers.Normalizer) -> Tokenizer:
    cut = pre_tokenizers.BertPreTokenizer()
    # The trainer numbers the letters inside words as a hash table gives them, which differs from run to run and
    # decides between pieces of equal frequency. Named beforehand, as specials, they have the same numbers every time.
    words = {word for text in texts for word, _ in cut.pre_tokenize_str(normalizer.normalize_str(text))}
    inner = sorted({f"##{letter}" for word in words for letter in word[1:]})
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=SPECIALS + inner, show_progress=False)
    learned = Tokenizer(models.WordPiece())
    learned.normalizer, learned.pre_tokenizer = normalizer, cut
    learned.train_from_iterator(texts, trainer)

    # The same pieces again, but now only the SPECIALS are special: `##a` in a text is no letter inside a word.
    subwords = Tokenizer(models.WordPiece(learned.get_vocab(), unk_token=SPECIALS[UNKNOWN]))
    subwords.normalizer, subwords.pre_tokenizer, subwords.decoder = normalizer, cut, decoders.WordPiece()
    subwords.add_special_tokens(SPECIALS)
    return subwords
