"""Leads Python programs that do not follow proxy variables to the proxy of ``relace-mock run``.

Python imports a module of this name when it starts. This one has no other effect: it goes on to the
user's own ``sitecustomize``, and changes modules only if a program imports them.

All of Relace's hosts get one address on loopback. A connection to any port of this address leads to
the proxy: some clients look a name up first, and later connect to the address.
"""

import errno
import os
import sys

_EXACT = "api.relace.run"
_SUFFIX = ".endpoint.relace.run"
_PROXY_HOST = "127.0.0.1"
_ADDRESS = "127.82.76.67"  # stands for every host of Relace
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_PATIENCE = 10  # seconds for the proxy to answer


class _Run:
    """What the variable of the run says: the proxy's port, and whether other hosts are blocked."""

    def __init__(self, port, block):
        self.port = port
        self.block = block
        self.authority = os.path.join(os.path.dirname(_FOLDER), "authority.pem")


def _run():
    """The run that this hook belongs to; None inside another run, which has a hook of its own."""
    port, _, rest = os.environ.get("_RELACE_MOCK_RUN", "").partition(":")
    block, _, folder = rest.partition(":")
    if os.path.join(folder, "python") != _FOLDER:
        return None
    return _Run(int(port), block == "1")


def _plain(host):
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    return host.lower().rstrip(".") if isinstance(host, str) else ""


def _is_relace(host):
    name = _plain(host)
    return name == _EXACT or (name.endswith(_SUFFIX) and name != _SUFFIX)


def _is_here(host):
    name = _plain(host)
    if name.startswith("::ffff:"):
        name = name[len("::ffff:") :]
    return (
        name in ("", "localhost", "0.0.0.0", "::", "::1")  # noqa: S104 - a client may write it
        or name.startswith("127.")
        or name.endswith(".localhost")
    )


class _Sockets:
    """The functions of ``socket`` that look names up and connect, changed for one run."""

    def __init__(self, socket, run):
        self.run = run
        self.socket = socket
        self.getaddrinfo_before = socket.getaddrinfo
        self.gethostbyname_before = socket.gethostbyname
        self.connect_before = socket.socket.connect

    def getaddrinfo(self, host, port, *more, **named):
        if _is_relace(host):
            host = _ADDRESS
        elif self.is_blocked(host) and not self.is_address(host):
            number = port if isinstance(port, int) and port else 443
            raise self.socket.gaierror(self.socket.EAI_NONAME, self.refuse(host, number))
        return self.getaddrinfo_before(host, port, *more, **named)

    def gethostbyname(self, host):
        return _ADDRESS if _is_relace(host) else self.gethostbyname_before(host)

    def led(self, connection, address):
        """Return the address that a connection goes to. Raises ``ConnectionRefusedError``."""
        if not isinstance(address, tuple) or connection.type != self.socket.SOCK_STREAM:
            return address
        host, port = address[:2]
        if host == _ADDRESS or _is_relace(host):
            return (_PROXY_HOST, self.run.port)
        if self.is_blocked(host):
            raise ConnectionRefusedError(errno.ECONNREFUSED, self.refuse(host, port))
        return address

    def is_blocked(self, host):
        own = _plain(self.socket.gethostname())
        return self.run.block and not _is_here(host) and _plain(host) != own

    def is_address(self, host):
        for family in (self.socket.AF_INET, self.socket.AF_INET6):
            try:
                self.socket.inet_pton(family, _plain(host).partition("%")[0])
            except OSError:
                continue
            return True
        return False

    def refuse(self, host, port):
        """Tell the proxy the name of a blocked host, for the summary; return the reason."""
        name = f"[{_plain(host)}]" if ":" in _plain(host) else _plain(host)
        with self.socket.socket() as report:
            report.settimeout(_PATIENCE)
            self.connect_before(report, (_PROXY_HOST, self.run.port))
            report.sendall(f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode("utf-8", "replace"))
            report.recv(1)
        return f"relace-mock run --block-others does not let {name} through"


def _change_socket(socket, run):
    changed = _Sockets(socket, run)
    connect_ex_before = socket.socket.connect_ex

    def connect(self, address):
        return changed.connect_before(self, changed.led(self, address))

    def connect_ex(self, address):
        try:
            return connect_ex_before(self, changed.led(self, address))
        except ConnectionRefusedError as error:
            return error.errno

    socket.getaddrinfo = changed.getaddrinfo
    socket.gethostbyname = changed.gethostbyname
    socket.socket.connect = connect
    socket.socket.connect_ex = connect_ex


def _change_ssl(ssl, run):
    wrap_socket = ssl.SSLContext.wrap_socket
    wrap_bio = ssl.SSLContext.wrap_bio

    def trust(context, named, positional, at):
        name = named.get("server_hostname") or (positional[at] if len(positional) > at else None)
        if _is_relace(name):
            context.load_verify_locations(run.authority)

    def wrap_socket_trusting(self, *positional, **named):
        trust(self, named, positional, 4)
        return wrap_socket(self, *positional, **named)

    def wrap_bio_trusting(self, *positional, **named):
        trust(self, named, positional, 3)
        return wrap_bio(self, *positional, **named)

    ssl.SSLContext.wrap_socket = wrap_socket_trusting
    ssl.SSLContext.wrap_bio = wrap_bio_trusting


def _change_uvloop(uvloop, run):
    """Uvloop looks names up, and connects, without the module ``socket``."""
    import socket

    look_up = uvloop.Loop.getaddrinfo
    connect = uvloop.Loop.create_connection

    async def getaddrinfo(self, host, port, **named):
        # The changed function of `socket` knows what to do, and does it without waiting long.
        if _is_relace(host) or (run.block and not _is_here(host)):
            return await self.run_in_executor(None, lambda: socket.getaddrinfo(host, port, **named))
        return await look_up(self, host, port, **named)

    async def create_connection(self, factory, host=None, port=None, **named):
        if host == _ADDRESS or _is_relace(host):
            if named.get("ssl") and not named.get("server_hostname"):
                named["server_hostname"] = host
            host, port = _PROXY_HOST, run.port
        elif run.block and host is not None and not _is_here(host):
            await getaddrinfo(self, host, port)
        return await connect(self, factory, host, port, **named)

    uvloop.Loop.getaddrinfo = getaddrinfo
    uvloop.Loop.create_connection = create_connection


def _change_aiohttp_resolver(module, run):
    """Aiohttp looks names up with aiodns where that is installed."""
    resolve = module.AsyncResolver.resolve

    async def resolve_led(self, host, *more, **named):
        if _is_relace(host) or (run.block and not _is_here(host)):
            return await module.ThreadedResolver().resolve(host, *more, **named)
        return await resolve(self, host, *more, **named)

    module.AsyncResolver.resolve = resolve_led


_CHANGES = {
    "socket": _change_socket,
    "ssl": _change_ssl,
    "uvloop": _change_uvloop,
    "aiohttp.resolver": _change_aiohttp_resolver,
}


class _Loader:
    """Loads a module as usual, then changes it."""

    def __init__(self, loader, change):
        self._loader = loader
        self._change = change

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._change(module)


class _Finder:
    """Finds the modules of ``_CHANGES`` where they are, and has them changed once loaded."""

    def __init__(self, run):
        self._run = run
        self._left = dict(_CHANGES)

    def find_spec(self, name, path=None, target=None):
        change = self._left.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, lambda module: change(module, self._run))
                return spec
        return None


def _install(run):
    finder = _Finder(run)
    for name, change in _CHANGES.items():
        if name in sys.modules:
            change(sys.modules[name], run)
    sys.meta_path.insert(0, finder)


def _go_on():
    """Run the user's own ``sitecustomize``, which this module stands in front of."""
    from importlib.machinery import PathFinder

    sys.path[:] = [each for each in sys.path if os.path.abspath(each or os.curdir) != _FOLDER]
    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        from importlib.util import module_from_spec

        module = sys.modules["sitecustomize"] = module_from_spec(spec)
        spec.loader.exec_module(module)


_found = _run()
if _found is not None:
    _install(_found)
_go_on()
