"""The certificate that the server shows, and how programs on the same machine know it again."""

import re
import ssl
from pathlib import Path
from typing import NamedTuple

from usage_graph.config import Settings
from usage_graph.errors import StartupError

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class Certificate(NamedTuple):
    """A certificate with those above it, and its key, in PEM."""

    chain: Path
    key: Path

    def check(self) -> None:
        """Raises ``StartupError`` where no server can use it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, file in (("TLS_CERT", self.chain), ("TLS_KEY", self.key)):
            try:
                file.read_bytes()
            except OSError as error:
                raise StartupError(f"USAGE_GRAPH_{name}: {file} cannot be read: {error.strerror}.") from None
        try:
            # Without a password here it would be asked for on the terminal.
            context.load_cert_chain(self.chain, self.key, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise StartupError(
                    f"USAGE_GRAPH_TLS_KEY: {self.key} is not the key of the certificate in {self.chain}."
                ) from None
            raise StartupError(
                f"USAGE_GRAPH_TLS_CERT and USAGE_GRAPH_TLS_KEY: {self.chain} and {self.key} are not a certificate and "
                "its key, in PEM and without a password."
            ) from None


def certificate_of(settings: Settings) -> Certificate | None:
    """The one to show; ``None``: the server speaks plain HTTP.

    Raises:
        StartupError: no server can use it.
    """
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    certificate = Certificate(settings.tls_cert, settings.tls_key)
    certificate.check()
    return certificate


def trusting(chain: Path) -> ssl.SSLContext:
    """For asking the server of these settings: it is the right one if it has the key of the first one in ``chain``.

    That is the server's own. Those above it in the file are not trusted: they signed others' certificates, too.
    Whatever names are in it, for on its own machine a server is called by none of them.

    Raises:
        OSError: there is no certificate.
    """
    own = _CERTIFICATE.search(chain.read_bytes())
    if own is None:
        raise OSError(f"{chain} holds no certificate in PEM.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=own[0].decode(errors="replace"))
    return context
