// The ways out as an operator sees them: how each does, pausing one, letting one
// go on that was off or slowed.
import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import path from 'node:path'
import test from 'node:test'
import { identify, mailing, nudge, readJson, smtpSink, token, track, until, webSink, Worker,
	workspace, writeJson } from './lib.mjs'

const seed = Buffer.alloc(32, 7)
const publicKey = crypto.createPublicKey(crypto.createPrivateKey({ format: 'der', type: 'pkcs8',
	key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]) }))
	.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')

// A workspace whose channel "app" calls a server of the test's.
async function calling(t, { answer, channel = {}, edit = () => {}, clock } = {}) {
	const sink = await webSink(t, answer)
	const dir = await workspace(t, (settings, folder) => {
		settings.channels.app = { type: 'webhook', url: sink.url + '/hook?key=url-secret',
			bearer: 'bearer-secret', ...channel }
		edit(settings)
		writeJson(path.join(folder, 'templates/ping.json'),
			{ channel: 'app', body: { id: '{{ user.id }}' } })
	})
	const worker = await Worker.start(t, dir, { clock })
	await worker.events(...['ada', 'bob'].map((id) =>
		identify(id, { email: `${id}@example.com` })))
	return { sink, dir, worker }
}

const send = async (worker, user) =>
	(await worker.get('/v1/send', { user, template: 'ping' })).key
const stateOf = async (worker, key) => (await worker.get(`/v1/messages/${key}`)).state
const sent = (worker, key) => until('it to be sent', async () =>
	await stateOf(worker, key) === 'sent')
const channel = async (worker, name = 'app') => (await worker.get('/v1/channels'))
	.channels.find((one) => one.name === name)
const inState = (worker, state, name) => until(`the channel to be ${state}`, async () => {
	const found = await channel(worker, name)
	return found.state === state && found
})
const up = async (worker, name = 'app') => Number(new RegExp(
	`^nudge_channel_up{channel="${name}"} (.*)$`, 'm')
	.exec(await (await worker.fetch('/metrics')).text())[1])

test('a channel that is off says so, and goes on when an operator says so', async (t) => {
	const { sink, dir, worker } = await calling(t, { answer: (_, n) =>
		n === 1 ? { status: 410, body: 'moved out' } : 200,
	channel: { secret: 'whsk_' + seed.toString('base64') } })
	assert.equal((await channel(worker)).state, 'working')
	assert.equal(await up(worker), 1)
	const key = await send(worker, 'ada')
	await inState(worker, 'off')
	const off = await until('the message to wait', async () => {
		const found = await channel(worker)
		return found.queued === 1 && found
	})
	assert.deepEqual([off.why, off.until, off.queued, off.in_flight],
		['answers with 410: moved out', null, 1, 0])
	assert.equal(off.host, new URL(sink.url).host)
	assert.deepEqual(off.public_keys, [`whpk_${publicKey}`])
	assert.equal(await up(worker), 0)
	const { stdout } = await nudge(['channels', '-C', dir])
	assert.match(stdout, /^app +webhook +off +1 queued, 0 on their way$/m)
	assert.match(stdout, /why +answers with 410: moved out/)
	assert.ok(stdout.includes(`public key whpk_${publicKey}`))
	assert.doesNotMatch(JSON.stringify(off) + stdout + worker.log,
		/url-secret|bearer-secret|whsk_/)
	assert.equal(sink.requests.length, 1)

	const { code } = await nudge(['channels', 'resume', 'app', '-C', dir,
		'--actor', 'jane', '--note', 'they are back'])
	assert.equal(code, 0)
	await sent(worker, key)
	assert.equal((await channel(worker)).state, 'working')
	assert.equal(await up(worker), 1)
	const { decisions: [{ what, channel: name, reason }] } = await worker.get('/v1/decisions')
	assert.deepEqual([what, name, reason], ['resumed', 'app', 'by jane: they are back'])
})

test('what is paused waits, over a restart, and is sent once it goes on', async (t) => {
	const { sink, dir, worker } = await calling(t, { clock: '2026-12-01T09:00:00Z' })
	const paused = await worker.get('/v1/channels/app/pause', { actor: 'jane' })
	assert.deepEqual([paused.state, paused.why, paused.until], ['paused', 'by jane', null])
	const key = await send(worker, 'ada')
	await worker.moveTo('2026-12-01T10:00:00Z')
	const { state, reason } = await worker.get(`/v1/messages/${key}`)
	assert.deepEqual([state, reason], ['queued', 'channel app is paused by jane'])
	assert.equal((await worker.person('ada')).messages[0].reason, reason)
	assert.equal(await up(worker), 0)
	worker.child.kill('SIGHUP')
	await until('the reload', () => /new definitions are in force/.test(worker.log))
	await worker.stop()
	assert.match((await nudge(['channels', '-C', dir])).stdout,
		/^app +webhook +paused +1 queued$\n.*\n +why +by jane$/m)

	const again = await Worker.start(t, dir, { clock: '2026-12-01T11:00:00Z' })
	assert.equal((await channel(again)).state, 'paused')
	assert.equal(await stateOf(again, key), 'queued')
	assert.equal(sink.requests.length, 0)
	assert.equal((await again.get('/v1/channels/app/resume', {})).state, 'working')
	await sent(again, key)
	assert.doesNotMatch((await again.get(`/v1/messages/${key}`)).reason, /paused/)
})

// The relay takes its time over the first; what waits behind it is not begun.
test('a pause holds for what waits for a connection; the gates see it again', async (t) => {
	let goOn
	const slow = new Promise((done) => { goOn = done })
	const { sink, worker } = await mailing(t, { channel: { connections: 1 },
		onRcptTo: (to, session, done) => slow.then(() => done()) })
	const people = ['ada', 'bob', 'cyd', 'dan', 'eve', 'fay']
	await worker.events(...people.map((id) => identify(id, { email: `${id}@example.com` })))
	for (const user of people) await worker.get('/v1/send', { user, template: 'day-00-welcome' })
	await until('all to be claimed', async () =>
		(await worker.messages('state=sending')).length >= 5)
	await worker.get('/v1/channels/email/pause', {})
	await until('those that wait to be back', async () =>
		(await worker.messages('state=sending')).length <= 2)
	await worker.get('/v1/people/eve/suppress', {})
	goOn()
	await worker.get('/v1/channels/email/resume', {})
	await sink.wait(5)
	assert.deepEqual(sink.mails.map((mail) => mail.to[0].split('@')[0]).sort(),
		people.filter((id) => id !== 'eve'))
	assert.deepEqual((await worker.messages('state=skipped')).map(({ address }) => address),
		['eve@example.com'])
})

test('without a worker a channel is paused for the next one', async (t) => {
	const { sink, dir, worker } = await calling(t)
	await worker.stop()
	assert.equal((await nudge(['channels', 'pause', 'app', '--actor', 'jane', '-C', dir])).code, 0)
	const { channels: [{ state, in_flight }] } = JSON.parse(
		(await nudge(['channels', '--json', '-C', dir])).stdout)
	assert.deepEqual([state, in_flight], [null, null]) // that of the first: not known
	const again = await Worker.start(t, dir)
	const key = await send(again, 'ada')
	assert.equal((await channel(again)).state, 'paused')
	await again.get('/v1/channels/app/resume', { note: 'done' })
	await sent(again, key)
	assert.deepEqual((await again.get('/v1/decisions')).decisions
		.map(({ what, reason }) => [what, reason]),
	[['resumed', 'by an operator: done'], ['paused', 'by jane']])
	assert.equal(sink.requests.length, 1)
})

test('what the other side slowed goes on at once for an operator', async (t) => {
	const { worker } = await calling(t, { answer: (_, n) => n === 1
		? { status: 429, headers: { 'retry-after': '600' }, body: 'rate_limited' } : 200 })
	const before = Date.now()
	const first = await send(worker, 'ada')
	const { why, until: when } = await inState(worker, 'slowed')
	assert.equal(why, '429 rate_limited')
	assert.ok(Date.parse(when) - before > 590000)
	assert.equal(await up(worker), 1)
	const second = await send(worker, 'bob')
	assert.equal(await stateOf(worker, second), 'queued')
	await worker.get('/v1/channels/app/resume', {})
	await sent(worker, second)
	assert.equal(await stateOf(worker, first), 'queued') // its own time is as it was
})

test('a relay that refuses the login is paused, and tried again on demand', async (t) => {
	const sink = await smtpSink(t, { disabledCommands: ['STARTTLS'], allowInsecureAuth: true,
		onAuth: ({ password }, _, done) => sink.open
			? done(null, { user: password }) : done(new Error('not now')) })
	const { worker } = await calling(t, { edit: ({ channels }) => {
		channels.email = { type: 'smtp', host: '127.0.0.1', port: sink.port, tls: 'none',
			user: 'nudge', password: 'smtp-secret',
			warmup: { start: '2026-01-01', first: 5, double: '1000d' } }
	} })
	const { key } = await worker.get('/v1/send', { user: 'ada', template: 'day-00-welcome' })
	const paused = await inState(worker, 'paused', 'email')
	assert.match(paused.why, /535.*not now/)
	assert.ok(Date.parse(paused.until) > Date.now())
	assert.equal(paused.host, `127.0.0.1:${sink.port}`)
	assert.equal(paused.warmup.most, 5)
	await until('its turn of the day to be given back', async () =>
		(await channel(worker, 'email')).warmup.used === 0)
	sink.open = true
	await worker.get('/v1/channels/email/resume', {})
	await sent(worker, key)
	assert.deepEqual((await channel(worker, 'email')).warmup, { used: 1, most: 5 })
	assert.doesNotMatch(JSON.stringify(await worker.get('/v1/channels')), /smtp-secret/)
})

test('a channel that is renamed: its messages are seen, and go when it is back', async (t) => {
	const { sink, dir, worker } = await calling(t, { clock: '2026-12-01T09:00:00Z' })
	const reload = async () => {
		const seen = worker.log.length
		worker.child.kill('SIGHUP')
		await until('the reload', () => /new definitions are in force/.test(worker.log.slice(seen)))
	}
	const rename = async (from, to) => {
		const settings = readJson(path.join(dir, 'nudge.json'))
		settings.channels[to] = settings.channels[from]
		delete settings.channels[from]
		writeJson(path.join(dir, 'nudge.json'), settings)
		writeJson(path.join(dir, 'templates/ping.json'),
			{ channel: to, body: { id: '{{ user.id }}' } })
		await reload()
	}
	writeJson(path.join(dir, 'sequences/pings.json'), { enter: { on: 'Ping' },
		exit: { on: 'Stop' }, late: { grace: '2h' }, steps: [{ id: 'one', send: 'ping' }] })
	await reload()
	await worker.get('/v1/channels/app/pause', {})
	await worker.events(identify('cleo', {}), identify('dora', {}),
		...['ada', 'bob', 'cleo'].map((id) => track(id, 'Ping')))
	const key = await send(worker, 'dora')
	await rename('app', 'app-2')
	await until('it to be told', () =>
		/4 messages wait for the channel \\"app\\", which is not in nudge/.test(worker.log))
	const lost = await channel(worker)
	assert.deepEqual([lost.type, lost.state, lost.queued, lost.why],
		[null, null, 4, 'there is no such channel in nudge.json'])
	assert.match((await nudge(['channels', '-C', dir])).stdout,
		/^app +- +- +4 queued\n +why +there is no such channel in nudge\.json$/m)
	assert.equal(await up(worker), 0)
	assert.match(await (await worker.fetch('/metrics')).text(),
		/^nudge_queue_depth{channel="app",state="queued"} 4$/m)
	await worker.events(track('ada', 'Stop'))
	await worker.moveTo('2026-12-01T10:00:00Z')
	const states = async () => Promise.all(['ada', 'bob', 'dora'].map(async (id) => {
		const { messages: [{ state, reason }] } = await worker.person(id)
		return `${state}: ${reason}`
	}))
	assert.deepEqual(await states(), ['skipped: no longer in the sequence',
		'queued: there is no channel "app" in nudge.json',
		'queued: there is no channel "app" in nudge.json'])
	await worker.moveTo('2026-12-01T12:00:00Z')
	assert.equal((await states())[1], 'expired: too late to make sense')
	await rename('app-2', 'app')
	await worker.get('/v1/channels/app/resume', {})
	await worker.moveTo('2026-12-01T12:05:00Z')
	await sent(worker, key)
	assert.equal(sink.requests.length, 1)
})

test('who asks for something else is told', async (t) => {
	const { dir, worker } = await calling(t)
	for (const [where, body, status, detail] of [
		['/v1/channels/ap/pause', {}, 404, /did you mean "app"/],
		['/v1/channels/app/stop', {}, 404, /paused or resumed/],
		['/v1/channels/app/pause', { by: 'x' }, 400, /"by" is not known/],
		['/v1/channels/app/pause', undefined, 405, /method/]]) {
		const [got, problem] = await worker.call(where, body)
		assert.equal(got, status, where)
		assert.match(problem.detail, detail)
	}
	assert.equal((await worker.fetch('/v1/channels')).status, 401)
	assert.equal((await worker.fetch('/v1/channels', { headers:
		{ authorization: `Bearer ${token}` } })).status, 200)
	assert.equal((await nudge(['channels', 'pause', '-C', dir])).code, 64)
	assert.equal((await nudge(['channels', 'halt', 'app', '-C', dir])).code, 64)
	assert.equal((await nudge(['channels', 'pause', 'ap', '-C', dir])).code, 67)
})
