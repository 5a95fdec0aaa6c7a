"""What is sent and what is answered, as JSON: the forms of the course's project, and a picture out of a request."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from common.errors import InputError


class Picture(BaseModel):
    """A picture in base64, with or without `data:image/png;base64,` before it."""

    image: str = Field(examples=["iVBORw0KGgoAAAANSUhEUgAA…"])


class Text(BaseModel):
    """A text to be read."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=10_000, examples=["The food was cold and nobody cared."])


class Drawing(BaseModel):
    """What is to be drawn: so many images, from the random numbers that the seed gives."""

    model_config = ConfigDict(extra="forbid")
    count: int = Field(default=16, ge=1, le=64)
    seed: int = Field(default=0, ge=0, lt=2**63)


class Object(BaseModel):
    """Something in a picture: the box's left, upper, right and lower edge in pixels, and what it is."""

    box: tuple[float, float, float, float] = Field(examples=[[12.0, 30.5, 40.0, 71.0]])
    label: str = Field(examples=["3"])
    confidence: float = Field(examples=[0.98])


class Objects(BaseModel):
    """What was found in a picture, and the seconds it took."""

    objects: list[Object]
    processing_time: float = Field(examples=[0.015])


class Classified(Objects):
    """The likeliest class of the whole picture as the only object, and the probabilities of all."""

    probabilities: dict[str, float] = Field(examples=[{"3": 0.98, "8": 0.02}])


class Read(BaseModel):
    """What a text was taken for, and the seconds it took."""

    label: str = Field(examples=["negative"])
    confidence: float = Field(examples=[0.98])
    probabilities: dict[str, float] = Field(examples=[{"negative": 0.98, "positive": 0.02}])
    processing_time: float = Field(examples=[0.002])


class Network(BaseModel):
    """A network that is served: the name for ?model=, where it is asked, and what it is."""

    name: str = Field(examples=["first"])
    path: str = Field(examples=["/classify"])
    command: str = Field(examples=["labs.cnn"])
    about: str = Field(examples=["course network, digits"])


class Greeting(BaseModel):
    """What this server is and has."""

    message: str
    served: list[Network]


class Failure(BaseModel):
    """Why there is no answer."""

    error: str


# FastAPI cannot say by itself that a body may have either form.
PICTURE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Picture.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"image": {"type": "string", "format": "binary"}},
                    "required": ["image"],
                }
            },
        },
    }
}


class _Sent(msgspec.Struct):
    image: str


def _decode(body: bytes) -> bytes:
    """The picture in a body of JSON."""
    try:
        text = msgspec.json.decode(body, type=_Sent).image
    except msgspec.DecodeError as error:  # also where it is JSON of another form
        raise InputError(f'the body must be JSON of the form {{"image": "…"}}: {error}') from None
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError("image is not base64; encode the picture's bytes, as the page /api shows") from None


async def read_picture(request: Request) -> Callable[[], bytes]:
    """The picture that was sent, as a function that unpacks it: to be called where that disturbs nobody.

    Raises HTTPException for a body that is neither JSON nor a form, or a form without a file `image`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = await request.body()
        return lambda: _decode(body)
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("image")
            if not isinstance(file, UploadFile):
                raise HTTPException(400, "the form has no file called image")
            content = await file.read()
        return lambda: content
    raise HTTPException(415, "send application/json or multipart/form-data")
