// What whoever runs it sees and relies on: limits on clients, metrics, health,
// logs, systemd.
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import test from 'node:test'
import zlib from 'node:zlib'
import { atTerminal, basic, identify, mailing, nudge, program, root, token, track, until, webSink,
	wire, Worker, workspace, writeJson, writeKey } from './lib.mjs'

const start = async (t, limits = {}, options = {}) => {
	const dir = await workspace(t, (settings) => {
		settings.limits = limits
		Object.assign(settings, options.settings)
	})
	return { dir, worker: await Worker.start(t, dir, options) }
}

const event = JSON.stringify(track('ada', 'E'))
const request = `POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(writeKey)}\r\n` +
	`Content-Length: ${event.length}\r\n\r\n${event}`

// ----------------------------------------------------------------- clients

test('who sends a byte now and then is cut off with 408, in its headers or its body',
	async (t) => {
		const { worker } = await start(t, { time: '1s' })
		const slow = [await wire(t, worker), await wire(t, worker)]
		const texts = [request, request.slice(request.indexOf('\r\n\r\n') + 4)]
		slow[1].send(request.slice(0, request.indexOf('\r\n\r\n') + 4))
		let sent = 0
		const trickle = setInterval(() =>
			slow.forEach((one, i) => one.send(texts[i][sent++ % 20])), 50)
		t.after(() => clearInterval(trickle))
		for (const one of slow) {
			await one.end('the slow one to be cut off')
			assert.match(one.got, /^HTTP\/1\.1 408 /)
		}
		await worker.events(track('ada', 'E'))
	})

test('a connection that says nothing is closed; one that works stays open', async (t) => {
	const { worker } = await start(t, { time: '1s' })
	const busy = await wire(t, worker), silent = await wire(t, worker)
	const work = setInterval(() => busy.send(request), 100)
	t.after(() => clearInterval(work))
	await silent.end('the silent one to be closed')
	assert.equal(silent.got, '')
	const answers = () => busy.got.split('HTTP/1.1 200').length - 1
	const before = answers()
	await until('more answers', () => answers() > before + 15)
	assert.equal(busy.closed, false)
})

test('connections are bounded: the idle make room, and else there is a 503', async (t) => {
	const { worker } = await start(t, { connections: 3, time: '20s' })
	const first = await wire(t, worker)
	first.send(request)
	await until('an answer', () => first.got.includes('200 OK'))
	const halves = []
	for (let i = 0; i < 3; i++) {
		const half = await wire(t, worker)
		half.send(request.slice(0, 40))
		halves.push(half)
	}
	await first.end('the idle one to make room')
	const late = await wire(t, worker)
	await late.end('the one too many to be refused')
	assert.match(late.got, /^HTTP\/1\.1 503 [^]*\r\nRetry-After: \d+\r\n/i)
	halves[0].send(request.slice(40))
	await until('an answer', () => halves[0].got.includes('200 OK'))
	assert.ok(halves.every((half) => !half.closed))
	const next = await wire(t, worker)
	next.send(request)
	await until('an answer', () => next.got.includes('200 OK'))
})

test('a flood of connections that die leaves nothing behind', async (t) => {
	const { worker } = await start(t)
	for (let round = 0; round < 20; round++) {
		const wires = await Promise.all(Array.from({ length: 20 }, () => wire(t, worker)))
		wires.forEach((one, i) => {
			if (i % 2) one.send(request.slice(0, 10 * i))
			one.socket.resetAndDestroy()
		})
	}
	await until('all of them to be gone', async () => {
		const text = await (await worker.fetch('/metrics')).text()
		return / 1\n/.test(/^nudge_http_connections .*\n/m.exec(text)[0])
	})
})

test('where files run short, fewer connections are taken, and none is left waiting',
	async (t) => {
		const dir = await workspace(t)
		const child = spawn('sh', ['-c', 'ulimit -n 100; exec "$@"', '-', program, 'run',
			'-C', dir], { env: { PATH: process.env.PATH } })
		t.after(() => child.kill('SIGKILL'))
		let out = '', log = ''
		child.stdout.on('data', (data) => { out += data })
		child.stderr.on('data', (data) => { log += data })
		const [url] = await until('it to listen', () => /http:\S+:\d+/.exec(out))
		assert.match(log, /100 files open/)
		const halves = []
		child.kill('SIGSTOP') // so that all of them arrive at once
		for (let i = 0; i < 120; i++) {
			const half = await wire(t, { url })
			half.send(request.slice(0, 40))
			halves.push(half)
		}
		child.kill('SIGCONT')
		// refused, or closed as one that has said nothing yet
		const gone = (half) => half.closed || half.got.startsWith('HTTP/1.1 503')
		await until('70 to be refused', () => halves.filter(gone).length >= 70)
		const taken = halves.filter((half) => !gone(half))
		assert.ok(taken.length > 0)
		taken[0].send(request.slice(40))
		await until('an answer', () => taken[0].got.includes('200 OK'))
		assert.ok(!log.includes('Too many open files'))
	})

test('headers, depth and size have bounds, and refusals are said in JSON', async (t) => {
	const { worker } = await start(t, { headers: 4096, depth: 10, body: 20000 })
	const deep = (n) => `{"userId":"ada","event":"E","properties":{"a":${'['.repeat(n)}${']'.repeat(n)}}}`
	assert.equal((await worker.post('/v1/track', deep(8))).status, 200)
	for (const [body, status, code] of [[deep(9), 400, 'invalid_request'],
		[deep(10000), 413, 'too_large'], ['"[[[['.repeat(2000), 400, 'invalid_request']]) {
		const reply = await worker.post('/v1/track', body)
		assert.equal(reply.status, status)
		assert.equal(reply.headers.get('access-control-allow-origin'), '*')
		const told = await reply.json()
		assert.deepEqual([told.success, told.code], [false, code])
	}
	assert.equal((await worker.post('/v1/track', deep(1), { 'x-long': 'x'.repeat(5000) })
		.catch(() => ({ status: 400 }))).status, 400)
	const huge = await wire(t, worker)
	huge.send(`POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n`)
	await until('an answer', () => /^HTTP\/1\.1 413 /.test(huge.got))
})

test('what the browser client of Segment asks and sends', async (t) => {
	const { worker } = await start(t)
	const origin = 'https://app.acme.example'
	for (const at of ['/v1/t', '/v1/i', '/v1/p', '/v1/b']) {
		const asked = await worker.fetch(at, { method: 'OPTIONS', headers: { origin,
			'access-control-request-method': 'POST',
			'access-control-request-headers': 'authorization,content-type,x-retry-count' } })
		assert.equal(asked.status, 200)
		assert.equal(asked.headers.get('access-control-allow-origin'), '*')
		const allowed = asked.headers.get('access-control-allow-headers').toLowerCase()
		for (const name of ['authorization', 'content-type', 'x-retry-count'])
			assert.ok(allowed.split(/, */).includes(name), name)
		assert.match(asked.headers.get('access-control-allow-methods'), /\bPOST\b/)
	}
	const sent = await worker.fetch('/v1/t', { method: 'POST',
		headers: { origin, 'content-type': 'text/plain', authorization: basic(writeKey) },
		body: JSON.stringify({ ...track('ada', 'E'), writeKey, sentAt: new Date() }) })
	assert.equal(sent.status, 200)
	assert.equal(sent.headers.get('access-control-allow-origin'), '*')
	const refused = await worker.fetch('/v1/t', { method: 'POST', body: event,
		headers: { origin, 'content-type': 'text/plain' } })
	assert.equal(refused.status, 401)
	assert.equal(refused.headers.get('access-control-allow-origin'), '*')
})

test('each path says which methods it has, and HEAD is GET without a body', async (t) => {
	const { worker } = await start(t)
	await worker.events(...[0, 1].map(() => identify('ada', { email: 'ada@example.com' })),
		{ type: 'group', userId: 'ada', groupId: 'acme' })
	const authorization = `Bearer ${token}`
	for (const [where, allow] of [['/v1/batch', 'POST, OPTIONS'], ['/v1/t', 'POST, OPTIONS'],
		['/v1/pixel/track', 'GET, HEAD'], ['/healthz', 'GET, HEAD'], ['/readyz', 'GET, HEAD'],
		['/metrics', 'GET, HEAD'], ['/v1/discarded', 'GET, HEAD'], ['/v1/people', 'GET, HEAD'],
		['/v1/people/ada', 'GET, HEAD'], ['/v1/people/ada/timeline', 'GET, HEAD, POST'],
		['/v1/people/ada/enter', 'POST'], ['/v1/accounts/acme', 'GET, HEAD'],
		['/v1/messages', 'GET, HEAD'], ['/v1/messages/x/retry', 'POST'], ['/v1/send', 'POST'],
		['/v1/sequences', 'GET, HEAD'], ['/v1/channels', 'GET, HEAD'], ['/u/x', 'GET, HEAD, POST']]) {
		const is = allow.split(', ')
		for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
			if (is.includes(method)) continue
			const reply = await worker.fetch(where, { method, headers: { authorization } })
			assert.equal(reply.status, 405, `${method} ${where}`)
			assert.equal(reply.headers.get('allow'), allow, `${method} ${where}`)
			assert.equal(reply.headers.get('content-type'), 'application/problem+json')
			assert.equal((await reply.json()).status, 405)
		}
		if (!is.includes('HEAD') || where.startsWith('/u/') || where.includes('pixel')) continue
		const at = `${where}?q=ada`
		const [get, head] = await Promise.all(['GET', 'HEAD'].map((method) =>
			worker.fetch(at, { method, headers: { authorization } })))
		assert.deepEqual([head.status, head.headers.get('content-type'), await head.text()],
			[get.status, get.headers.get('content-type'), ''], where)
		if (!/metrics|v1.discarded/.test(where))
			assert.equal(head.headers.get('content-length'), String((await get.text()).length))
	}
	assert.equal((await worker.fetch('/v1/nothing', { method: 'DELETE' })).status, 404)
	const nobody = await worker.fetch('/v1/messages')
	assert.equal(nobody.status, 401)
	assert.equal(nobody.headers.get('www-authenticate'), 'Bearer realm="nudge"')
})

test('a request\'s X-Request-Id comes back, whatever the answer', async (t) => {
	const { worker } = await start(t)
	const ask = async (where, id, more = {}) => (await worker.fetch(where,
		{ ...more, headers: { 'x-request-id': id } })).headers.get('x-request-id')
	for (const where of ['/healthz', '/metrics', '/v1/nothing', '/v1/people/ada', '/u/x'])
		assert.equal(await ask(where, `id of ${where}`), `id of ${where}`)
	assert.equal(await ask('/v1/track', 'a-b-c', { method: 'POST', body: event }), 'a-b-c')
	assert.equal(await ask('/healthz', 'x'.repeat(1000)), null)
	assert.equal((await worker.fetch('/healthz')).headers.get('x-request-id'), null)
})

test('a body is read as what it is; what cannot be is told how it may be packed', async (t) => {
	const { worker } = await start(t)
	const gzip = zlib.gzipSync(event)
	for (const [body, coding, status] of [[event, 'identity', 200], [gzip, 'gzip', 200],
		[gzip, 'x-gzip', 200], [zlib.brotliCompressSync(event), 'br', 415],
		[zlib.deflateRawSync(event), 'deflate', 415], [gzip.subarray(0, 20), 'gzip', 400]]) {
		const reply = await worker.post('/v1/track', body, { 'content-encoding': coding })
		assert.equal(reply.status, status, coding)
		assert.equal(reply.headers.get('accept-encoding'), status === 415 ? 'gzip' : null)
		if (status === 415) assert.match((await reply.json()).message, /gzip/)
	}
	const patient = await wire(t, worker)
	const [head, body] = request.split('\r\n\r\n')
	patient.send(`${head}\r\nExpect: 100-continue\r\n\r\n`)
	await until('leave to go on', () => patient.got.startsWith('HTTP/1.1 100 '))
	patient.send(body)
	await until('an answer', () => patient.got.includes('HTTP/1.1 200 '))
})

test('while it drains, each answer is the last of its connection', async (t) => {
	let release
	const held = new Promise((done) => { release = done })
	const arrived = []
	const { worker } = await mailing(t, { onData(stream, session, done) {
		arrived.push(session)
		stream.resume().on('end', () => held.then(() => done()))
	} })
	const open = await wire(t, worker)
	open.send(request)
	await until('an answer', () => open.got.includes('200 OK'))
	assert.doesNotMatch(open.got, /^connection: close/im)
	await worker.events(identify('bob', { email: 'bob@example.com', plan: 'free' }),
		track('bob', 'Signed Up'))
	await until('the mail to be on its way', () => arrived.length > 0)
	worker.child.kill('SIGTERM')
	await until('it to be told', () => worker.log.includes('stopping'))
	open.got = ''
	open.send(request)
	await open.end('the connection to be closed')
	assert.match(open.got, /^HTTP\/1\.1 200 OK\r\n[^]*^connection: close\r$/im)
	release()
	assert.deepEqual(await worker.ended, { code: 0, signal: null })
})

test('what was left out can be looked up, by its ids and nothing else', async (t) => {
	const { dir, worker } = await start(t)
	await worker.events({ type: 'track', userId: 'ada', messageId: 'm-1', event: 7,
		properties: { email: 'ada@example.com' } },
	track('bob', 'Good'), { type: 'identify', traits: { email: 'eve@example.com' } })
	await worker.post('/v1/track', '{')
	await worker.fetch('/v1/track', { method: 'POST', body: event })
	const told = await worker.get('/v1/discarded')
	assert.deepEqual(told.discarded.map(({ at, ...rest }) => rest), [
		{ reason: 'invalid_write_key' }, { reason: 'invalid_request' },
		{ reason: 'no_user_anon_id', place: 2, type: 'identify' },
		{ reason: 'event_not_string', place: 0, type: 'track', message_id: 'm-1', user_id: 'ada' }])
	assert.equal(told.counts.event_not_string, 1)
	assert.equal(told.counts.unknown_type, 0)
	assert.equal((await worker.fetch('/v1/discarded')).status, 401)
	assert.equal((await worker.call('/v1/discarded', {}))[0], 405)
	const shown = await nudge(['discarded', '-C', dir])
	assert.equal(shown.code, 0, shown.stderr)
	assert.match(shown.stdout, /event_not_string +.*ada/)
	assert.ok(!shown.stdout.includes('example.com'))
	assert.deepEqual(JSON.parse((await nudge(['discarded', '-C', dir, '--json'])).stdout), told)
	await worker.stop()
	const alone = await nudge(['discarded', '-C', dir])
	assert.equal(alone.code, 69)
	assert.match(alone.stderr, /does not answer/)
})

test('only the last hundred that were left out are kept', async (t) => {
	const { worker } = await start(t)
	await worker.events(...Array.from({ length: 250 }, (_, i) =>
		({ type: 'track', userId: `u${i}` })))
	const { discarded, counts } = await worker.get('/v1/discarded')
	assert.equal(discarded.length, 100)
	assert.deepEqual([discarded[0].user_id, discarded[99].user_id], ['u249', 'u150'])
	assert.equal(counts.event_not_string, 250)
})

// ----------------------------------------------------------------- metrics

// The text format of Prometheus, version 0.0.4, read strictly: what is not as
// its description has it throws.
function parseMetrics(text) {
	const families = new Map()
	let family = null
	assert.ok(text.endsWith('\n') && !text.includes('\r'))
	for (const line of text.slice(0, -1).split('\n')) {
		const head = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line)
		if (head) {
			const [, what, name, rest] = head
			if (what === 'HELP') {
				assert.ok(!families.has(name), `${name} comes twice`)
				family = { name, help: rest, samples: [] }
				families.set(name, family)
			} else {
				assert.equal(name, family.name, 'HELP and TYPE go together')
				assert.match(rest, /^(counter|gauge|histogram)$/)
				family.type = rest
			}
			continue
		}
		const [, name, labels = '', value] =
			/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? assert.fail(`line: ${line}`)
		const known = family.type === 'histogram'
			? ['_bucket', '_sum', '_count'].map((end) => family.name + end) : [family.name]
		assert.ok(known.includes(name), `${name} below ${family.name}`)
		assert.ok(value === '+Inf' || Number.isFinite(Number(value)), line)
		const pairs = {}
		for (let rest = labels; rest !== '';) {
			const pair = /^([a-zA-Z_]\w*)="((?:[^"\\]|\\["\\n])*)"(,|$)/.exec(rest) ??
				assert.fail(`labels: ${line}`)
			pairs[pair[1]] = pair[2]
			rest = rest.slice(pair[0].length)
		}
		const key = JSON.stringify([name, pairs])
		assert.ok(!family.samples.some((s) => s.key === key), `${line} comes twice`)
		family.samples.push({ key, name, labels: pairs, value: Number(value) })
	}
	return families
}

async function scrape(worker, headers = {}) {
	const reply = await worker.fetch('/metrics', { headers })
	assert.equal(reply.status, 200)
	assert.equal(reply.headers.get('content-type'),
		'text/plain; version=0.0.4; charset=utf-8')
	const text = await reply.text()
	const families = parseMetrics(text)
	const value = (name, labels = {}) => families.get(name)?.samples.find((s) =>
		Object.entries(labels).every(([k, v]) => s.labels[k] === v))?.value
	return { text, families, value }
}

test('/metrics: the format, the conventions for names, histograms that add up', async (t) => {
	const { worker } = await start(t)
	await worker.events(track('ada', 'E'))
	const { families } = await scrape(worker)
	for (const { name, type, help, samples } of families.values()) {
		assert.match(name, /^(nudge|process)_[a-z_]+$/)
		assert.equal(name.endsWith('_total'), type === 'counter', name)
		assert.ok(help.endsWith('.'), name)
		assert.ok(samples.length > 0, name)
		for (const { labels } of samples)
			for (const label of Object.keys(labels))
				assert.match(label, /^(version|code|kind|reason|type|channel|verdict|state|outcome|le)$/)
		if (type !== 'histogram') continue
		assert.match(name, /_seconds$/)
		const buckets = samples.filter((s) => s.name.endsWith('_bucket'))
		buckets.reduce((a, b) => {
			assert.ok(Number(a.labels.le) < Number(b.labels.le.replace('+Inf', 'Infinity')))
			assert.ok(a.value <= b.value)
			return b
		})
		const count = samples.find((s) => s.name.endsWith('_count')).value
		assert.equal(buckets.at(-1).labels.le, '+Inf')
		assert.equal(buckets.at(-1).value, count)
		assert.ok(count > 0, name)
	}
	const help = (await (await worker.fetch('/metrics', { method: 'HEAD' })).text())
	assert.equal(help, '')
})

test('/metrics: what was counted on the way of a message', async (t) => {
	const { worker, sink } = await mailing(t, { refuse: (stage, address) =>
		stage === 'rcpt' && address.startsWith('bad') && [550, '5.1.1 no such user'] })
	await worker.events(identify('ada', { email: 'ada@example.com', plan: 'free' }),
		identify('bad', { email: 'bad@example.com', plan: 'free' }),
		track('ada', 'Signed Up', {}, { messageId: 'm-1' }), track('bad', 'Signed Up'), { type: 'track' })
	await worker.events(track('ada', 'Signed Up', {}, { messageId: 'm-1' }))
	await sink.wait(1)
	await until('both to be settled', async () =>
		(await worker.messages()).every((m) => ['sent', 'refused'].includes(m.state)))
	const { value, text } = await scrape(worker)
	for (const [name, labels, expected] of [
		['nudge_events_total', { type: 'identify' }, 2],
		['nudge_events_total', { type: 'track' }, 2],
		['nudge_events_total', { type: 'alias' }, 0],
		['nudge_events_duplicate_total', {}, 1],
		['nudge_events_discarded_total', { reason: 'event_not_string' }, 0],
		['nudge_events_discarded_total', { reason: 'no_user_anon_id' }, 1],
		['nudge_inputs_total', { kind: 'events' }, 2],
		['nudge_decisions_total', { kind: 'send' }, 2],
		['nudge_messages_queued_total', { channel: 'email' }, 2],
		['nudge_message_verdicts_total', { channel: 'email', verdict: 'sent' }, 1],
		['nudge_message_verdicts_total', { channel: 'email', verdict: 'refused' }, 1],
		['nudge_message_verdicts_total', { channel: 'email', verdict: 'unsure' }, 0],
		['nudge_messages', { state: 'sent' }, 1],
		['nudge_messages', { state: 'held' }, 0],
		['nudge_queue_depth', { channel: 'email', state: 'queued' }, 0],
		['nudge_queue_depth', { channel: 'email', state: 'sending' }, 0],
		['nudge_queue_behind_seconds', { channel: 'email' }, 0],
		['nudge_wakeups_behind_seconds', {}, 0],
		['nudge_store_writable', {}, 1],
		['nudge_config_last_reload_successful', {}, 1],
		['nudge_build_info', {}, 1]])
		assert.equal(value(name, labels), expected, `${name} ${JSON.stringify(labels)}`)
	const seconds = value('nudge_message_sending_seconds_total', { channel: 'email' })
	assert.ok(seconds > 0 && seconds < 60, String(seconds))
	assert.ok(value('nudge_store_size_bytes') + value('nudge_store_log_size_bytes') > 4096)
	assert.ok(value('process_resident_memory_bytes') > 1e6)
	assert.ok(value('process_open_fds') > 5)
	assert.ok(!/ada|example\.com|Signed Up/.test(text), text)
})

test('/metrics: what waits, and a reload that failed', async (t) => {
	const { dir, worker } = await start(t, {}, { clock: '2026-03-09T10:00:00Z' })
	await worker.events(identify('ada', { email: 'ada@example.com' }))
	await worker.get('/v1/send', { user: 'ada', template: 'day-00-welcome',
		at: '2026-03-10T10:00:00Z' })
	assert.equal((await scrape(worker)).value('nudge_queue_depth',
		{ channel: 'email', state: 'queued' }), 1)
	fs.writeFileSync(path.join(dir, 'metrics.json'), '{')
	worker.child.kill('SIGHUP')
	await until('the reload to fail', () => /reload: /.test(worker.log))
	const { value } = await scrape(worker)
	assert.equal(value('nudge_config_last_reload_successful'), 0)
	assert.equal(value('nudge_config_reloads_total', { outcome: 'failure' }), 1)
})

test('/metrics can have a key of its own', async (t) => {
	const { worker } = await start(t, {}, { settings: { keys:
		{ write: [writeKey], operator: ['test-operator-token'], metrics: ['scraper'] } } })
	assert.equal((await worker.fetch('/metrics')).status, 401)
	await scrape(worker, { authorization: 'Bearer scraper' })
	assert.equal((await worker.fetch('/v1/people?q=a',
		{ headers: { authorization: 'Bearer scraper' } })).status, 401)
})

test('/metrics: when the log of the store was last copied into its file', async (t) => {
	const { worker } = await start(t)
	const at = async () => (await scrape(worker)).value('nudge_checkpoint_timestamp_seconds')
	assert.equal(await at(), 0)
	const before = Date.now() / 1000
	const text = 'x'.repeat(900000)
	for (let i = 0; i < 20; i++) await worker.events(track('ada', 'Big', { text }))
	const copied = await until('a checkpoint', at)
	assert.ok(copied >= before - 1 && copied <= Date.now() / 1000 + 1, String(copied))
})

test('SIGUSR1 tells how things stand, SIGUSR2 nothing, and it goes on', async (t) => {
	const { dir, worker } = await start(t, {}, { clock: '2026-03-09T10:00:00Z' })
	await worker.events(identify('ada', { email: 'ada@example.com' }))
	const told = async (count) => {
		worker.child.kill('SIGUSR1')
		await until('it to be told', () => worker.log.split('status: ').length > count)
		return worker.log.split('status: ').at(-1).split('\n')[0]
	}
	assert.match(await told(1), new RegExp('^no messages; channel email: working, 0 on their way;' +
		'.* 0 events wait for a turn; next wake-up: 2026-03-23T10:00:00.000Z; turns: \\d+, [\\d.]+ ms on average; ' +
		'commits: \\d+, [\\d.]+ ms on average'))
	await worker.get('/v1/send', { user: 'ada', template: 'day-00-welcome',
		at: '2026-03-10T10:00:00Z' })
	await worker.get('/v1/channels/email/pause', { note: 'a break' })
	worker.child.kill('SIGUSR2')
	const status = await told(2)
	assert.match(status, /^messages: 1 queued; channel email: paused, 0 on their way;/)
	fs.writeFileSync(path.join(dir, 'metrics.json'), '{')
	worker.child.kill('SIGHUP')
	await until('the reload', () => /reload: /.test(worker.log))
	assert.equal((await worker.stop()).code, 0)
})

// ------------------------------------------------------------------ health

test('/healthz and /readyz say what is wrong while the disk is full', async (t) => {
	const { worker } = await start(t)
	assert.equal(await (await worker.fetch('/readyz')).text(), 'ok\n')
	assert.equal(await (await worker.fetch('/readyz?verbose')).text(),
		'[+]store ok\n[+]disk ok\n[+]running ok\n')
	assert.equal((await worker.fetch('/healthz', { method: 'HEAD' })).status, 200)
	assert.equal((await worker.fetch('/livez')).status, 200)
})

test('a store that cannot grow: 503 for events, /readyz says why, and it comes back',
	async (t) => {
		const { worker } = await start(t)
		const limit = (bytes) => execFileSync('prlimit',
			['--pid', worker.child.pid, `--fsize=${bytes}:unlimited`])
		await worker.events(track('ada', 'E'))
		limit(4096)
		let reply
		await until('events to be refused', async () => {
			reply = await worker.post('/v1/track', track('ada', 'E'))
			return reply.status === 503
		})
		assert.match(reply.headers.get('retry-after'), /^\d+$/)
		assert.deepEqual(Object.keys(await reply.json()),
			['success', 'code', 'message', 'error'])
		const ready = await worker.fetch('/readyz')
		assert.equal(ready.status, 503)
		assert.match(await ready.text(), /store|disk/)
		assert.match(await (await worker.fetch('/readyz?verbose')).text(), /^\[-\]/m)
		assert.equal((await worker.fetch('/healthz')).status, 200)
		assert.equal((await scrape(worker)).value('nudge_store_writable'), 0)
		limit('unlimited')
		await until('events to be taken again', async () =>
			(await worker.post('/v1/track', track('ada', 'E'))).status === 200)
		assert.equal((await worker.fetch('/readyz')).status, 200)
	})

// --------------------------------------------------------------------- logs

test('the log is JSON lines and has nobody in it', async (t) => {
	const hook = await webSink(t, () =>
		({ status: 404, body: 'Grace Hopper has left', headers: { 'x-user': 'Hopper' } }))
	const { dir, worker, sink } = await mailing(t, {
		refuse: (stage, address) => stage === 'rcpt' && {
			"o'brien": [550, "5.1.1 User O'Brien.Smith unknown, see https://x/?r=o'brien%40example.com"],
			'bad/x': [550, `5.1.1 <${address}>: no such user`],
			'slow|k': [451, `4.3.0 ${address} try later`] }[address.split('@')[0]],
		edit: (settings, folder) => {
			settings.channels.hook = { type: 'webhook', url: hook.url }
			writeJson(path.join(folder, 'templates/hook.json'),
				{ channel: 'hook', body: { text: '{{ user.name }}' } })
			fs.writeFileSync(path.join(folder, 'templates/held.md'),
				'Subject: Hi\n\n{{ user.name | currency: "EUR" }}\n')
		} })
	const people = { ada: 'Lovelace', "o'brien": 'OBrien', 'bad/x': 'Babbage', 'slow|k': 'Somerville' }
	for (const [id, name] of Object.entries(people))
		await worker.events(identify(id, { email: `${id}@example.com`, name,
			plan: 'free' }), track(id, 'Signed Up'), { type: 'track', userId: id })
	await sink.wait(1)
	await worker.events(identify('nul\u0000', { email: 'nul@example.com' }))
	await worker.fetch('/v1/people?q=ada@example.com')
	await worker.get('/v1/send', { user: 'ada', template: 'held' })
	await worker.get('/v1/send', { user: 'ada', template: 'hook' })
	await until('the log to tell', () => /held by email, attempt 1; nudge queue says why/.test(worker.log) &&
		/answers with 404, next try/.test(worker.log) && worker.log.split('is refused').length === 3)
	assert.match((await nudge(['queue', '-C', dir, '--state', 'refused'])).stdout, /O'Brien\.Smith/)
	assert.match((await nudge(['queue', '-C', dir, '--state', 'held'])).stdout, /Lovelace/)
	assert.match((await nudge(['channels', '-C', dir])).stdout, /Hopper/)
	await worker.call('/v1/people/ada/suppress', { note: 'Lovelace asked' })
	await worker.stop()
	const lines = worker.log.trimEnd().split('\n').map((line) => JSON.parse(line))
	assert.ok(lines.length > 3)
	for (const line of lines) {
		assert.deepEqual(Object.keys(line), ['ts', 'level', 'msg'])
		assert.equal(new Date(line.ts).toISOString(), line.ts)
		assert.match(line.level, /^(info|warn|error)$/)
	}
	const all = worker.log + worker.out.split('Mail is captured')[0]
	assert.match(all, /day-00-welcome by email, attempt 1, 550, 5\.1\.1;/)
	assert.doesNotMatch(all, /@example|%40|O'?Brien|(ada|nul)@|Lovelace|Babbage|Somerville|Hopper|no such user/i)
})

test('what keeps it from starting is told in JSON lines too, on a terminal where they are chosen',
	async (t) => {
		const dir = await workspace(t, (settings) => { settings.log = 'json' })
		const errors = (text) => text.trim().split(/\r?\n/).map((line) => JSON.parse(line))
			.filter(({ level }) => level === 'error').map(({ msg }) => msg)
		fs.writeFileSync(path.join(dir, 'metrics.json'), '{')
		const { code, stderr } = await nudge(['run', '-C', dir])
		assert.equal(code, 78)
		assert.match(errors(stderr)[0], /^metrics\.json:1:/)
		const { shown } = atTerminal(['run', '-C', dir])
		assert.match(errors(shown)[0], /^metrics\.json:1:/)
	})

// ------------------------------------------------------------------ systemd

// The socket of a service manager; gives what it hears.
async function listener(t) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-'))
	t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
	const at = path.join(folder, 'notify')
	const child = spawn('python3', ['-u', '-c', `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("-")
while True: print(s.recv(4096).decode().replace("\\n", ";"))
`, at])
	t.after(() => child.kill())
	const heard = []
	child.stdout.on('data', (data) => heard.push(...data.toString().split('\n').filter(Boolean)))
	await until('the socket', () => heard.length > 0)
	heard.shift()
	return { at, heard }
}

test('systemd is told of start, life, reload and end', async (t) => {
	const { at, heard } = await listener(t)
	const { dir, worker } = await start(t, {}, { env: {
		NOTIFY_SOCKET: at, WATCHDOG_USEC: '100000' } })
	const told = (what) => until(what, () => heard.some((line) => line.startsWith(what)))
	await told('READY=1;STATUS=Running')
	await told('WATCHDOG=1')
	worker.child.kill('SIGHUP')
	await told('RELOADING=1')
	const ready = () => heard.filter((line) => line.startsWith('READY=1')).length
	await until('it to be ready again', () => ready() === 2)
	fs.writeFileSync(path.join(dir, 'metrics.json'), '{')
	worker.child.kill('SIGHUP')
	await told('READY=1;STATUS=Running; the last reload failed')
	await worker.stop()
	await told('STOPPING=1')
})

test('the unit has no faults, and exposes little', async (t) => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nudge-'))
	t.after(() => fs.rmSync(folder, { recursive: true }))
	const unit = path.join(folder, 'nudge.service')
	const text = fs.readFileSync(path.join(root, 'debian/nudge.service'), 'utf8')
	// Wrong usage, a damaged or newer store, wrong settings: nothing that time mends.
	assert.match(text, /^RestartPreventExitStatus=64 65 78$/m)
	fs.writeFileSync(unit, text.replace('/usr/bin/nudge', path.resolve(program)))
	const found = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' })
	if (found.error?.code === 'ENOENT') return t.skip('systemd-analyze is not installed')
	assert.deepEqual([found.status, found.stdout, found.stderr], [0, '', ''])
	const level = tool(t, 'systemd-analyze', ['security', '--offline=true', unit])
	assert.ok(Number(/exposure level .*: ([\d.]+)/.exec(level)[1]) <= 1.5, level)
})

// ------------------------------------------------------------- at a prompt

test('output that cannot be written is an error, and no colour without a terminal',
	async (t) => {
		const full = spawnSync(program, ['help'],
			{ stdio: ['ignore', fs.openSync('/dev/full', 'w'), 'pipe'], encoding: 'utf8' })
		assert.equal(full.status, 74)
		assert.match(full.stderr, /No space left/)
		const dir = await workspace(t)
		for (const args of [['test'], ['check'], ['preview', 'day-00-welcome'], ['help']])
			assert.ok(!(await nudge([...args, '-C', dir])).stdout.includes('\x1b'), args[0])
	})

// ---------------------------------------------------- manual and completion

// Runs a command, where it is installed.
const tool = (t, name, args, input) => {
	try {
		return execFileSync(name, args, { input, encoding: 'utf8' })
	} catch (e) {
		if (e.code !== 'ENOENT') throw new Error(`${name}: ${e.stdout}${e.stderr}`)
		t.skip(`${name} is not installed`)
		return null
	}
}

test('the manual pages have no faults and leave nothing out', async (t) => {
	const commands = [...(await nudge(['help'])).stdout.matchAll(/^ {2}(\w+) +[A-Z]/gm)]
		.map((m) => m[1])
	const settings = [...(await nudge(['help', 'settings'])).stdout.matchAll(/^ {2}(\S+)$/gm)]
		.map((m) => m[1])
	assert.ok(commands.includes('run') && settings.includes('limits.time'))
	const pages = {}
	for (const page of ['nudge.1', 'nudge.json.5']) {
		const { code, stdout } = await nudge(['help', page])
		assert.equal(code, 0)
		if (tool(t, 'mandoc', ['-Tlint', '-Wwarning'], stdout) === null) return
		pages[page] = tool(t, 'mandoc', ['-Tascii'], stdout).replace(/.\x08/g, '')
	}
	for (const name of commands) {
		assert.match(pages['nudge.1'], new RegExp(`^ {5}${name}\\b`, 'm'))
		const help = (await nudge(['help', name])).stdout
		for (const [option] of help.matchAll(/^ {2}--[a-z-]+/gm))
			assert.ok(pages['nudge.1'].includes(option.trim()), `${name} ${option}`)
	}
	for (const name of settings.filter((s) => s !== 'caps'))
		assert.ok(pages['nudge.json.5'].includes(name), name)
})

const complete = (t, dir, ...words) => tool(t, 'bash', ['-c', `
eval "$("$0" completion bash)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_nudge
printf '%s\\n' "\${COMPREPLY[@]}"`, program, 'nudge', ...words])?.trim().split('\n')

test('bash completes commands, options, words and templates', async (t) => {
	const dir = await workspace(t)
	assert.deepEqual(complete(t, dir, 'que'), ['queue'])
	assert.deepEqual(complete(t, dir, 'queue', '--st'), ['--state'])
	assert.deepEqual(complete(t, dir, 'queue', 're'), ['retry'])
	assert.deepEqual(complete(t, dir, '-C', dir, 'person', '--forg'), ['--forget'])
	assert.deepEqual(complete(t, dir, 'help', 'sett'), ['settings'])
	assert.deepEqual(complete(t, dir, 'preview', '-C', dir, 'day-00'), ['day-00-welcome'])
	assert.deepEqual(complete(t, dir, 'completion', ''), ['bash', 'zsh',
		'-C', '--json', '--quiet', '--set', '--help'])
})

test('zsh reads its completion', async (t) => {
	const { stdout } = await nudge(['completion', 'zsh'])
	const shown = tool(t, 'zsh', ['-f', '-c', `
autoload -Uz compinit && compinit -D -u
eval "$(cat)"
print -r -- $_comps[nudge]`], stdout)
	if (shown !== null) assert.equal(shown.trim(), '_nudge')
	assert.equal((await nudge(['completion', 'fish'])).code, 64)
})
