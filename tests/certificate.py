"""Certificates for servers on loopback, made of nothing but arithmetic: an elliptic curve (P-256), and DER.

For tests alone: the arithmetic takes a time that depends on the key.
"""

import secrets
from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from hashlib import sha1, sha256
from pathlib import Path
from typing import NamedTuple

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None

_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
_PRIME256V1 = bytes.fromhex("06082a8648ce3d030107")
_ECDSA_WITH_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_COMMON_NAME = bytes.fromhex("0603550403")


class Pair(NamedTuple):
    """A certificate and its key, in PEM."""

    cert: Path
    key: Path


def make(directory: Path, name: str = "server") -> Pair:
    """A new one for ``localhost`` and ``127.0.0.1``, valid today."""
    owner = _owner("localhost")
    return _written(directory, name, owner, [_certificate(owner, owner)])


def make_siblings(directory: Path, *names: str) -> list[Pair]:
    """The same, signed by one authority, whose certificate stands below each."""
    authority = _owner("authority")
    above = _certificate(authority, authority)
    owners = [(name, _owner("localhost")) for name in names]
    return [_written(directory, name, owner, [_certificate(owner, authority), above]) for name, owner in owners]


class _Owner(NamedTuple):
    name: str
    secret: int
    public: bytes


def _owner(name: str) -> _Owner:
    secret = secrets.randbelow(_N - 1) + 1
    point = _times(secret, _G)
    assert point is not None
    return _Owner(name, secret, b"\4" + b"".join(part.to_bytes(32, "big") for part in point))


def _written(directory: Path, name: str, owner: _Owner, chain: list[bytes]) -> Pair:
    pair = Pair(directory / f"{name}.crt", directory / f"{name}.key")
    pair.cert.write_text("".join(_pem("CERTIFICATE", one) for one in chain))
    of_curve = _der(0xA0, _PRIME256V1) + _der(0xA1, _der(3, b"\0", owner.public))
    secret = _der(4, owner.secret.to_bytes(32, "big"))
    pair.key.write_text(_pem("EC PRIVATE KEY", _sequence(_integer(1), secret, of_curve)))
    return pair


def _named(name: str) -> bytes:
    return _sequence(_der(0x31, _sequence(_COMMON_NAME, _der(0x0C, name.encode()))))


def _key_id(public: bytes) -> bytes:
    return sha1(public, usedforsecurity=False).digest()


def _certificate(owner: _Owner, signer: _Owner) -> bytes:
    now = datetime.now(UTC)
    valid = _sequence(*(_der(0x17, f"{at:%y%m%d%H%M%SZ}".encode()) for at in (now, now + timedelta(days=1))))
    extensions = _sequence(
        _extension("551d13", _sequence(_der(1, b"\xff")), critical=True),  # may sign: itself
        _extension("551d0f", _der(3, b"\2\x84"), critical=True),
        _extension("551d0e", _der(4, _key_id(owner.public))),
        _extension("551d23", _sequence(_der(0x80, _key_id(signer.public)))),
        _extension("551d11", _sequence(_der(0x82, b"localhost"), _der(0x87, bytes((127, 0, 0, 1))))),
    )
    signed = _sequence(
        _der(0xA0, _integer(2)),
        _integer(secrets.randbits(64) | 1),
        _sequence(_ECDSA_WITH_SHA256),
        _named(signer.name),
        valid,
        _named(owner.name),
        _sequence(_sequence(_EC_PUBLIC_KEY, _PRIME256V1), _der(3, b"\0", owner.public)),
        _der(0xA3, extensions),
    )
    return _sequence(signed, _sequence(_ECDSA_WITH_SHA256), _der(3, b"\0", _signature(signer.secret, signed)))


def _signature(secret: int, message: bytes) -> bytes:
    once = secrets.randbelow(_N - 1) + 1
    point = _times(once, _G)
    assert point is not None
    r = point[0] % _N
    s = pow(once, -1, _N) * (int.from_bytes(sha256(message).digest(), "big") + r * secret) % _N
    return _sequence(_integer(r), _integer(s))


def _times(factor: int, point: _Point) -> _Point:
    found: _Point = None
    while factor:
        if factor & 1:
            found = _sum(found, point)
        point = _sum(point, point)
        factor >>= 1
    return found


def _sum(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0] and (one[1] + other[1]) % _P == 0:
        return None
    if one == other:
        slope = (3 * one[0] * one[0] - 3) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _der(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def _sequence(*contents: bytes) -> bytes:
    return _der(0x30, *contents)


def _integer(value: int) -> bytes:
    return _der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_der(6, bytes.fromhex(oid)), _der(1, b"\xff") if critical else b"", _der(4, value))


def _pem(title: str, content: bytes) -> str:
    return f"-----BEGIN {title}-----\n{encodebytes(content).decode()}-----END {title}-----\n"
