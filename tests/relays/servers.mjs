// Debian's Postfix and Exim as processes of the test: on ports of their own, with
// all of their files in a folder of their own. What they take they pass on to a
// sink. A server that cannot run here is null, and says why.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { root, until } from '../e2e/lib.mjs'

const SBIN = '/usr/lib/postfix/sbin'
const EXIM = path.resolve(process.env.RELAYS ?? path.join(root, 'build/relays'))
export const login = { user: 'nudge', password: 'sesame' }
export const perConnection = 5 // Exim's bound; then 421

const passwd = (file) => fs.readFileSync(file, 'utf8')
const user = (name) => {
	const line = passwd('/etc/passwd').split('\n').find((row) => row.startsWith(`${name}:`))
	return line && { uid: Number(line.split(':')[2]), gid: Number(line.split(':')[3]) }
}

function folder(owner) {
	const dir = fs.mkdtempSync('/tmp/nudge-relay-')
	fs.chmodSync(dir, 0o755)
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
		'-addext', 'subjectAltName=DNS:localhost', '-keyout', `${dir}/key.pem`,
		'-out', `${dir}/cert.pem`], { stdio: 'ignore' })
	fs.chownSync(`${dir}/key.pem`, owner.uid, owner.gid)
	return dir
}

async function freePort() {
	const server = net.createServer().listen(0, '127.0.0.1')
	await once(server, 'listening')
	const { port } = server.address()
	await new Promise((done) => server.close(done))
	return port
}

const answers = (port) => new Promise((done) => {
	const socket = net.connect(port, '127.0.0.1')
	socket.once('data', () => { socket.destroy(); done(true) })
	socket.once('error', () => done(false))
	setTimeout(() => { socket.destroy(); done(false) }, 1000)
})

// Does a process have this in its command line?
const isNamed = (text) => fs.readdirSync('/proc').some((pid) => {
	try {
		return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text)
	} catch {
		return false // it has just ended
	}
})

// Ended by the pid that we started, with all that it started itself.
async function start(t, relay, command, args, env) {
	const child = spawn(command, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
	relay.log = ''
	for (const stream of [child.stdout, child.stderr])
		stream.on('data', (data) => { relay.log += data })
	const ended = once(child, 'exit')
	t.after(async () => {
		try { process.kill(-child.pid, 'SIGTERM') } catch {}
		await ended
		await until(`${relay.name}'s deliveries to end`, () => !isNamed(relay.dir))
		fs.rmSync(relay.dir, { recursive: true, force: true, maxRetries: 5 })
	})
	ended.then(() => { relay.ended = true })
	await until(`${relay.name} to answer`, () => {
		if (relay.ended) throw new Error(`${relay.name} ended: ${relay.log}`)
		return answers(relay.port)
	})
	return relay
}

// ------------------------------------------------------------------ Postfix

const POSTFIX_FOLDERS = ['active', 'bounce', 'corrupt', 'defer', 'deferred', 'flush',
	'hold', 'incoming', 'maildrop', 'private', 'public', 'saved', 'trace']

const mainCf = (dir, sinkPort) => `
compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
daemon_directory = ${SBIN}
mail_owner = postfix
maillog_file =
inet_protocols = ipv4
inet_interfaces = 127.0.0.1
myhostname = relay.example
mydestination =
mynetworks =
relayhost = [127.0.0.1]:${sinkPort}
smtp_tls_security_level = none
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${dir}/cert.pem
smtpd_tls_key_file = ${dir}/key.pem
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = ${dir}/sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{
  { gone@example.com = 550 5.1.1 no such user } { spam@example.com = 550 5.7.1 not from you }}
smtpd_peername_lookup = no
smtputf8_enable = yes
message_size_limit = 60000
`
const masterCf = (port, tlsPort) => `
127.0.0.1:${port}    inet n - n - - smtpd
127.0.0.1:${tlsPort} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
${['cleanup unix n - n - 0', 'qmgr unix n - n 300 1', 'tlsmgr unix - - n 1000? 1',
	'rewrite unix - - n - -', 'bounce unix - - n - 0', 'defer unix - - n - 0',
	'trace unix - - n - 0', 'smtp unix - - n - -', 'error unix - - n - -',
	'retry unix - - n - -', 'discard unix - - n - -', 'anvil unix - - n - 1',
	'scache unix - - n - 1', 'postlog unix-dgram n - n - 1', 'proxymap unix - - n - -',
	'verify unix - - n - 1', 'flush unix n - n 1000? 0', 'showq unix n - n - -']
	.map((line) => {
		const [name] = line.split(' ')
		const program = { rewrite: 'trivial-rewrite', defer: 'bounce', trace: 'bounce',
			retry: 'error', postlog: 'postlogd' }[name] ?? name
		return `${line} ${program}`
	}).join('\n')}
`

// Cyrus' sasldb: user, realm and property with NULs between them.
const SASLDB = `use DB_File; my ($file, $user, $realm, $password) = @ARGV;
tie my %db, 'DB_File', $file, O_CREAT|O_RDWR, 0644, $DB_HASH or die $!;
$db{"$user\\0$realm\\0userPassword"} = $password;`

export async function postfix(t, sink) {
	const owner = user('postfix')
	if (process.getuid() !== 0) return { why: 'Postfix must be started by root' }
	if (!owner || !fs.existsSync(`${SBIN}/master`)) return { why: 'no Postfix' }
	const dir = folder({ uid: 0, gid: 0 })
	for (const name of ['', ...POSTFIX_FOLDERS, 'pid']) {
		fs.mkdirSync(`${dir}/queue/${name}`, { recursive: true })
		if (name && name !== 'pid') fs.chownSync(`${dir}/queue/${name}`, owner.uid, owner.gid)
	}
	fs.mkdirSync(`${dir}/data`)
	fs.chownSync(`${dir}/data`, owner.uid, owner.gid)
	fs.mkdirSync(`${dir}/sasl`)
	fs.writeFileSync(`${dir}/sasl/smtpd.conf`, `pwcheck_method: auxprop
auxprop_plugin: sasldb\nsasldb_path: ${dir}/sasl/db\nmech_list: PLAIN LOGIN\n`)
	execFileSync('perl', ['-e', SASLDB, `${dir}/sasl/db`, login.user, 'relay.example', login.password])
	const relay = { name: 'Postfix', dir, port: await freePort(), tlsPort: await freePort(),
		ca: `${dir}/cert.pem` }
	fs.writeFileSync(`${dir}/main.cf`, mainCf(dir, sink.port))
	fs.writeFileSync(`${dir}/master.cf`, masterCf(relay.port, relay.tlsPort))
	return start(t, relay, `${SBIN}/master`, ['-c', dir, '-d'],
		{ PATH: process.env.PATH, MAIL_CONFIG: dir })
}

// --------------------------------------------------------------------- Exim

const eximConf = (dir, relay, sinkPort) => `
exim_path = ${EXIM}/usr/sbin/exim4
exim_user = mail
exim_group = mail
keep_environment = LD_PRELOAD : LD_LIBRARY_PATH : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%slog
primary_hostname = relay.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${relay.port} : ${relay.tlsPort}
tls_on_connect_ports = ${relay.tlsPort}
tls_advertise_hosts = *
tls_certificate = ${dir}/cert.pem
tls_privatekey = ${dir}/key.pem
auth_advertise_hosts = \${if eq{$tls_in_cipher}{}{}{*}}
smtp_accept_max_per_connection = ${perConnection}
smtp_accept_max_nonmail = 100
message_size_limit = 60000
smtputf8_advertise_hosts = *
acl_smtp_rcpt = rcpt
host_lookup =
rfc1413_query_timeout = 0s
begin acl
rcpt:
  deny local_parts = gone
       message = 5.1.1 no such user
  deny local_parts = spam
       message = 5.7.1 not from you
  accept authenticated = *
  deny message = 5.7.1 log in first
begin routers
sink:
  driver = manualroute
  transport = sink
  route_list = * 127.0.0.1
  self = send
begin transports
sink:
  driver = smtp
  port = ${sinkPort}
  hosts_avoid_tls = *
  hosts_try_chunking =
  allow_localhost
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{$auth2}{${login.user}}}{eq{$auth3}{${login.password}}}}}
  server_set_id = $auth2
`

export async function exim(t, sink) {
	const lib = `${EXIM}/usr/lib/${execFileSync('gcc', ['-print-multiarch']).toString().trim()}`
	const owner = user('mail')
	if (process.getuid() !== 0) return { why: 'Exim must be started by root' }
	if (!fs.existsSync(`${EXIM}/usr/sbin/exim4`)) return { why: `no Exim in ${EXIM}` }
	const dir = folder(owner)
	for (const name of ['spool', 'log']) {
		fs.mkdirSync(`${dir}/${name}`)
		fs.chownSync(`${dir}/${name}`, owner.uid, owner.gid)
	}
	// Debian's Exim wants a user of its own, which an unpacked one has not made.
	fs.writeFileSync(`${dir}/passwd`, passwd('/etc/passwd') +
		`Debian-exim:x:${owner.uid}:${owner.gid}::/nonexistent:/bin/false\n`)
	fs.writeFileSync(`${dir}/group`, passwd('/etc/group') + `Debian-exim:x:${owner.gid}:\n`)
	const relay = { name: 'Exim', dir, port: await freePort(), tlsPort: await freePort(),
		ca: `${dir}/cert.pem` }
	fs.writeFileSync(`${dir}/exim.conf`, eximConf(dir, relay, sink.port))
	return start(t, relay, `${EXIM}/usr/sbin/exim4`, ['-C', `${dir}/exim.conf`, '-bdf'],
		{ PATH: process.env.PATH, LD_LIBRARY_PATH: lib, LD_PRELOAD: `${lib}/libnss_wrapper.so`,
			NSS_WRAPPER_PASSWD: `${dir}/passwd`, NSS_WRAPPER_GROUP: `${dir}/group` })
}
