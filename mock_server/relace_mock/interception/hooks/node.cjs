// Leads Node programs to the proxy of `relace-mock run`: neither `fetch` nor `https` of Node 20 follows
// proxy variables. Every connection, TLS or not, is opened by `net.Socket.connect`.

'use strict';

const EXACT = 'api.relace.run';
const SUFFIX = '.endpoint.relace.run';
const PROXY_HOST = '127.0.0.1';

// The port, whether other hosts are blocked, and the folder of the run. Inside another run, only the
// hook of that one is active.
const [port, block, ...folder] = (process.env._RELACE_MOCK_RUN || '').split(':');
if (folder.join(':') === __dirname) lead(Number(port), block === '1');

function lead(proxyPort, blocksOthers) {
  const net = require('net');
  const tls = require('tls');
  const authority = require('fs').readFileSync(require('path').join(__dirname, 'authority.pem'));
  const connect = net.Socket.prototype.connect;
  const connectSecurely = tls.connect;

  net.Socket.prototype.connect = function (...given) {
    // `net.connect` and `tls.connect` give their arguments in one array.
    const list = Array.isArray(given[0]) ? given[0] : given;
    const { host, port: wanted } = destination(list);
    if (wanted === undefined) return connect.apply(this, given); // a path: a Unix socket
    if (isRelace(host)) {
      redirect(list, { host: PROXY_HOST, port: proxyPort });
    } else if (blocksOthers && !isHere(host)) {
      return refuse(this, host, wanted);
    }
    return connect.apply(this, given);
  };

  tls.connect = function (...given) {
    const at = given.findIndex((each) => each !== null && typeof each === 'object');
    const options = at < 0 ? {} : given[at];
    const host = options.host || (typeof given[1] === 'string' ? given[1] : '');
    if (isRelace(options.servername || host)) {
      const more = { ...options, servername: options.servername || host };
      if (options.ca) more.ca = [].concat(options.ca, authority);
      if (at >= 0) given[at] = more;
      else given.splice(typeof given[1] === 'string' ? 2 : 1, 0, more);
    }
    return connectSecurely.apply(this, given);
  };
  require('module').syncBuiltinESMExports();

  // Tell the proxy the name for the summary, then fail as if nothing listened there.
  function refuse(socket, host, wanted) {
    const name = host.includes(':') ? `[${host}]` : host;
    const report = connect.call(new net.Socket(), proxyPort, PROXY_HOST);
    const message = `relace-mock run --block-others does not let ${host}:${wanted} through`;
    report.on('error', () => {});
    report.on('close', () => {
      socket.destroy(Object.assign(new Error(message), { code: 'ECONNREFUSED' }));
    });
    report.end(`CONNECT ${name}:${wanted} HTTP/1.1\r\n\r\n`);
    report.resume();
    socket.connecting = true; // so that a request waits for the error, and is not written
    return socket;
  }
}

function destination(list) {
  const [first, second] = list;
  if (first !== null && typeof first === 'object') {
    return { host: first.host || 'localhost', port: first.path ? undefined : first.port };
  }
  const isPort = typeof first === 'number' || /^\d+$/.test(first);
  const host = typeof second === 'string' ? second : 'localhost';
  return { host, port: isPort ? first : undefined };
}

function redirect(list, to) {
  if (typeof list[0] === 'object') {
    list[0] = { ...list[0], ...to };
  } else {
    list[0] = to.port;
    list[1] = to.host;
  }
}

function plain(host) {
  return String(host).toLowerCase().replace(/\.$/, '');
}

function isRelace(host) {
  const name = plain(host);
  return name === EXACT || (name.endsWith(SUFFIX) && name !== SUFFIX);
}

function isHere(host) {
  const name = plain(host);
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '::' ||
    name === '::1' ||
    name === '0.0.0.0' ||
    /^(::ffff:)?127\./.test(name) ||
    name === plain(require('os').hostname())
  );
}
