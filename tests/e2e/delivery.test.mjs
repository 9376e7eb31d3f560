// Mail servers that are down, busy, strict or safe.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, mailing, nudge, smtpSink, track, until } from './lib.mjs'

const retry = (settings) => { settings.retry = { first: '1s', longest: '2s', attempts: 5 } }
const signUp = (...ids) => ids.flatMap((id) => [
	identify(id, { email: `${id}@example.com`, plan: 'free' }), track(id, 'Signed Up')])
const settled = (worker, state, count = 1) => until(`${count} to be ${state}`, async () => {
	const found = await worker.messages(`state=${state}`)
	return found.length >= count && found
})

test('a server that is down at first', async (t) => {
	const { sink, worker } = await mailing(t, { edit: retry })
	await sink.close()
	await worker.events(...signUp('ada'))
	await until('the worker to notice', () => /refused/i.test(worker.log))
	assert.equal((await worker.messages())[0].state, 'queued')
	const again = await smtpSink(t, { port: sink.port })
	await again.wait(1)
	await settled(worker, 'sent')
})

test('"not now" is tried again with the same Message-ID', async (t) => {
	const seen = []
	const { sink, worker } = await mailing(t, { edit: retry,
		refuse: (stage, address, mail) => {
			if (stage !== 'data') return null
			seen.push(/^Message-ID: (.*)$/mi.exec(mail.raw)[1])
			return seen.length < 3 ? [451, '4.2.0 not now'] : null
		} })
	await worker.events(...signUp('ada'))
	await sink.wait(1)
	assert.equal(seen.length, 3)
	assert.equal(new Set(seen).size, 1)
	const [message] = await settled(worker, 'sent')
	assert.equal(message.attempts, 3)
})

test('"never" is final: told, and not tried again; the address is left alone', async (t) => {
	const { dir, sink, worker } = await mailing(t, { edit: retry,
		refuse: (stage, address) => stage === 'rcpt' && address.startsWith('gone')
			? [550, '5.1.1 no such user'] : null })
	await worker.events(...signUp('gone', 'ada'))
	await sink.wait(1)
	const [message] = await settled(worker, 'refused')
	assert.match(message.reason, /550.*5\.1\.1.*no such user/s)
	const list = await nudge(['queue', '-C', dir, '--state', 'refused'])
	assert.equal(list.code, 0, list.stderr)
	assert.match(list.stdout, new RegExp(message.key))
	assert.match(list.stdout, /no such user/)
	await worker.get('/v1/send', { user: 'gone', template: 'day-00-welcome' })
	const [skipped] = await settled(worker, 'skipped')
	assert.match(skipped.reason, /bounce/)
})

test('a refusal of ours is not the fault of the address', async (t) => {
	const { dir, sink, worker } = await mailing(t, { edit: retry,
		refuse: (stage) => stage === 'data' ? [554, '5.7.1 looks like spam'] : null })
	await worker.events(...signUp('ada'))
	const [message] = await settled(worker, 'refused')
	sink.refuse = () => null
	const tried = await nudge(['queue', 'retry', message.key, '-C', dir])
	assert.equal(tried.code, 0, tried.stderr)
	await sink.wait(1)
	await settled(worker, 'sent')
})

test('two hundred at once over four connections: each once', async (t) => {
	const { sink, worker } = await mailing(t)
	const ids = Array.from({ length: 200 }, (_, i) => `u${i}`)
	await worker.events(...signUp(...ids))
	await sink.wait(200)
	await settled(worker, 'sent', 200)
	assert.deepEqual(sink.mails.map((mail) => mail.to[0]).sort(),
		ids.map((id) => `${id}@example.com`).sort())
	const keys = sink.mails.map((mail) => /^Message-ID: (.*)$/mi.exec(mail.raw)[1])
	assert.equal(new Set(keys).size, 200)
})

test('sandbox: only who matches is mailed', async (t) => {
	const { sink, worker } = await mailing(t, { edit: (settings) => {
		settings.sandbox = { only: ['*@acme.example'] }
	} })
	await worker.events(identify('ada', { email: 'ada@example.com' }), track('ada', 'Signed Up'),
		identify('gus', { email: 'gus@acme.example' }), track('gus', 'Signed Up'))
	await sink.wait(1)
	const [skipped] = await settled(worker, 'skipped')
	assert.match(skipped.reason, /sandbox/)
	assert.deepEqual(sink.mails.map((mail) => mail.to), [['gus@acme.example']])
})

test('a cap holds, and messages in the app count', async (t) => {
	const { sink, worker } = await mailing(t, { clock: '2026-03-02T10:00:00Z',
		edit: (settings) => { settings.caps = [{ max: 3, window: '30d' }] } })
	await worker.events(...signUp('ada'))
	await worker.moveTo('2026-03-20T00:00:00Z')
	assert.equal(sink.mails.length, 2)
	assert.match((await settled(worker, 'skipped'))[0].reason, /cap/)
})

test('quiet hours move a mail to their end', async (t) => {
	const { sink, worker } = await mailing(t, { clock: '2026-03-02T22:30:00Z',
		edit: (settings) => { settings.quiet = { from: '21:00', to: '08:00' } } })
	await worker.events(...signUp('ada'))
	await worker.moveTo('2026-03-03T07:59:59Z')
	assert.equal(sink.mails.length, 0)
	await worker.moveTo('2026-03-03T08:00:00Z')
	assert.equal(sink.mails.length, 1)
})

test('STARTTLS and a password, for a certificate that is trusted', async (t) => {
	const pems = certificate(t)
	const signIn = ({ username, password }, session, done) =>
		username === 'nudge' && password === 'sesame' && session.secure
			? done(null, { user: username }) : done(new Error('no'))
	const { sink, worker } = await mailing(t, { edit: retry, key: pems.key, cert: pems.cert,
		onAuth: signIn, authOptional: false, channel: { host: 'localhost', tls: 'starttls',
			ca_file: pems.file, user: 'nudge', password: 'sesame' } })
	await worker.events(...signUp('ada', 'bob'))
	const mails = await sink.wait(2)
	assert.ok(mails.every((mail) => mail.secure && mail.user === 'nudge'))
})

test('certificates that are renewed are read again at a reload', async (t) => {
	const pems = certificate(t), old = certificate(t)
	const { sink, worker } = await mailing(t, { key: pems.key, cert: pems.cert,
		authOptional: true, channel: { host: 'localhost', tls: 'starttls', ca_file: old.file } })
	await worker.events(...signUp('ada'))
	await until('the log to tell', () => /has a bad certificate/.test(worker.log))
	assert.equal(sink.mails.length, 0)
	fs.copyFileSync(pems.file, old.file)
	worker.child.kill('SIGHUP')
	await sink.wait(1)
	fs.writeFileSync(old.file, 'no certificate')
	worker.child.kill('SIGHUP')
	await until('the log to tell', () => /TLS cannot be set up with/.test(worker.log))
	await worker.events(...signUp('bob'))
	await sink.wait(2)
})

test('a certificate that nobody vouches for gets no mail and no password', async (t) => {
	const pems = certificate(t)
	let asked = 0
	const { sink, worker } = await mailing(t, { key: pems.key, cert: pems.cert,
		onAuth: (_, __, done) => { asked++; done(new Error('no')) },
		channel: { host: 'localhost', tls: 'starttls', user: 'nudge', password: 'sesame' } })
	await worker.events(...signUp('ada'))
	await until('the log to tell', () => /certificate|TLS/i.test(worker.log))
	assert.deepEqual([asked, sink.mails.length], [0, 0])
	assert.equal((await worker.messages())[0].state, 'queued')
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
