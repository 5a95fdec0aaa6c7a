"""Every sentence that a check says, in one table for each language; a test compares their keys."""

ENGLISH = {
    "passed": "compare with {compare}",
    "value": "{at}: you return {mine}, it should be {wanted}",
    "misfit": "{at}: you return {mine}, which does not fit ({error}); the line of types says what is asked for",
    "form": "{at}: you return {mine}, asked for is {wanted}",
    "gradient": "{at}: its gradient in {name} is {mine}, it should be {wanted}",
    "error": "{at}: {where} raises {error}",
    "changed": "it writes into its arguments; work on a copy (x = x.clone(), or x * 2 for x *= 2)",
    "mistake": "That comes of {text} ({code}).",
    "looks": "It looks like this: {words}.",
    "looks_nan": "nan where a number belongs: 0/0, ln 0 · 0 or ∞ − ∞ on the way",
    "looks_shape": "the numbers are right, their shape is not: reshape, squeeze or sum over a dimension",
    "looks_transposed": "right, but transposed",
    "looks_sign": "right, with the wrong sign",
    "looks_whole": "right, but cut to whole numbers: keep float",
    "syntax": "Python cannot read it: {error}",
    "refused": "it uses {name}, which is what the exercise builds; write it with plain tensor operations",
    "lost_time": "it did not end within {seconds:g} seconds: is there a loop without an end?",
    "lost_crash": "Python itself crashed in it (segmentation fault)",
    "lost_killed": "it was killed: too much memory, or too much output",
    "lost_ended": "it ended the whole process (exit, quit or os._exit); return a value instead",
    "lost_unreadable": "what it left behind cannot be read",
}


def say(key: str, **values: object) -> str:
    """A message of the table with its values filled in."""
    return ENGLISH[key].format(**values)
