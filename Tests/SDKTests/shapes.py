"""Whether an answer has the shape that the SDK's own types (exedev.types) give it: keys, kinds, the words that are possible."""
import types
import typing

import exedev.types


def fits(value, kind):
    """Nothing when it fits, else what does not. Keys that the type does not know are let be, as the SDK does."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(kind):
        return _keys(value, kind)
    if origin is typing.Literal:
        return "" if value in arguments else f"{value!r} is none of {arguments}"
    if origin in (typing.Union, types.UnionType):
        misfits = [fits(value, each) for each in arguments]
        return "" if "" in misfits else " and ".join(misfits)
    if origin is list:
        return next((misfit for each in _of(value, list) if (misfit := fits(each, arguments[0]))), "" if isinstance(value, list) else f"{value!r} is no list")
    if origin is dict:
        return "" if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()) else f"{value!r} is no table of texts"
    if kind is float:
        return "" if isinstance(value, (int, float)) and not isinstance(value, bool) else f"{value!r} is no number"
    if kind is type(None):
        return "" if value is None else f"{value!r} is not null"
    return "" if isinstance(value, kind) else f"{value!r} is no {kind.__name__}"


def _of(value, kind):
    return value if isinstance(value, kind) else []


def _keys(value, kind):
    if not isinstance(value, dict):
        return f"{value!r} is no object"
    for key, inner in typing.get_type_hints(kind, vars(exedev.types), include_extras=True).items():
        may_be_absent = typing.get_origin(inner) is typing.NotRequired
        if key not in value:
            if not may_be_absent:
                return f"{key} is missing"
            continue
        misfit = fits(value[key], typing.get_args(inner)[0] if may_be_absent else inner)
        if misfit:
            return f"{key}: {misfit}"
    return ""
