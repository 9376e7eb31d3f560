// What the end-to-end tests share: workspaces, the worker as a process, a clock
// that stands still, and servers that take what it sends.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { simpleParser } from 'mailparser'
import { SMTPServer } from 'smtp-server'

const here = path.dirname(fileURLToPath(import.meta.url))
export const root = path.resolve(here, '../..')
export const shared = process.env.NUDGE_SHARED ?? path.resolve(root, '../shared')
export const program = process.env.NUDGE ?? path.join(root, 'build/nudge')
export const writeKey = 'test-write-key'
export const token = 'test-operator-token'

const PATIENCE_MS = 15000

// What a test made ends in the opposite order: a worker before its folder.
const endings = new WeakMap()
export function atEnd(t, end) {
	if (!endings.has(t)) {
		endings.set(t, [])
		t.after(async () => {
			for (const one of endings.get(t).reverse()) await one()
		})
	}
	endings.get(t).push(end)
}

// Waits until check() gives something true, and gives that.
export async function until(what, check, patience = PATIENCE_MS) {
	const deadline = Date.now() + patience
	for (;;) {
		const result = await check()
		if (result) return result
		if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`)
		await new Promise((done) => setTimeout(done, 5))
	}
}

// Nothing of the tester's own environment may leak into the program.
function environment(more) {
	const { PATH, HOME } = process.env
	return { PATH, HOME, ...more }
}

// Runs the program to its end.
export async function nudge(args, { cwd, env, input } = {}) {
	const child = spawn(program, args, { cwd, env: environment(env) })
	let stdout = '', stderr = ''
	child.stdout.on('data', (data) => { stdout += data })
	child.stderr.on('data', (data) => { stderr += data })
	child.stdin.on('error', () => {})
	child.stdin.end(input)
	const killer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
	const [code, signal] = await once(child, 'close')
	clearTimeout(killer)
	return { code, signal, stdout, stderr }
}

// ... at a terminal, where `typed` is typed.
export function atTerminal(args, { typed = '', env } = {}) {
	const { status, stdout } = spawnSync('python3', ['-c', `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))`, program, ...args],
	{ input: `${typed}\n`, encoding: 'utf8', timeout: PATIENCE_MS, env: environment(env) })
	return { code: status, shown: stdout }
}

export const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'))
export const writeJson = (file, value) =>
	fs.writeFileSync(file, JSON.stringify(value, null, '\t') + '\n')

// Puts something else in a file of a workspace.
export function edit(dir, file, from, to) {
	const text = fs.readFileSync(path.join(dir, file), 'utf8')
	if (!text.includes(from)) throw new Error(`${file} has no ${from}`)
	fs.writeFileSync(path.join(dir, file), text.replace(from, to))
}

export const freePort = () => new Promise((done) => {
	const server = net.createServer().listen(0, '127.0.0.1', () => {
		const { port } = server.address()
		server.close(() => done(port))
	})
})

// A new workspace with known keys; edit(settings, folder) may change it.
export async function workspace(t, edit = () => {}) {
	const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-'))
	const dir = path.join(parent, 'workspace')
	atEnd(t, () => fs.rmSync(parent, { recursive: true, force: true }))
	const made = await nudge(['init', dir])
	if (made.code !== 0) throw new Error(`init: ${made.stderr}`)
	const file = path.join(dir, 'nudge.json')
	const settings = readJson(file)
	settings.listen = '127.0.0.1:0'
	settings.keys = { write: [writeKey], operator: [token] }
	settings.sender = { name: 'Acme', address: 'hello@acme.example',
		postal: '1 Main Street, Springfield' }
	settings.variables = { product_name: 'Acme', app_url: 'https://app.acme.example' }
	settings.drain = '5s'
	edit(settings, dir)
	writeJson(file, settings)
	return dir
}

// Of the shipped sequences only this one: for counting its messages.
export function keepSequence(dir, name) {
	for (const file of fs.readdirSync(path.join(dir, 'sequences')))
		if (file !== `${name}.json`) fs.rmSync(path.join(dir, 'sequences', file))
}

export class Worker {
	// Starts it and waits until it listens.
	static async start(t, dir, options) {
		const worker = new Worker(t, dir, options)
		await worker.listening()
		return worker
	}

	constructor(t, dir, { clock, env, args = [] } = {}) {
		const flags = ['run', '-C', dir, ...args]
		if (clock) flags.push('--test-clock', clock)
		this.log = ''
		this.out = ''
		this.child = spawn(program, flags, { env: environment(env) })
		this.child.stdout.on('data', (data) => { this.out += data })
		this.child.stderr.on('data', (data) => { this.log += data })
		this.ended = once(this.child, 'close').then(([code, signal]) => {
			this.exit = { code, signal }
			return this.exit
		})
		atEnd(t, () => this.kill())
	}

	async listening() {
		const found = await until('the worker to listen', () => {
			if (this.exit)
				throw new Error(`the worker ended with ${this.exit.code}: ${this.log}`)
			return /http:\/\/127\.0\.0\.1:\d+/.exec(this.out)
		})
		this.url = found[0]
	}

	async kill(signal = 'SIGKILL') {
		if (!this.exit) this.child.kill(signal)
		return this.ended
	}

	stop() {
		return this.kill('SIGTERM')
	}

	fetch(where, options) {
		return fetch(this.url + where, options)
	}

	// A request of the tracking API with the right key.
	post(where, body, headers = {}) {
		return this.fetch(where, { method: 'POST', body:
			typeof body === 'string' || body instanceof Uint8Array
				? body : JSON.stringify(body),
		headers: { authorization: basic(writeKey), ...headers } })
	}

	// Events that must be taken.
	async events(...batch) {
		const reply = await this.post('/v1/batch', { batch })
		const text = await reply.text()
		if (reply.status !== 200) throw new Error(`events: ${reply.status} ${text}`)
	}

	// A call of the operators' API: [status, body].
	async call(where, body, headers = {}) {
		const reply = await this.fetch(where, {
			method: body === undefined ? 'GET' : 'POST',
			body: body === undefined ? undefined : JSON.stringify(body),
			headers: { authorization: `Bearer ${token}`, ...headers } })
		const text = await reply.text()
		return [reply.status, text === '' ? null : JSON.parse(text)]
	}

	// ... that must succeed: the body.
	async get(where, body, headers) {
		const [status, answer] = await this.call(where, body, headers)
		if (status !== 200)
			throw new Error(`${where}: ${status} ${JSON.stringify(answer)}`)
		return answer
	}

	person(id) {
		return this.get(`/v1/people/${encodeURIComponent(id)}`)
	}

	async messages(query = '') {
		return (await this.get(`/v1/messages?limit=500&${query}`)).messages
	}

	// Moves a test clock, and lets all happen that is due on the way.
	async moveTo(when, patience) {
		const to = Date.parse(when)
		await until(`the clock to reach ${when}`, async () => {
			const at = await this.get('/v1/clock', { to: new Date(to).toISOString() })
			return at.idle && Date.parse(at.now) === to
		}, patience)
	}
}

// A bare connection: what it got, and whether the other side has closed it.
class Wire {
	constructor(t, worker) {
		this.socket = net.connect(new URL(worker.url).port, '127.0.0.1')
		this.got = ''
		this.closed = false
		this.socket.on('data', (data) => { this.got += data })
		this.socket.on('error', () => {})
		this.socket.on('close', () => { this.closed = true })
		t.after(() => this.socket.destroy())
	}

	async open() {
		await once(this.socket, 'connect')
		return this
	}

	send(text) {
		if (!this.closed) this.socket.write(text)
	}

	end(what) {
		return until(what, () => this.closed)
	}
}
export const wire = (t, worker) => new Wire(t, worker).open()

export const basic = (key) => 'Basic ' + Buffer.from(key + ':').toString('base64')

export const identify = (userId, traits, more = {}) =>
	({ type: 'identify', userId, traits, ...more })
export const track = (userId, event, properties = {}, more = {}) =>
	({ type: 'track', userId, event, properties, ...more })

// An SMTP server. refuse(stage, address, mail) may give [code, text] to refuse
// at "mail", "rcpt" or "data".
export async function smtpSink(t, { refuse = () => null, port = 0, ...options } = {}) {
	const sink = { mails: [], refuse }
	const answer = (done, refused) => {
		if (!refused) return done()
		const error = new Error(refused[1])
		error.responseCode = refused[0]
		done(error)
	}
	const server = new SMTPServer({
		disabledCommands: options.key ? [] : ['AUTH', 'STARTTLS'],
		authOptional: true, disableReverseLookup: true, logger: false, closeTimeout: 1,
		onMailFrom: (from, session, done) =>
			answer(done, sink.refuse('mail', from.address)),
		onRcptTo: (to, session, done) =>
			answer(done, sink.refuse('rcpt', to.address)),
		onData(stream, session, done) {
			const chunks = []
			stream.on('data', (chunk) => chunks.push(chunk))
			stream.on('end', () => {
				const { envelope, secure, user } = session
				const mail = { raw: Buffer.concat(chunks), secure, user,
					from: envelope.mailFrom.address,
					to: envelope.rcptTo.map((rcpt) => rcpt.address) }
				const refused = sink.refuse('data', mail.to[0], mail)
				if (!refused) sink.mails.push(mail)
				answer(done, refused)
			})
		},
		...options,
	})
	server.on('error', () => {})
	// Its replies come in pieces; held back, each would wait for the client's ACK.
	server.server.on('connection', (socket) => socket.setNoDelay(true))
	server.listen(port, '127.0.0.1')
	await once(server.server, 'listening')
	sink.port = server.server.address().port
	sink.close = () => new Promise((done) => server.close(done))
	sink.wait = (count) => until(`${count} mails`, () =>
		sink.mails.length >= count && sink.mails)
	sink.parsed = () => Promise.all(sink.mails.map(parse))
	atEnd(t, sink.close)
	return sink
}

export const smtpChannel = (sink, more = {}) =>
	({ type: 'smtp', host: '127.0.0.1', port: sink.port, tls: 'none', ...more })

// The raw bytes as a mail reader sees them.
export const parse = (mail) => simpleParser(mail.raw, { skipImageLinks: true })

// An HTTP server that notes each request; answer(request) may give a status, or
// { status, headers, body }, or null for no answer at all.
export async function webSink(t, answer = () => 200, { port = 0, ...options } = {}) {
	const sink = { requests: [], answer }
	const { createServer } = options.key ? https : http
	const server = createServer(options, (request, response) => {
		const chunks = []
		request.on('data', (chunk) => chunks.push(chunk))
		request.on('end', () => {
			const { method, url, headers } = request
			const note = { method, url, headers, body: Buffer.concat(chunks).toString() }
			sink.requests.push(note)
			const given = sink.answer(note, sink.requests.length)
			if (given === null) return
			const reply = typeof given === 'number' ? { status: given } : given
			response.writeHead(reply.status, reply.headers)
			response.end(reply.body ?? '')
		})
	})
	server.listen(port, '127.0.0.1')
	await once(server, 'listening')
	sink.port = server.address().port
	sink.url = options.key ? `https://localhost:${sink.port}`
		: `http://127.0.0.1:${sink.port}`
	sink.wait = (count) => until(`${count} requests`, () =>
		sink.requests.length >= count && sink.requests)
	sink.close = () => {
		server.closeAllConnections()
		return new Promise((done) => server.close(done))
	}
	atEnd(t, sink.close)
	return sink
}

// A worker that mails to a sink of its own.
export async function mailing(t, { clock, channel = {}, edit = () => {}, ...sinkOptions } = {}) {
	const sink = await smtpSink(t, sinkOptions)
	const dir = await workspace(t, (settings, folder) => {
		settings.channels.email = smtpChannel(sink, channel)
		edit(settings, folder)
	})
	const worker = await Worker.start(t, dir, { clock })
	return { sink, dir, worker }
}
