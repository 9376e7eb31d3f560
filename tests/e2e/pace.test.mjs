// How fast mail goes: in all, to a domain, on the first days of a sender.
import assert from 'node:assert/strict'
import test from 'node:test'
import { identify, mailing, nudge, readJson, track, until, Worker, writeJson } from './lib.mjs'

const CLOCK = '2026-12-01T09:00:00Z'
const signUp = (...addresses) => addresses.flatMap((email) => [
	identify(email, { email, plan: 'free' }), track(email, 'Signed Up')])
const metric = async (worker, name) => Number(new RegExp(`^${name}{channel="email"} (.*)$`, 'm')
	.exec(await (await worker.fetch('/metrics')).text())[1])
const many = (n, domain) => Array.from({ length: n }, (_, i) => `u${i}@${domain}`)

test('a rate: the rest goes as time goes on', async (t) => {
	const { sink, worker } = await mailing(t, { clock: CLOCK, channel: { rate: '2/m' } })
	await worker.events(...signUp(...many(4, 'example.com')))
	await sink.wait(1)
	await worker.moveTo('2026-12-01T09:00:20Z')
	assert.equal(sink.mails.length, 1)
	await worker.moveTo('2026-12-01T09:00:31Z')
	assert.equal(sink.mails.length, 2)
	await worker.moveTo('2026-12-01T09:02:00Z')
	assert.equal(sink.mails.length, 4)
})

test('a rate to one domain holds nobody else up', async (t) => {
	const { sink, worker } = await mailing(t, { clock: CLOCK,
		channel: { domains: { 'slow.example': '1/m' } } })
	await worker.events(...signUp(...many(3, 'slow.example'), ...many(5, 'example.com')))
	await sink.wait(6)
	await worker.moveTo(CLOCK)
	const to = (domain) => sink.mails.filter((mail) => mail.to[0].endsWith(domain)).length
	assert.deepEqual([to('@slow.example'), to('@example.com')], [1, 5])
	const waiting = await worker.messages('state=queued')
	assert.ok(waiting.every((message) => message.reason === 'the rate to slow.example'))
	assert.equal(new Set(waiting.map((message) => message.next_at)).size, 2)
	await worker.moveTo('2026-12-01T09:01:10Z')
	assert.equal(to('@slow.example'), 2)
	await worker.moveTo('2026-12-01T09:02:10Z')
	assert.equal(to('@slow.example'), 3)
})

test('a turn at a domain that is cancelled is nobody\'s', async (t) => {
	const { sink, worker } = await mailing(t, { clock: CLOCK,
		channel: { domains: { 'slow.example': '1/m' } } })
	await worker.events(...signUp(...many(30, 'slow.example')))
	await sink.wait(1)
	await worker.moveTo(CLOCK)
	for (const { key } of await worker.messages('state=queued'))
		await worker.get(`/v1/messages/${key}/cancel`, {})
	await worker.events(...signUp('eve@slow.example'))
	await worker.moveTo('2026-12-01T09:01:10Z')
	assert.deepEqual(sink.mails.map((mail) => mail.to[0]).slice(1), ['eve@slow.example'])
})

test('warming up: more every day, and a restart does not begin the day anew', async (t) => {
	const warmup = { start: '2026-12-01', first: 2, double: '1d' }
	const { dir, sink, worker } = await mailing(t, { clock: CLOCK, channel: { warmup } })
	await worker.events(...signUp(...many(7, 'example.com')))
	await sink.wait(2)
	await worker.moveTo('2026-12-01T15:00:00Z')
	assert.equal(sink.mails.length, 2)
	await worker.stop()
	const again = await Worker.start(t, dir, { clock: '2026-12-01T16:00:00Z' })
	await again.moveTo('2026-12-01T23:59:59Z')
	assert.equal(sink.mails.length, 2)
	await again.moveTo('2026-12-02T12:00:00Z')
	assert.equal(sink.mails.length, 6)
})

test('"slow down" is heeded by the whole channel', async (t) => {
	let refusals = 0
	const { sink, worker } = await mailing(t, { channel: { connections: 1 },
		refuse: (stage) => stage === 'rcpt' && refusals++ === 0
			? [451, '4.7.1 too much mail from you'] : null })
	await worker.events(...signUp('ada@example.com'))
	await until('the log to tell', () => /paused for 5 s; nudge channels/.test(worker.log))
	await worker.events(...signUp('bob@example.com'))
	assert.deepEqual((await worker.messages()).map((message) => message.state),
		['queued', 'queued'])
	assert.equal(sink.mails.length, 0)
	assert.equal(await metric(worker, 'nudge_channel_pauses_total'), 1)
})

// Eight connections that all hear it at once are one moment, not eight.
test('"slow down" on all connections at once is one pause', async (t) => {
	let refuses = false, refusals = 0
	const reply = (done) => {
		if (!refuses) return done()
		refusals++
		done(Object.assign(new Error('4.7.1 too much mail from you'), { responseCode: 451 }))
	}
	const { sink, worker } = await mailing(t, { channel: { connections: 8 },
		onRcptTo: (to, session, done) => setTimeout(reply, 30, done) })
	await worker.events(...signUp(...many(150, 'example.com')))
	await sink.wait(60)
	refuses = true
	const channel = async () => (await worker.get('/v1/channels')).channels
		.find(({ name }) => name === 'email')
	await until('all to be back', async () => (await channel()).in_flight === 0)
	assert.ok(refusals > 1, 'several connections were refused')
	assert.ok(refusals <= 24, 'what waited for a connection was not tried')
	const pauses = () => worker.log.match(/paused for \d+ s/g)
	await until('the log to tell', pauses)
	assert.deepEqual(pauses(), ['paused for 5 s'])
	assert.equal(await metric(worker, 'nudge_channel_pauses_total'), 1)
	assert.equal((await channel()).state, 'slowed')
})

// One attempt is all that a relay's own trouble costs, as long as nothing is sent.
test('a relay that cannot look anything up ends no message', async (t) => {
	const retry = { first: '1s', longest: '1s', attempts: 2 }
	const { sink, worker } = await mailing(t, { edit: (settings) => { settings.retry = retry },
		refuse: (stage) => stage === 'rcpt' ? [451, '4.3.0 temporary lookup failure'] : null })
	await worker.events(...signUp(...many(5, 'example.com')))
	for (let n = 0; n < 4; n++) {
		await until('the channel to be slowed', async () =>
			(await worker.get('/v1/channels')).channels
				.some(({ name, state }) => name === 'email' && state === 'slowed'))
		await worker.get('/v1/channels/email/resume', {})
	}
	await until('all to wait again', async () =>
		(await worker.messages('state=queued')).length === 5)
	sink.refuse = () => null
	await until('all to be sent', async () => {
		await worker.get('/v1/channels/email/resume', {})
		return (await worker.messages('state=sent')).length === 5
	})
	assert.equal(sink.mails.length, 5)
})

test('a message that an operator tries again has all its attempts', async (t) => {
	let refusals = 0
	const { sink, worker } = await mailing(t, {
		edit: (settings) => { settings.retry = { first: '1s', longest: '1s', attempts: 2 } },
		refuse: (stage) => stage === 'rcpt' && refusals++ < 3 ? [450, '4.2.1 busy'] : null })
	await worker.events(...signUp('ada@example.com'))
	const [{ key }] = await until('it to be given up', async () => {
		const refused = await worker.messages('state=refused')
		return refused.length > 0 && refused
	})
	await worker.get(`/v1/messages/${key}/retry`, {})
	await sink.wait(1)
})

test('a policy refusal raises an alarm and suppresses nobody; a dead address is', async (t) => {
	const answers = { 'ada@example.com': [550, '5.7.1 poor reputation'],
		'gone@example.com': [550, '5.1.1 nobody'] }
	const { sink, worker } = await mailing(t, { refuse: (stage, address) =>
		stage === 'rcpt' ? answers[address] : null })
	await worker.events(...signUp('ada@example.com', 'gone@example.com'))
	await until('both to be refused', async () =>
		(await worker.messages('state=refused')).length === 2)
	assert.equal(await metric(worker, 'nudge_policy_refusals_total'), 1)
	assert.equal(await metric(worker, 'nudge_addresses_suppressed_total'), 1)
	sink.refuse = () => null
	for (const user of Object.keys(answers))
		await worker.get('/v1/send', { user, template: 'day-00-welcome' })
	await until('one to be skipped', async () =>
		(await worker.messages('state=skipped')).length === 1)
	await sink.wait(1)
	assert.deepEqual(sink.mails.map((mail) => mail.to[0]), ['ada@example.com'])
})

test('what is wrong with a pace or a login is told', async (t) => {
	const { dir, worker } = await mailing(t, { clock: CLOCK })
	await worker.stop()
	const check = async (channel) => {
		const settings = readJson(`${dir}/nudge.json`)
		Object.assign(settings.channels.email, channel)
		writeJson(`${dir}/nudge.json`, settings)
		const { stdout, stderr } = await nudge(['check', '-C', dir])
		return stdout + stderr
	}
	assert.match(await check({ domains: { 'gmail.com': 'fast' } }), /a rate is expected/)
	assert.match(await check({ domains: {}, warmup: { first: 5 } }), /warming up has a "start"/)
	assert.match(await check({ warmup: {}, auth: 'oauth' }), /"password" or "xoauth2"/)
	assert.match(await check({ auth: 'password', host: 'relay.example', user: 'a',
		password: 'b' }), /without TLS anybody/)
	assert.match(await check({ auth: 'xoauth2', user: undefined, password: undefined }), /needs a user, and a token_file/)
})
