// Real relays: what Debian's Postfix and Exim make of our mail, and we of them.
import assert from 'node:assert/strict'
import test from 'node:test'
import { identify, parse, smtpSink, track, until, Worker, workspace } from '../e2e/lib.mjs'
import { exim, login, perConnection, postfix } from './servers.mjs'

const signUp = (...addresses) => addresses.flatMap((email) => [
	identify(email, { email, plan: 'free' }), track(email, 'Signed Up')])
const many = (n) => Array.from({ length: n }, (_, i) => `u${i}@example.com`)

// The relay, the sink behind it, and a worker that mails through it.
async function through(t, server, channel = {}, edit = () => {}) {
	const sink = await smtpSink(t)
	const relay = await server(t, sink)
	if (relay.why) {
		t.skip(relay.why)
		return null
	}
	const dir = await workspace(t, (settings) => {
		settings.channels.email = { type: 'smtp', host: 'localhost', port: relay.port,
			tls: 'starttls', ca_file: relay.ca, timeout: '10s', ...login,
			...(typeof channel === 'function' ? channel(relay) : channel) }
		settings.retry = { first: '1s', longest: '1s', attempts: 5 }
		edit(settings)
	})
	return { sink, relay, worker: await Worker.start(t, dir) }
}

const settled = (worker, state, count) => until(`${count} to be ${state}`, async () => {
	const found = await worker.messages(`state=${state}`)
	return found.length >= count && found
})

async function arrive(sink, addresses) {
	await sink.wait(addresses.length)
	assert.deepEqual(sink.mails.map((mail) => mail.to[0]).sort(), [...addresses].sort())
	for (const mail of sink.mails) {
		const read = await parse(mail)
		assert.match(read.subject, /Welcome/)
		assert.ok(read.html.includes('</html>') && read.text.length > 100)
		assert.ok(read.headers.get('list-unsubscribe-post') ?? read.headers.get('list'))
	}
}

for (const server of [postfix, exim]) {
	const { name } = server

	test(`${name}: STARTTLS, a password, forty mails over four connections`, async (t) => {
		const all = await through(t, server)
		if (!all) return
		await all.worker.events(...signUp(...many(40)))
		await arrive(all.sink, many(40))
		const sent = await settled(all.worker, 'sent', 40)
		assert.ok(sent.every((message) => message.provider_id !== ''))
		assert.equal(new Set(sent.map((message) => message.provider_id)).size, 40)
	})

	test(`${name}: TLS from the start`, async (t) => {
		const all = await through(t, server, (relay) =>
			({ tls: 'implicit', port: relay.tlsPort }))
		if (!all) return
		await all.worker.events(...signUp(...many(10)))
		await arrive(all.sink, many(10))
		await settled(all.worker, 'sent', 10)
	})

	test(`${name}: a wrong password pauses the lane, and nothing bounces`, async (t) => {
		const all = await through(t, server, { password: 'wrong' })
		if (!all) return
		await all.worker.events(...signUp(...many(5)))
		await until('the log to tell', () =>
			/refuses the login: 535\b.*next try in 300 s/.test(all.worker.log))
		assert.equal((await settled(all.worker, 'queued', 5)).length, 5)
		assert.equal(all.sink.mails.length, 0)
	})

	test(`${name}: no mail without TLS that is trusted`, async (t) => {
		const all = await through(t, server, { ca_file: '/etc/ssl/certs/ca-certificates.crt' })
		if (!all) return
		await all.worker.events(...signUp('ada@example.com'))
		await until('the log to tell', () => /bad certificate/.test(all.worker.log))
		assert.equal(all.sink.mails.length, 0)
	})

	test(`${name}: nobody there is not mailed again, a refusal of ours is`, async (t) => {
		const all = await through(t, server)
		if (!all) return
		const { sink, worker } = all
		await worker.events(...signUp('gone@example.com', 'spam@example.com', 'ada@example.com'))
		await arrive(sink, ['ada@example.com'])
		await settled(worker, 'refused', 2)
		for (const user of ['gone@example.com', 'spam@example.com'])
			await worker.get('/v1/send', { user, template: 'day-00-welcome' })
		const [skipped] = await settled(worker, 'skipped', 1)
		assert.match(skipped.reason, /hard bounce/)
		await settled(worker, 'refused', 3)
	})

	test(`${name}: an address beyond ASCII`, async (t) => {
		const all = await through(t, server)
		if (!all) return
		await all.worker.events(...signUp('ada@example.com', 'jürgen@example.com'))
		await arrive(all.sink, ['ada@example.com', 'jürgen@example.com'])
		await settled(all.worker, 'sent', 2)
	})

	test(`${name}: a mail bigger than it takes is refused`, async (t) => {
		const all = await through(t, server, {}, (settings) => {
			settings.variables.product_name = 'Acme '.repeat(20000)
		})
		if (!all) return
		await all.worker.events(...signUp('ada@example.com'))
		const [message] = await settled(all.worker, 'refused', 1)
		assert.match(message.reason, /55[02]/)
	})
}

test(`exim: 421 after ${perConnection} mails of a connection loses nothing`, async (t) => {
	const all = await through(t, exim, { connections: 1 })
	if (!all) return
	await all.worker.events(...signUp(...many(3 * perConnection)))
	await arrive(all.sink, many(3 * perConnection))
	await settled(all.worker, 'sent', 3 * perConnection)
})
