"""Answers whose length is known, or the part of one that is asked for (RFC 9110, section 14), as Safari plays sound."""

import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

_ONE_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def whole_answer(scope: Scope, content: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    """200 with all of `content`, 206 with the range that the request names, or 416 where there is nothing there.

    Of several ranges, or what is none, all is sent, as the standard allows; so it is of a POST, which knows no ranges.
    """
    if scope["method"] != "GET":
        return Response(content, 200, headers, media_type)
    answered = {**headers, "Accept-Ranges": "bytes"}
    match = _ONE_RANGE.fullmatch(Headers(scope=scope).get("range", "").replace(" ", ""))
    if match is None or not _is_range(match[1], match[2]):
        return Response(content, 200, answered, media_type)
    begin, end = _bounds(match[1], match[2], len(content))
    if begin >= end:
        return Response(None, 416, answered | {"Content-Range": f"bytes */{len(content)}"})
    answered["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
    return Response(content[begin:end], 206, answered, media_type)


def _is_range(first: str, last: str) -> bool:
    return int(first) <= int(last) if first and last else bool(first or last)


def _bounds(first: str, last: str, n_bytes: int) -> tuple[int, int]:
    """From and to; `first` alone is to the end, `last` alone the number of bytes at the end."""
    if not first:
        return max(0, n_bytes - int(last)), n_bytes
    return int(first), min(n_bytes, int(last) + 1 if last else n_bytes)
