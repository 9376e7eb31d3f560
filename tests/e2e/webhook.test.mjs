// Messages to other programs: Standard Webhooks, Slack, the APIs of providers;
// what is tried again, and what is wrong with the other side.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import test from 'node:test'
import { Webhook } from 'standardwebhooks'
import { identify, nudge, readJson, shared, smtpChannel, smtpSink, track, until, webSink, Worker,
	workspace, writeJson } from './lib.mjs'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const otherSecret = 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX'

// A workspace in which a first finished task is told to a program.
async function telling(t, { answer, channel = {}, template = {}, edit = () => {}, clock,
	server } = {}) {
	const sink = await webSink(t, answer, server)
	const dir = await workspace(t, (settings, folder) => {
		settings.channels.app = { type: 'webhook', url: sink.url + '/hooks?key=url-secret',
			secret, headers: { 'x-env': 'test', 'x-token': '$SLACK_TOKEN' }, retry: ['1s', '1s', '1s'],
			...(typeof channel === 'function' ? channel(sink) : channel) }
		settings.variables.team = 't#1'
		edit(settings)
		fs.appendFileSync(path.join(folder, '.env'), 'SLACK_TOKEN=xoxb-1\n')
		writeJson(path.join(folder, 'templates/first-task.json'), { channel: 'app',
			body: { text: '{{ user.name }} did "{{ event.workflow }}"', to: '{{ user.email }}' },
			...template })
		writeJson(path.join(folder, 'sequences/first-task.json'), { for: 'user',
			enter: { on: 'Task Succeeded' }, late: { grace: '30d' },
			steps: [{ id: 'tell', day: 0, send: 'first-task' }] })
	})
	return { sink, dir, worker: await Worker.start(t, dir, { clock }) }
}

const success = [identify('ada', { name: 'Ada "A"', email: 'ada@example.com' }),
	track('ada', 'Task Succeeded', { workflow: 'a\nb\\' })]
// Those of the channel; the workspace has more.
const told = async (worker, query) =>
	(await worker.messages(query)).filter(({ channel }) => channel === 'app')
const settled = (worker, state) => until(`a message to be ${state}`, async () =>
	(await told(worker, `state=${state}`))[0])

test('a webhook arrives signed, and no value breaks out of its string', async (t) => {
	const { sink, worker } = await telling(t)
	await worker.events(...success)
	const [request] = await sink.wait(1)
	assert.equal(request.method, 'POST')
	assert.equal(request.url, '/hooks?key=url-secret')
	assert.match(request.headers['content-type'], /^application\/json/)
	assert.equal(request.headers['x-env'], 'test')
	assert.equal(request.headers['x-token'], 'xoxb-1')
	const body = new Webhook(secret).verify(request.body, request.headers)
	assert.deepEqual(body, { text: 'Ada "A" did "a\nb\\"', to: 'ada@example.com' })
	const message = await settled(worker, 'sent')
	assert.equal(request.headers['webhook-id'], message.key)
	assert.equal(request.headers['idempotency-key'], message.key)
	assert.throws(() => new Webhook('whsec_' + Buffer.alloc(24).toString('base64'))
		.verify(request.body, request.headers))
})

test('after a 500 it comes again with the same key', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => n === 1 ? 500 : 204 })
	await worker.events(...success)
	const requests = await sink.wait(2)
	const keys = requests.map(({ headers }) => headers['idempotency-key'])
	assert.equal(new Set(keys).size, 1)
	for (const request of requests) new Webhook(secret).verify(request.body, request.headers)
	assert.equal((await settled(worker, 'sent')).attempts, 2)
})

test('a 400 is final, and an operator may try again', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) =>
		n === 1 ? { status: 400, body: 'no such\r\nroom' } : 200 })
	await worker.events(...success)
	const message = await settled(worker, 'refused')
	assert.match(message.reason, /400/)
	assert.doesNotMatch(JSON.stringify(message) + worker.log, /url-secret/)
	await worker.get(`/v1/messages/${message.key}/retry`, {})
	await settled(worker, 'sent')
	assert.equal(sink.requests.length, 2)
})

test('Retry-After is kept to, by the whole channel', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => n === 1
		? { status: 429, headers: { 'retry-after': '2' } } : 200 })
	await worker.events(...success)
	await sink.wait(1)
	const first = Date.now()
	await sink.wait(2)
	assert.ok(Date.now() - first > 1500, `${Date.now() - first} ms`)
})

for (const [what, value] of [['seconds', '7200'],
	['a date', new Date(Date.now() + 7200000).toUTCString()]])
	test(`Retry-After in ${what} is when the message comes again`, async (t) => {
		const { sink, worker } = await telling(t, { answer: () =>
			({ status: 503, headers: { 'retry-after': value } }) })
		await worker.events(...success)
		await sink.wait(1)
		const { next_at: next } = await until('the verdict', async () => (await told(worker))
			.find(({ attempts }) => attempts === 1))
		const wait = Date.parse(next) - Date.now()
		assert.ok(wait > 7100000 && wait <= 7200000, `${wait} ms`)
	})

test('a rate holds: the rest goes as time goes on', async (t) => {
	const { sink, worker } = await telling(t, { clock: '2026-12-01T09:00:00Z',
		channel: { rate: '2/m' } })
	await worker.events(...['a', 'b', 'c', 'd'].flatMap((id) =>
		[identify(id, { name: id, email: `${id}@example.com` }),
			track(id, 'Task Succeeded', { workflow: 'x' })]))
	const counts = []
	for (const time of ['09:00:00', '09:00:29', '09:00:31', '09:01:01', '09:02:00']) {
		await worker.moveTo(`2026-12-01T${time}Z`)
		counts.push(sink.requests.length)
	}
	assert.deepEqual(counts, [1, 1, 2, 3, 4])
})

test('a redirect is not followed', async (t) => {
	const other = await webSink(t)
	const { worker } = await telling(t, { answer: () =>
		({ status: 302, headers: { location: other.url } }) })
	await worker.events(...success)
	await settled(worker, 'refused')
	assert.equal(other.requests.length, 0)
})

test('a template that misses a value is held with its place, and mended', async (t) => {
	const { worker, dir, sink } = await telling(t, { template: {
		body: { text: '{{ user.nickname }}' } } })
	await worker.events(...success)
	const held = await settled(worker, 'held')
	assert.match(held.reason, /first-task\.json/)
	assert.match(held.reason, /user\.nickname/)
	assert.equal(sink.requests.length, 0)
	writeJson(path.join(dir, 'templates/first-task.json'), { channel: 'app',
		body: { text: '{{ user.nickname | default: "you" }}' } })
	worker.child.kill('SIGHUP')
	await until('the new definitions', () => /reload/.test(worker.log))
	await worker.get(`/v1/messages/${held.key}/retry`, {})
	const [request] = await sink.wait(1)
	assert.deepEqual(JSON.parse(request.body), { text: 'you' })
})

// ------------------------------------------------------------ Standard Webhooks

test('while a secret is replaced, each of the two verifies', async (t) => {
	const { sink, worker } = await telling(t, { channel: { secret: [otherSecret, secret] } })
	await worker.events(...success)
	const [{ body, headers }] = await sink.wait(1)
	for (const one of [secret, otherSecret]) new Webhook(one).verify(body, headers)
	assert.equal(headers['webhook-signature'].split(' ').length, 2)
})

test('attempts follow the schedule of Standard Webhooks, and then end', async (t) => {
	let now = '2026-03-02T10:00:00.000Z'
	const { sink, worker } = await telling(t, { clock: now, answer: () => 500,
		channel: { retry: undefined } })
	const minutes = [5 / 60, 5, 30, 120, 300, 600, 840, 1200, 1440]
	await worker.events(...success)
	for (const [i, most] of minutes.entries()) {
		await sink.wait(i + 1)
		const message = await until('the verdict', async () => {
			const [found] = await told(worker)
			return found.state === 'queued' && found.attempts === i + 1 && found
		})
		const wait = (Date.parse(message.next_at) - Date.parse(now)) / 60000
		assert.ok(wait <= most && wait >= most * 0.74, `${wait} of ${most} min`)
		now = message.next_at
		await worker.moveTo(now)
	}
	await sink.wait(10)
	const message = await settled(worker, 'refused')
	assert.match(message.reason, /gave up after 10 attempts.*500/)
	const ids = sink.requests.map(({ headers }) => headers['webhook-id'])
	assert.equal(new Set(ids).size, 1)
})

test('a private key signs beside a secret, and its public key is told', async (t) => {
	const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519')
	const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
	const half = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
	const { sink, worker } = await telling(t, { channel: {
		secret: ['whsk_' + Buffer.concat([seed, half]).toString('base64'), secret] } })
	await worker.events(...success)
	const [{ body, headers }] = await sink.wait(1)
	new Webhook(secret).verify(body, headers)
	const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
	const [, signature] = /(?:^| )v1a,(\S+)/.exec(headers['webhook-signature'])
	assert.ok(crypto.verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64')))
})

test('410 turns the channel off until a reload, and nothing is lost', async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => n === 1 ? 410 : 200 })
	await worker.events(...success)
	const message = await until('it to wait', async () => (await told(worker))
		.find(({ reason }) => /410/.test(reason ?? '')))
	assert.equal(message.state, 'queued')
	assert.equal(message.attempts, 0)
	await until('the log to tell', () => /answers with 410; nothing is sent there until nudge channels resume/
		.test(worker.log))
	await worker.events(identify('bob', { name: 'Bob', email: 'bob@example.com' }),
		track('bob', 'Task Succeeded', { workflow: 'x' }))
	await told(worker)
	assert.equal(sink.requests.length, 1)
	worker.child.kill('SIGHUP')
	await sink.wait(3)
	await until('both to be sent', async () =>
		(await told(worker, 'state=sent')).length === 2)
})

// ------------------------------------------- what is wrong with the other side

test('an endpoint that is not there costs no attempt, and is called when it is back', async (t) => {
	const closed = await webSink(t)
	const { worker } = await telling(t, { channel: { url: closed.url + '/hook', retry: [] } })
	await closed.close()
	await worker.events(...success)
	await until('the log to tell', () => /cannot be reached: .*next try in 1 s/.test(worker.log))
	const sink = await webSink(t, undefined, { port: closed.port })
	await sink.wait(1)
	assert.equal((await settled(worker, 'sent')).attempts, 1)
	await until('the log to tell', () => /works again/.test(worker.log))
})

for (const status of [401, 403, 404])
	test(`${status} is the channel's, not the message's`, async (t) => {
		const { sink, worker } = await telling(t, { channel: { retry: [] },
			answer: (_, n) => n <= 2 ? status : 200 })
		await worker.events(...success)
		await sink.wait(3)
		assert.equal((await settled(worker, 'sent')).attempts, 1)
		const told = new RegExp(`answers with ${status}, next try in 1 s`)
		await until('the log to tell', () => told.test(worker.log))
	})

test('no answer within the timeout: again, with the same key', async (t) => {
	const { sink, worker } = await telling(t, { channel: { timeout: '1s' },
		answer: (_, n) => n === 1 ? null : 200 })
	await worker.events(...success)
	const [first, second] = (await sink.wait(2)).map(({ headers }) => headers)
	assert.equal(first['webhook-id'], second['webhook-id'])
	assert.ok(second['webhook-timestamp'] > first['webhook-timestamp'])
	assert.notEqual(first['webhook-signature'], second['webhook-signature'])
	assert.equal((await settled(worker, 'sent')).attempts, 2)
})

test('an answer without end is cut off', async (t) => {
	let written = 0, closed = false
	const server = http.createServer((request, response) => {
		response.on('close', () => { closed = true })
		response.writeHead(200)
		const pour = () => {
			while (!closed && response.write('x'.repeat(4096))) written += 4096
		}
		response.on('drain', pour)
		pour()
	})
	await new Promise((done) => server.listen(0, '127.0.0.1', done))
	t.after(() => { server.closeAllConnections(); server.close() })
	const { worker } = await telling(t, { channel: { max_reply: 2048,
		url: `http://127.0.0.1:${server.address().port}/` } })
	await worker.events(...success)
	await settled(worker, 'sent')
	await until('the connection to be closed', () => closed)
	assert.ok(written < 64 << 20)
})

test('a certificate counts when the channel trusts it, and only then', async (t) => {
	const pems = certificate(t)
	const { sink, worker } = await telling(t, { server: pems, channel: { ca_file: pems.file } })
	await worker.events(...success)
	await sink.wait(1)
	const other = await telling(t, { server: pems, channel: { retry: [] } })
	await other.worker.events(...success)
	await until('the log to tell', () => /cannot be reached: .*certificate/.test(other.worker.log))
	assert.equal(other.sink.requests.length, 0)
	const [message] = await told(other.worker)
	assert.deepEqual([message.state, message.attempts], ['queued', 0])
})

// ------------------------------------------------------------------------ Slack

test('Slack: what is final, what waits', async (t) => {
	const when = () => new Date(Date.now() + 2000).toUTCString()
	const answers = [{ status: 429, headers: { 'retry-after': when() }, body: 'rate_limited' },
		{ status: 500, body: 'rollup_error' }, { status: 400, body: 'no_text' }]
	const { sink, worker } = await telling(t, { answer: (_, n) => answers[n - 1],
		template: { escape: 'slack' } })
	await worker.events(...success)
	await sink.wait(3)
	const message = await settled(worker, 'refused')
	assert.equal(message.reason, '400 no_text')
	assert.equal(message.attempts, 3)
})

test("Slack's Web API says in the body whether it was taken", async (t) => {
	const { sink, worker } = await telling(t, { answer: (_, n) => ({ status: 200, body: n === 1
		? '{"ok":true,"ts":"1503435956.000247"}' : '{"ok":false,"error":"no_text"}' }),
	channel: { success: 'reply.ok', provider_id: 'reply.ts', bearer: '$SLACK_TOKEN' } })
	await worker.events(...success)
	const [request] = await sink.wait(1)
	assert.equal(request.headers.authorization, 'Bearer xoxb-1')
	assert.equal((await settled(worker, 'sent')).provider_id, '1503435956.000247')
	await worker.events(identify('bob', { name: 'B', email: 'b@example.com' }),
		track('bob', 'Task Succeeded', { workflow: 'x' }))
	assert.match((await settled(worker, 'refused')).reason, /no_text/)
})

// --------------------------------------------------------------------- providers

test('an API that takes forms and a password, and names the message in a header', async (t) => {
	const { sink, worker } = await telling(t, { channel: { body: 'form', method: 'PUT',
		user: 'api', password: 'key-xyz', secret: undefined, success: 'status == 202',
		provider_id: "header['x-message-id']" },
	answer: () => ({ status: 202, headers: { 'X-Message-Id': 'm-1' } }),
	template: { body: { to: '{{ user.email }}', text: 'a & b', 'o:tag': ['x', 'y'] } } })
	await worker.events(...success)
	const [{ method, headers, body }] = await sink.wait(1)
	assert.equal(method, 'PUT')
	assert.equal(headers['content-type'], 'application/x-www-form-urlencoded')
	assert.equal(headers.authorization, 'Basic YXBpOmtleS14eXo=')
	assert.deepEqual([...new URLSearchParams(body)], [['to', 'ada@example.com'],
		['text', 'a & b'], ['o:tag', 'x'], ['o:tag', 'y']])
	assert.equal((await settled(worker, 'sent')).provider_id, 'm-1')
})

test('Postmark: who is dead for it gets no mail any more, of no channel', async (t) => {
	const inactive = JSON.stringify({ ErrorCode: 406, Message: 'You tried to send to a recipient ' +
		'that has been marked as inactive.' })
	const mails = await smtpSink(t)
	const { sink, worker } = await telling(t, { channel: { secret: undefined,
		headers: { 'X-Postmark-Server-Token': 'x' }, provider_id: 'reply.MessageID',
		suppress: 'status == 422 and reply.ErrorCode == 406',
		temporary: 'status == 422 and reply.ErrorCode == 429' },
	edit: (settings) => { settings.channels.email = smtpChannel(mails) },
	answer: ({ body }, n) => n === 1 ? { status: 422, body: '{"ErrorCode":429}' }
		: { status: 422, body: JSON.parse(body).to.startsWith('ada') ? inactive
			: '{"ErrorCode":300}' } })
	const to = (id) => [identify(id, { name: id, email: `${id}@example.com` }),
		track(id, 'Task Succeeded', { workflow: 'x' })]
	await worker.events(...to('ada'))
	const message = await settled(worker, 'refused')
	assert.match(message.reason, /^422 .*inactive/)
	assert.equal(message.attempts, 2)
	await worker.events(...to('bob'))
	await until('both to be refused', async () =>
		(await told(worker, 'state=refused')).length === 2)
	assert.match(await (await worker.fetch('/metrics')).text(),
		/^nudge_addresses_suppressed_total{channel="app"} 1$/m)
	const send = (user) => worker.get('/v1/send', { user, template: 'day-00-welcome' })
	const { key } = await send('ada')
	await send('bob')
	await mails.wait(1)
	assert.deepEqual(mails.mails.map(({ to: rcpt }) => rcpt), [['bob@example.com']])
	const { state, reason } = await worker.get(`/v1/messages/${key}`)
	assert.deepEqual([state, reason], ['skipped', 'suppressed: by the channel app'])
	assert.equal(sink.requests.length, 3)
})

// Signature Version 4, from its description; see the vectors below.
function awsSignature({ method, uri, query, headers, signed, body, region, service, key }) {
	const hash = (text) => crypto.createHash('sha256').update(text).digest('hex')
	const hmac = (by, text) => crypto.createHmac('sha256', by).update(text).digest()
	const at = headers['x-amz-date'], day = at.slice(0, 8)
	const canonical = [method, uri, query, ...signed.map((name) => `${name}:${headers[name]}`),
		'', signed.join(';'), hash(body)].join('\n')
	const scope = `${day}/${region}/${service}/aws4_request`
	const text = ['AWS4-HMAC-SHA256', at, scope, hash(canonical)].join('\n')
	const signing = [day, region, service, 'aws4_request'].reduce(hmac, 'AWS4' + key)
	return hmac(signing, text).toString('hex')
}

test('AWS takes the signature', async (t) => {
	const region = 'eu-west-1', service = 'ses', key = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
	const vectors = path.join(shared, 'reference/wire/vectors.json')
	if (fs.existsSync(vectors)) {
		const { aws_sigv4: { cases, secret: known } } = readJson(vectors)
		for (const one of cases)
			assert.equal(awsSignature({ ...one, signed: Object.keys(one.headers).sort(),
				key: known }), one.signature)
	} else {
		t.diagnostic(`no ${vectors}`)
	}
	const { sink, worker } = await telling(t, { channel: (sink) => ({ secret: undefined,
		url: sink.url + '/v2/email/outbound-emails',
		aws: { region, service, key: 'AKIDEXAMPLE', secret: key, session_token: 'token' } }) })
	await worker.events(...success)
	const [{ method, url, headers, body }] = await sink.wait(1)
	const [, scope, names, signature] =
		/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/(.*), SignedHeaders=(.*), Signature=(.*)$/
			.exec(headers.authorization)
	assert.match(scope, new RegExp(`^\\d{8}/${region}/${service}/aws4_request$`))
	for (const name of ['host', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'])
		assert.ok(names.split(';').includes(name), name)
	assert.equal(signature, awsSignature({ method, uri: url, query: '', headers, body, region,
		service, key, signed: names.split(';') }))
})

// -------------------------------------------------------------------------- URLs

test('values in a url are encoded, and need not be in the template', async (t) => {
	const { sink, worker } = await telling(t, { channel: (sink) => ({
		url: sink.url + '/{{ team }}/{{ user.id }}?w={{ event.workflow }}' }),
	template: { body: { text: 'hi' } } })
	await worker.events(identify('a/b?c', { email: 'a@example.com' }),
		track('a/b?c', 'Task Succeeded', { workflow: 'x&y=z ä' }))
	const [{ url }] = await sink.wait(1)
	assert.equal(url, '/t%231/a%2Fb%3Fc?w=x%26y%3Dz%20%C3%A4')
})

test('a url that comes from data does not lead inside', async (t) => {
	const { sink, worker } = await telling(t, { channel: { url: '{{ user.hook }}' },
		template: { body: { text: 'hi' } } })
	const to = (id, hook) => [identify(id, { email: `${id}@example.com`, hook }),
		track(id, 'Task Succeeded')]
	await worker.events(...to('ada', sink.url + '/inside'),
		...to('bob', sink.url.replace('127.0.0.1', 'localhost')),
		...to('eve', 'http://169.254.169.254/latest/meta-data/'),
		...to('mel', `http://[::ffff:127.0.0.1]:${sink.port}/`), ...to('sam', 'file:///etc/passwd'))
	const refused = await until('four to be refused', async () => {
		const found = await told(worker, 'state=refused')
		return found.length === 4 && found
	})
	for (const { reason } of refused) assert.match(reason, /which is private/)
	assert.match((await settled(worker, 'held')).reason, /https:\/\/ or http:\/\//)
	assert.equal(sink.requests.length, 0)
})

test('each of many endpoints fails for itself alone', async (t) => {
	const closed = await webSink(t)
	await closed.close()
	const { sink, worker } = await telling(t, { channel: { url: '{{ user.hook }}',
		allow_private: true }, answer: ({ url }) => url === '/gone' ? 410 : 200,
	template: { body: { text: 'hi' } } })
	const to = (id, hook) => [identify(id, { email: `${id}@example.com`, hook }),
		track(id, 'Task Succeeded')]
	await worker.events(...to('ada', sink.url + '/gone'), ...to('bob', closed.url),
		...to('eve', sink.url + '/works'))
	await settled(worker, 'sent')
	assert.match((await settled(worker, 'refused')).reason, /^410/)
})

test('an endpoint that never answers keeps no message to another waiting', async (t) => {
	const tarpit = await webSink(t, () => null)
	const { sink, worker } = await telling(t, { channel: { url: '{{ user.hook }}',
		allow_private: true }, template: { body: { text: 'hi' } } })
	const to = (id, hook) => [identify(id, { email: `${id}@example.com`, hook }),
		track(id, 'Task Succeeded')]
	for (let i = 0; i < 40; i++) await worker.events(...to(`u${i}`, tarpit.url))
	await tarpit.wait(2)
	await worker.events(...to('eve', sink.url + '/works'))
	await settled(worker, 'sent')
	assert.equal(tarpit.requests.length, 2) // half of the connections
	const waiting = await until('the others to be put off', async () => {
		const found = await told(worker, 'state=queued')
		return found.length === 38 && found.every(({ reason }) => reason) && found
	})
	for (const { attempts, reason } of waiting) {
		assert.equal(attempts, 0)
		assert.match(reason, /^127\.0\.0\.1:\d+ does not answer, or not fast enough/)
	}
})

test('a url that data makes useless is told as the url, as far as its host', async (t) => {
	const { worker } = await telling(t, { channel: { url: '{{ user.hook }}' },
		template: { body: { text: 'hi' } } })
	await worker.events(identify('ada', { email: 'ada@example.com', hook: 'app.example/my-key' }),
		track('ada', 'Task Succeeded'))
	assert.equal((await settled(worker, 'held')).reason,
		'the channel\'s url: the url is malformed: "app.example"')
})

// ---------------------------------------------------------------------- settings

test('check names what is wrong with a webhook', async (t) => {
	const { dir } = await telling(t)
	const file = path.join(dir, 'nudge.json')
	const settings = readJson(file)
	Object.assign(settings.channels.app, { secret: 'abc', method: 'GET', bearer: 'x', user: 'u',
		password: 'p', success: 'replay.ok', url: 'https://{{ usr.host }}/', body: 'xml',
		headers: { host: 'x' }, aws: { region: 'x' }, max_reply: 1, retry: ['1x'] })
	writeJson(file, settings)
	const { code, stdout } = await nudge(['check', '-C', dir])
	assert.equal(code, 1)
	for (const pointer of ['secret', 'method', 'success', 'url', 'body', 'headers/host', 'aws',
		'max_reply', 'retry'])
		assert.match(stdout, new RegExp(`nudge.json:\\d+:\\d+: .*at /channels/app/${pointer}\\)`))
	assert.match(stdout, /did you mean "user"/)
	assert.match(stdout, /is enough \(at \/channels\/app\)/)
})

// A self-signed one for localhost.
function certificate(t) {
	const dir = fs.mkdtempSync('/tmp/nudge-tls-')
	t.after(() => fs.rmSync(dir, { recursive: true }))
	const [key, file] = ['key.pem', 'cert.pem'].map((name) => path.join(dir, name))
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
		'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
		'-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', file],
	{ stdio: 'ignore' })
	return { key: fs.readFileSync(key), cert: fs.readFileSync(file), file }
}
