// What clients of the tracking API send, and what they are told.
import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { gzipSync } from 'node:zlib'
import RudderAnalytics from '@rudderstack/rudder-sdk-node'
import { Analytics } from '@segment/analytics-node'
import { basic, identify, mailing, nudge, shared, track, until, Worker,
	workspace, writeKey } from './lib.mjs'

const start = async (t, options = {}) => {
	const dir = await workspace(t, options.edit)
	return { dir, worker: await Worker.start(t, dir, options) }
}
const timeline = async (worker, id) =>
	(await worker.get(`/v1/people/${encodeURIComponent(id)}/timeline?limit=500`)).events
const signUp = (id, more = {}) => [
	identify(id, { email: `${id}@example.com`, plan: 'free' }, more),
	track(id, 'Signed Up', {}, more)]

const wire = path.join(shared, 'reference/wire')
const captures = fs.existsSync(wire)
	? fs.readdirSync(wire).filter((name) => /^(segment|rudder|analytics)-.*\.json$/.test(name))
	: []

test('captured requests of real clients', { skip: captures.length === 0 &&
	`no captures in ${wire}` }, async (t) => {
	const { dir, worker } = await start(t)
	for (const name of captures)
		await t.test(name, async () => {
			const { requests } = JSON.parse(fs.readFileSync(path.join(wire, name)))
			for (const request of requests.filter((r) => r.method === 'POST'))
				await replay(worker, request)
		})
	const shown = await nudge(['person', 'user_42', '-C', dir, '--json'])
	assert.equal(shown.code, 0, shown.stderr)
	const person = JSON.parse(shown.stdout)
	assert.equal(person.traits.email, 'pgibbons@example.com')
})

// Sends it again as it was, and looks for its events.
async function replay(worker, request) {
	const headers = Object.fromEntries(Object.entries(request.headers)
		.map(([name, value]) => [name.toLowerCase(), value])
		.filter(([name]) => !['host', 'connection', 'content-length'].includes(name)))
	if (headers.authorization) headers.authorization = basic(writeKey)
	const sent = typeof request.body === 'string' ? request.body
		: JSON.stringify({ ...request.body,
			...('writeKey' in request.body && { writeKey }) })
	const reply = await worker.fetch(request.path, { method: 'POST', headers,
		body: headers['content-encoding'] === 'gzip' ? gzipSync(sent) : sent })
	const text = await reply.text()
	if (typeof request.body === 'string') {
		// A body that the capture cut short cannot be one that is taken.
		assert.equal(reply.status, 400, text)
		return
	}
	assert.equal(reply.status, 200, text)
	assert.deepEqual(JSON.parse(text), { success: true })
	assert.match(reply.headers.get('content-type'), /^application\/json/)
	for (const event of request.body.batch ?? [request.body]) {
		if (event.type !== 'track') continue
		const id = event.userId ?? event.anonymousId
		assert.ok((await timeline(worker, id)).some((e) => e.event === event.event),
			`${event.event} of ${id}`)
	}
}

test('the RudderStack client, which sends gzip and calls it a form', async (t) => {
	const { sink, worker } = await mailing(t)
	const client = new RudderAnalytics(writeKey, { dataPlaneUrl: worker.url,
		flushInterval: 50, logLevel: 'off' })
	client.identify({ userId: 'ada', traits: { email: 'ada@example.com', plan: 'free' } })
	client.track({ userId: 'ada', event: 'Signed Up' })
	await client.flush()
	const [mail] = await sink.wait(1)
	assert.deepEqual(mail.to, ['ada@example.com'])
})

test('every path of the API, with and without a slash at the end', async (t) => {
	const { worker } = await start(t)
	const bodies = { i: { type: 'identify', traits: { a: 1 } }, t: { event: 'E' },
		p: { name: 'Home' }, s: { name: 'Home' }, g: { groupId: 'acme' },
		a: { previousId: 'before' } }
	const names = { i: 'identify', t: 'track', p: 'page', s: 'screen', g: 'group', a: 'alias' }
	for (const [letter, body] of Object.entries(bodies))
		for (const at of [`/v1/${letter}`, `/v1/${names[letter]}`, `/v1/${names[letter]}/`]) {
			const reply = await worker.post(at, { userId: 'ada', ...body })
			assert.equal(reply.status, 200, `${at}: ${await reply.text()}`)
		}
	for (const at of ['/v1/batch', '/v1/b', '/v1/import', '/v1/batch/'])
		assert.equal((await worker.post(at, { batch: [track('ada', at)] })).status, 200)
	const events = await timeline(worker, 'ada')
	assert.equal(events.filter((e) => e.event === 'E').length, 3)
	assert.ok(events.some((e) => e.event === '/v1/import'))
})

test('keys: Basic, in the body, beside a bearer token; anything else is 401', async (t) => {
	const { worker } = await start(t)
	const send = (headers, body = {}) => worker.fetch('/v1/track', { method: 'POST',
		headers, body: JSON.stringify({ ...track('ada', 'E'), ...body }) })
	assert.equal((await send({ authorization: basic(writeKey) })).status, 200)
	assert.equal((await send({}, { writeKey })).status, 200)
	assert.equal((await send({ authorization: 'Bearer some.jwt' }, { writeKey })).status, 200)
	const noColon = 'Basic ' + Buffer.from(writeKey).toString('base64')
	assert.equal((await send({ authorization: noColon })).status, 200)
	for (const [headers, body] of [[{}, {}], [{ authorization: basic('wrong') }, {}],
		[{}, { writeKey: 'wrong' }], [{ authorization: 'Basic %%%' }, {}],
		[{ authorization: basic(writeKey + 'x') }, {}]]) {
		const reply = await send(headers, body)
		assert.equal(reply.status, 401)
		const told = await reply.json()
		assert.equal(told.success, false)
		for (const member of ['code', 'message', 'error'])
			assert.equal(typeof told[member], 'string')
	}
})

test('an operator without the right token is told nothing', async (t) => {
	const { worker } = await start(t)
	await worker.events(...signUp('ada'))
	for (const authorization of [undefined, 'Bearer wrong', 'Bearer ', basic(writeKey)]) {
		const reply = await worker.fetch('/v1/people/ada',
			{ headers: authorization ? { authorization } : {} })
		assert.equal(reply.status, 401)
		assert.match(reply.headers.get('content-type'), /^application\/problem\+json/)
		assert.doesNotMatch(await reply.text(), /example\.com/)
	}
})

test('the same messageId counts once, also after a restart', async (t) => {
	const { dir, worker } = await start(t)
	const event = track('ada', 'Task Succeeded', {}, { messageId: 'm-1' })
	await worker.events(event, event)
	await worker.events(event)
	assert.equal((await worker.person('ada')).metrics.tasks, 1)
	await worker.stop()
	const again = await Worker.start(t, dir)
	await again.events({ ...event, event: 'Something Else' })
	assert.equal((await again.person('ada')).metrics.tasks, 1)
	assert.equal((await timeline(again, 'ada')).length, 1)
})

test('a sign-up that comes before its identify is mailed all the same', async (t) => {
	const { sink, worker } = await mailing(t)
	await worker.events(track('ada', 'Signed Up'))
	await worker.events(identify('ada', { email: 'ada@example.com', plan: 'free' }))
	await sink.wait(1)
})

test('events of one batch count in the order in which they happened', async (t) => {
	const { worker } = await start(t, { clock: '2026-03-02T10:00:00Z' })
	const at = (timestamp) => ({ timestamp })
	await worker.events(
		identify('ada', { plan: 'new' }, at('2026-03-02T09:59:02Z')),
		identify('ada', { plan: 'old', seats: 3 }, at('2026-03-02T09:59:01Z')))
	const { traits } = await worker.person('ada')
	assert.deepEqual([traits.plan, traits.seats], ['new', 3])
})

test('a client whose clock is wrong by an hour is put right', async (t) => {
	const { worker } = await start(t, { clock: '2026-03-02T10:00:00Z' })
	await worker.post('/v1/batch', { sentAt: '2026-03-02T11:00:00Z',
		batch: [track('ada', 'E', {}, { timestamp: '2026-03-02T10:59:00Z' })] })
	const [event] = await timeline(worker, 'ada')
	assert.equal(Date.parse(event.at), Date.parse('2026-03-02T09:59:00Z'))
})

test('an event of last week counts and starts nothing', async (t) => {
	const { worker } = await start(t, { clock: '2026-03-09T10:00:00Z' })
	const old = { timestamp: '2026-03-02T10:00:00Z' }
	await worker.events(identify('ada', { email: 'ada@example.com' }),
		track('ada', 'Signed Up', {}, old), track('ada', 'Task Succeeded', {}, old))
	const ada = await worker.person('ada')
	assert.equal(ada.metrics.tasks, 1)
	assert.deepEqual(ada.messages, [])
})

test('who was anonymous becomes known by identify, with all that happened', async (t) => {
	const { worker } = await start(t)
	await worker.events({ type: 'track', anonymousId: 'anon-1', event: 'Task Succeeded',
		properties: { workflow: 'invoices' } })
	await worker.events({ type: 'identify', anonymousId: 'anon-1', userId: 'ada',
		traits: { email: 'ada@example.com' } })
	await worker.events({ type: 'track', anonymousId: 'anon-1', event: 'Task Succeeded',
		properties: { workflow: 'reminders' } })
	const ada = await worker.person('ada')
	assert.deepEqual([ada.metrics.tasks, ada.metrics.workflows], [2, 2])
	assert.deepEqual(ada.anonymous_ids, ['anon-1'])
	assert.equal((await timeline(worker, 'ada')).filter((e) => e.type === 'track').length, 2)
})

test('... or by alias', async (t) => {
	const { worker } = await start(t)
	await worker.events({ type: 'track', anonymousId: 'anon-1', event: 'Task Succeeded' },
		track('ada', 'Task Succeeded'))
	await worker.events({ type: 'alias', previousId: 'anon-1', userId: 'ada' })
	assert.equal((await worker.person('ada')).metrics.tasks, 2)
})

test('two known people on one device stay two', async (t) => {
	const { worker } = await start(t)
	await worker.events(
		{ type: 'identify', anonymousId: 'device', userId: 'ada', traits: { n: 1 } },
		{ type: 'identify', anonymousId: 'device', userId: 'bob', traits: { n: 2 } })
	assert.equal((await worker.person('ada')).traits.n, 1)
	assert.equal((await worker.person('bob')).traits.n, 2)
})

test('accounts: traits of a group call, and who belongs to it', async (t) => {
	const { worker } = await start(t)
	await worker.events(
		{ type: 'group', userId: 'ada', groupId: 'initech', traits: { name: 'Initech' } },
		track('bob', 'E', {}, { context: { groupId: 'initech' } }))
	const account = await worker.get('/v1/accounts/initech')
	assert.equal(account.traits.name, 'Initech')
	assert.deepEqual(account.members.sort(), ['ada', 'bob'])
	assert.equal((await worker.person('ada')).account, 'initech')
})

test('one bad event does not spoil its batch', async (t) => {
	const { worker } = await start(t)
	await worker.events(
		null, 7, { type: 'track', event: 'no id' }, { type: 'nonsense', userId: 'ada' },
		track('ada', 7), track('ada', 'E', 'not an object'),
		{ type: 'track', userId: { a: 1 }, event: 'E' }, track('ada', 'Good'),
		track('nul\u0000', 'E'), { ...track(42, 'Number'), messageId: 'x' })
	assert.deepEqual((await timeline(worker, 'ada')).map((e) => e.event), ['Good'])
	assert.equal((await timeline(worker, '42')).length, 1)
	await until('the log to tell', () => /left out/.test(worker.log))
})

test('half of an emoji, a huge number or a NUL in a name spoil at most their own event', async (t) => {
	const { worker } = await start(t)
	const client = new Analytics({ writeKey, host: worker.url, path: '/v1/batch' })
	client.track({ userId: 'ada', event: 'Cut', properties: { title: '🎉'.slice(0, 1) } })
	client.track({ userId: 'ada', event: 'Whole' })
	await client.closeAndFlush()
	const odd = (properties, event) =>
		`{"type":"track","userId":"ada","messageId":"odd-${event}","event":"${event}","properties":${properties}}`
	const reply = await worker.post('/v1/batch', `{"batch":[${[odd('{"n":18446744073709551616}', 'Big'),
		odd('{"n":1e400}', 'Too big'), odd('{"a\\u0000b":1}', 'Nul'), odd('{}', 'Last')]}]}`)
	assert.equal(reply.status, 200)
	assert.deepEqual((await timeline(worker, 'ada')).map((e) => e.event).sort(),
		['Big', 'Cut', 'Last', 'Whole'])
	const { discarded } = await worker.get('/v1/discarded')
	assert.deepEqual(discarded.map((one) => [one.reason, one.place, one.message_id, one.user_id]),
		[['invalid_json', 2, 'odd-Nul', 'ada'], ['invalid_json', 1, 'odd-Too big', 'ada']])
	const broken = await worker.post('/v1/batch', '{"batch":[\n{},]}')
	assert.equal(broken.status, 400)
	assert.match((await broken.json()).message, /^the body is not JSON: line 2, column 4: .*'\]'$/)
})

test('whoever can be taken in can be asked for: ids have one bound', async (t) => {
	const { worker } = await start(t)
	const [most, more] = ['ä'.repeat(127) + 'x', 'ä'.repeat(128)]
	await worker.events(identify(most, { n: 1 }), identify(more, { n: 2 }))
	assert.equal((await worker.person(most)).traits.n, 1)
	const { discarded } = await worker.get('/v1/discarded')
	assert.deepEqual(discarded.map((one) => [one.reason, one.place]), [['id_too_long', 1]])
})

test('a pixel is an event, unless only its headers are asked for', async (t) => {
	const { worker } = await start(t)
	const pixel = (data, method = 'GET') => worker.fetch(`/v1/pixel/track?data=${data}`, { method })
	const data = Buffer.from(JSON.stringify({ ...track('ada', 'Seen'), writeKey })).toString('base64url')
	const seen = await pixel(data)
	assert.deepEqual([seen.status, seen.headers.get('content-type')], [200, 'image/gif'])
	const head = await pixel(data, 'HEAD')
	assert.deepEqual([head.status, head.headers.get('content-length')],
		[200, String((await seen.arrayBuffer()).byteLength)])
	for (const bad of ['', '%21'.repeat(500), 'x'.repeat(1001), 'x'.repeat(4000)]) {
		const refused = await pixel(bad)
		assert.equal(refused.status, 400)
		assert.match((await refused.json()).message, /base64|JSON/)
	}
	assert.deepEqual((await timeline(worker, 'ada')).map((e) => e.event), ['Seen'])
})

test('what can never be taken is refused', async (t) => {
	const { worker } = await start(t)
	const bad = ['', '{', '[]', 'null', '{"batch": 1}', '{} {}', '\u0000', '{"batch": [',
		'{"a":'.repeat(5000) + '1' + '}'.repeat(5000)]
	for (const body of bad) {
		const reply = await worker.post('/v1/batch', body)
		assert.equal(reply.status, 400, JSON.stringify(body.slice(0, 40)))
		assert.equal((await reply.json()).success, false)
	}
	const text = gzipSync(Buffer.from('{"batch": []}'))
	assert.equal((await worker.post('/v1/batch', text.subarray(0, 15),
		{ 'content-encoding': 'gzip' })).status, 400)
	assert.equal((await worker.fetch('/v1/batch')).status, 405)
	assert.equal((await worker.fetch('/nothing')).status, 404)
	assert.equal((await worker.fetch('/v1/nothing')).status, 404)
})

test('what is too large is refused, before and after gzip', async (t) => {
	const { worker } = await start(t, { edit: (settings) => {
		settings.limits = { body: 20000, inflated: 100000 }
	} })
	const zeros = (n) => JSON.stringify({ batch: [track('ada', 'E', { x: '0'.repeat(n) })] })
	const gzip = { 'content-encoding': 'gzip' }
	assert.equal((await worker.post('/v1/batch', zeros(15000))).status, 200)
	assert.equal((await worker.post('/v1/batch', zeros(25000))).status, 413)
	assert.equal((await worker.post('/v1/batch', gzipSync(zeros(90000)), gzip)).status, 200)
	assert.equal((await worker.post('/v1/batch', gzipSync(zeros(5000000)), gzip)).status, 413)
	assert.equal((await timeline(worker, 'ada')).length, 2)
})

test('who sends more than can be committed is told to wait, and loses nothing', async (t) => {
	const { worker } = await start(t, { edit: (settings) => {
		settings.limits = { backlog: 1 }
	} })
	let taken = 0, refused = 0
	for (let round = 0; refused === 0 && round < 100; round++)
		await Promise.all(Array.from({ length: 40 }, async () => {
			const batch = Array.from({ length: 10 }, () => track('ada', 'Task Succeeded'))
			const reply = await worker.post('/v1/batch', { batch })
			await reply.text()
			if (reply.status === 200) return taken += 10
			assert.equal(reply.status, 429)
			assert.match(reply.headers.get('retry-after'), /^[1-9]\d*$/)
			refused++
		}))
	assert.ok(refused > 0)
	assert.equal((await worker.person('ada')).metrics.tasks, taken)
})

test('a browser may ask first', async (t) => {
	const { worker } = await start(t)
	const reply = await worker.fetch('/v1/t', { method: 'OPTIONS', headers: {
		origin: 'https://app.example', 'access-control-request-method': 'POST',
		'access-control-request-headers': 'authorization,content-type' } })
	assert.equal(reply.status, 200)
	assert.equal(reply.headers.get('access-control-allow-origin'), '*')
	assert.match(reply.headers.get('access-control-allow-methods'), /POST/)
	assert.match(reply.headers.get('access-control-allow-headers'), /authorization/i)
	const sent = await worker.post('/v1/t', track('ada', 'E'), { 'content-type': 'text/plain',
		origin: 'https://app.example' })
	assert.equal(sent.headers.get('access-control-allow-origin'), '*')
})

test('health and readiness', async (t) => {
	const { worker } = await start(t)
	for (const at of ['/healthz', '/readyz'])
		assert.equal((await worker.fetch(at)).status, 200)
})
