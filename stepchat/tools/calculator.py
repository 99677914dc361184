"""Evaluates arithmetic without eval, exactly where possible, and with limits on size."""

from __future__ import annotations

import ast
import math
import operator
import warnings
from decimal import Decimal, localcontext
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stepchat.tools.base import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Number: TypeAlias = Fraction | float
"""A Fraction is exact, a float is not."""

_LONGEST: Final = 1_000
"""Characters of an expression."""
_MOST_BITS: Final = 10_000
"""Of an exact number: 3,000 digits."""
_MOST_DIGITS: Final = 40
"""Decimal places of an exact result that are shown."""
_EXACT_FLOAT: Final = 1e15
_LONG_FRACTION: Final = 10**20

_SPELLINGS: Final = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "π": "pi", "τ": "tau"})


def calculate(expression: str) -> str:
    """The value of an expression as text. Raises ToolError."""
    if len(expression) > _LONGEST:
        raise ToolError(f"The expression is too long: at most {_LONGEST:,} characters.")
    source = expression.translate(_SPELLINGS).strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source, mode="eval")
        return _text(_number(_value(tree.body, source)))
    except SyntaxError as error:
        raise ToolError(f"Not an arithmetic expression: {error.msg} at column {error.offset or 1}.") from None
    except (RecursionError, MemoryError):
        raise ToolError("The expression is nested too deeply.") from None
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except (OverflowError, ValueError) as error:
        raise ToolError(f"No result: {error}.") from None


def _value(node: ast.expr, source: str) -> Any:
    """A number, or a list of numbers for a list or tuple."""
    match node:
        case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
            # Uses the text and not the parser's float, so that 0.1 is one tenth.
            return _checked(Fraction(_literal(node, source)))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            number = _number(_value(node.operand, source))
            return -number if isinstance(node.op, ast.USub) else number
        case ast.BinOp(op=ast.BitXor()):
            raise ToolError("^ is not supported; write ** for powers.")
        case ast.BinOp() if (operation := _OPERATIONS.get(type(node.op))) is not None:
            left, right = _number(_value(node.left, source)), _number(_value(node.right, source))
            return _checked(operation(left, right))
        case ast.List() | ast.Tuple():
            return [_number(_value(item, source)) for item in node.elts]
        case ast.Name() if node.id in _CONSTANTS:
            return _CONSTANTS[node.id]
        case ast.Call(func=ast.Name() as function, keywords=[]):
            return _call(function.id, [_value(argument, source) for argument in node.args])
        case ast.Name():
            raise ToolError(f"{node.id} is unknown. Known: {', '.join((*_CONSTANTS, *_FUNCTIONS))}.")
        case _:
            raise ToolError(f"{ast.unparse(node)[:80]} is not arithmetic. Known functions: {', '.join(_FUNCTIONS)}.")


def _literal(node: ast.Constant, source: str) -> str:
    text = (ast.get_source_segment(source, node) or "").replace("_", "")
    if text[:2].lower() in {"0x", "0o", "0b"}:
        return str(int(text, 0))
    _, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-")) > 4 or abs(int(exponent or 0)) > _MOST_BITS // 4:
        raise ToolError(f"{text} is too large or too small.")
    return text


def _number(value: Any) -> Number:
    if isinstance(value, list):
        raise ToolError("A list is only allowed as the argument of a function such as sum.")
    return value


def _checked(number: Number) -> Number:
    """The number. Raises ToolError if it is too large to continue with."""
    if isinstance(number, Fraction):
        if max(number.numerator.bit_length(), number.denominator.bit_length()) > _MOST_BITS:
            raise ToolError("The numbers get too large: more than 3,000 digits.")
    elif not math.isfinite(number):
        raise ToolError("The result is not a finite number.")
    return number


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            bits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if abs(base) != 1 and base and bits * abs(exponent) > 2 * _MOST_BITS:
                raise ToolError("The numbers get too large: more than 3,000 digits.")
            power = int(exponent) % 2 if base == -1 else int(exponent) if abs(base) != 1 else 1
            return Fraction(base**power)
        if (root := _exact_root(base, exponent.denominator)) is not None:
            return _power(root, Fraction(exponent.numerator))
    result = float(base) ** float(exponent)
    if isinstance(result, complex):
        raise ToolError("The result is not a real number.")
    return result


def _exact_root(number: Fraction, degree: int) -> Fraction | None:
    """The root, if it is a fraction itself."""
    if number < 0 or degree > 64:
        return None
    parts: list[int] = []
    for part in (number.numerator, number.denominator):
        root = math.isqrt(part) if degree == 2 else _integer_root(part, degree)
        if root**degree != part:
            return None
        parts.append(root)
    return Fraction(*parts)


def _integer_root(number: int, degree: int) -> int:
    low, high = 0, 1 << (number.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= number else (low, middle - 1)
    return low


def _division(left: Number, right: Number) -> Number:
    return left / right


def _floor_division(left: Number, right: Number) -> Number:
    quotient: Any = left // right
    return Fraction(quotient) if type(quotient) is int else quotient


_OPERATIONS: Final[Mapping[Any, Any]] = MappingProxyType[Any, Any](
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: _division,
        ast.FloorDiv: _floor_division,
        ast.Mod: operator.mod,
        ast.Pow: _power,
    }
)
_CONSTANTS: Final[Mapping[str, float]] = MappingProxyType({"pi": math.pi, "e": math.e, "tau": math.tau})


def _whole(value: Number, name: str, most: int = 10_000) -> int:
    if value != int(value) or not 0 <= value <= most:
        raise ToolError(f"{name} needs whole numbers from 0 to {most:,}.")
    return int(value)


def _round(value: Number, places: Number = Fraction(0)) -> Number:
    if places != int(places) or abs(places) > 1000:
        raise ToolError("round needs a whole number of decimal places.")
    return Fraction(round(Fraction(value), int(places)))


def _log(value: Number, base: Number | None = None) -> Number:
    if base is None:
        return _any_log(value, math.log)
    if base == 2:
        return _any_log(value, math.log2)
    return _any_log(value, math.log10) if base == 10 else _any_log(value, math.log) / _any_log(base, math.log)


def _any_log(value: Number, log: Callable[[float], float]) -> Number:
    """A logarithm, also of numbers that are too large for a float; exact where it is whole."""
    if isinstance(value, Fraction):
        if value <= 0:
            raise ToolError("The logarithm needs a positive number.")
        result = log(value.numerator) - log(value.denominator)
        for name, base in ((math.log2, 2), (math.log10, 10)):
            if log is name and abs(result) < _MOST_BITS and value == Fraction(base) ** round(result):
                return Fraction(round(result))
        return result
    return log(value)


def _float(function: Callable[..., float]) -> Callable[..., Number]:
    return lambda *values: function(*map(float, values))


def _mean(*values: Number) -> Number:
    if not values:
        raise ToolError("mean needs at least one number.")
    return sum(values, Fraction(0)) / len(values)


def _sqrt(value: Number) -> Number:
    return _power(value, Fraction(1, 2))


def _cbrt(value: Number) -> Number:
    return -_power(-value, Fraction(1, 3)) if value < 0 else _power(value, Fraction(1, 3))


def _floor(value: Number) -> Number:
    return Fraction(math.floor(value))


def _ceil(value: Number) -> Number:
    return Fraction(math.ceil(value))


def _sum(*values: Number) -> Number:
    return sum(values, Fraction(0))


def _log10(value: Number) -> Number:
    return _log(value, Fraction(10))


def _log2(value: Number) -> Number:
    return _log(value, Fraction(2))


def _hypot(*values: Number) -> Number:
    return _sqrt(_sum(*(value * value for value in values)))


def _factorial(value: Number) -> Number:
    return Fraction(math.factorial(_whole(value, "factorial", 1_000)))


def _comb(n: Number, k: Number) -> Number:
    return Fraction(math.comb(_whole(n, "comb"), _whole(k, "comb")))


def _perm(n: Number, k: Number) -> Number:
    return Fraction(math.perm(_whole(n, "perm", 1_000), _whole(k, "perm", 1_000)))


def _gcd(*values: Number) -> Number:
    return Fraction(math.gcd(*(_integer(value, "gcd") for value in values)))


def _lcm(*values: Number) -> Number:
    return Fraction(math.lcm(*(_integer(value, "lcm") for value in values)))


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType[str, Any](
    {
        "sqrt": _sqrt, "cbrt": _cbrt, "abs": abs, "round": _round, "floor": _floor, "ceil": _ceil,
        "min": min, "max": max, "sum": _sum, "mean": _mean,
        "exp": _float(math.exp), "ln": _log, "log": _log, "log10": _log10, "log2": _log2,
        "sin": _float(math.sin), "cos": _float(math.cos), "tan": _float(math.tan),
        "asin": _float(math.asin), "acos": _float(math.acos), "atan": _float(math.atan), "atan2": _float(math.atan2),
        "sinh": _float(math.sinh), "cosh": _float(math.cosh), "tanh": _float(math.tanh),
        "degrees": _float(math.degrees), "radians": _float(math.radians), "hypot": _hypot,
        "factorial": _factorial, "comb": _comb, "perm": _perm, "gcd": _gcd, "lcm": _lcm,
    }
)  # fmt: skip
"""The functions by name."""


def _integer(value: Number, name: str) -> int:
    if value != int(value):
        raise ToolError(f"{name} needs whole numbers.")
    return int(value)


def _call(name: str, arguments: list[Any]) -> Number:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"{name} is not a known function. Known: {', '.join(_FUNCTIONS)}.")
    values: list[Number] = []
    for argument in arguments:
        values += argument if isinstance(argument, list) else [argument]
    try:
        return _checked(function(*values))
    except TypeError:
        raise ToolError(f"{name} does not take {len(values)} arguments.") from None


def _text(number: Number) -> str:
    """Formats an exact number with all its digits, other numbers as approximate."""
    if isinstance(number, float):
        return str(int(number)) if number.is_integer() and abs(number) < _EXACT_FLOAT else f"{number:.15g}"
    if number.denominator == 1:
        return str(number.numerator)
    with localcontext() as context:
        context.prec = len(str(abs(number.numerator) // number.denominator)) + _MOST_DIGITS
        decimal = Decimal(number.numerator) / Decimal(number.denominator)
        if Fraction(decimal) == number:
            return f"{decimal:f}"
        about = f"≈ {decimal:.15g}"
    long = max(abs(number.numerator), number.denominator) >= _LONG_FRACTION
    return about if long else f"{number.numerator}/{number.denominator} {about}"
