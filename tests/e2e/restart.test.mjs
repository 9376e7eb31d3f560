// What must hold when the worker ends, starts, or is there twice.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { identify, mailing, nudge, track, until, Worker, workspace } from './lib.mjs'

const signUp = (id) => [identify(id, { email: `${id}@example.com`, plan: 'free' }),
	track(id, 'Signed Up'), track(id, 'Task Succeeded', { workflow: 'invoices' })]

for (const signal of ['SIGTERM', 'SIGKILL'])
	test(`after ${signal} all is as it was`, async (t) => {
		const clock = '2026-03-02T10:00:00Z'
		const { dir, sink, worker } = await mailing(t, { clock })
		await worker.events(...signUp('ada'))
		await worker.moveTo(clock)
		const before = await worker.person('ada')
		const exit = await worker.kill(signal)
		if (signal === 'SIGTERM') assert.deepEqual(exit, { code: 0, signal: null })
		const again = await Worker.start(t, dir, { clock })
		assert.deepEqual(await again.person('ada'), before)
		await again.moveTo('2026-03-06T00:00:00Z')
		assert.equal(sink.mails.length, 2)
	})

test('events that come while nobody mails wait for the next start', async (t) => {
	const { dir, sink, worker } = await mailing(t, { refuse: () => [451, '4.3.2 not now'],
		edit: (settings) => { settings.retry = { first: '1s', longest: '1s' } } })
	await worker.events(...signUp('ada'))
	await worker.stop()
	sink.refuse = () => null
	await Worker.start(t, dir)
	await sink.wait(1)
})

test('a second worker is turned away', async (t) => {
	const dir = await workspace(t)
	await Worker.start(t, dir)
	const second = await nudge(['run', '-C', dir])
	assert.equal(second.code, 75)
	assert.match(second.stderr, /nudge\.db/)
})

test('a store of a newer program is left alone', async (t) => {
	const dir = await workspace(t)
	const file = path.join(dir, 'data/nudge.db')
	await (await Worker.start(t, dir)).stop()
	// SQLite's user_version: four bytes at offset 60 of the file.
	const store = fs.readFileSync(file)
	store.writeInt32BE(2 ** 30, 60)
	fs.writeFileSync(file, store)
	const run = await nudge(['run', '-C', dir])
	assert.notEqual(run.code, 0)
	assert.match(run.stderr, /newer/)
	assert.deepEqual(fs.readFileSync(file), store)
})

test('a damaged store is refused, and told', async (t) => {
	const dir = await workspace(t)
	const file = path.join(dir, 'data/nudge.db')
	await (await Worker.start(t, dir)).stop()
	fs.writeFileSync(file, 'this is not a store'.repeat(1000))
	const run = await nudge(['run', '-C', dir])
	assert.notEqual(run.code, 0)
	assert.match(run.stderr, /nudge\.db/)
	assert.match(fs.readFileSync(file, 'utf8'), /^this is not a store/)
})

test('definitions: a reload is all or nothing', async (t) => {
	const { dir, sink, worker } = await mailing(t)
	const file = path.join(dir, 'templates/day-00-welcome.md')
	const good = fs.readFileSync(file, 'utf8')
	fs.writeFileSync(file, good.replace('{{ product_name }}', '{{ product_name'))
	worker.child.kill('SIGHUP')
	await until('the log to tell', () => /day-00-welcome\.md/.test(worker.log))
	await worker.events(...signUp('ada'))
	await sink.wait(1)
	fs.writeFileSync(file, good.replace(/^Subject: .*/, 'Subject: Another one'))
	const told = worker.log.length
	worker.child.kill('SIGHUP')
	await until('the log to tell', () => /reload/.test(worker.log.slice(told)))
	await worker.events(...signUp('bob'))
	const [, mail] = await sink.wait(2)
	assert.match(mail.raw.toString(), /^Subject: Another one\r$/m)
})

test('SIGTERM lets a mail that is on its way arrive', async (t) => {
	const { sink, worker } = await mailing(t)
	let left
	sink.refuse = (stage) => {
		if (stage === 'rcpt' && !left) left = worker.stop()
		return null
	}
	await worker.events(...signUp('ada'))
	await sink.wait(1)
	assert.deepEqual(await left, { code: 0, signal: null })
})

test('a store that failed and came back sends nothing twice', async (t) => {
	let release
	const held = new Promise((done) => { release = done })
	const arrived = []
	const { worker } = await mailing(t, { onData(stream, session, done) {
		stream.resume().on('end', () => {
			arrived.push(session.envelope.rcptTo[0].address)
			held.then(() => done())
		})
	} })
	const limitWrites = (bytes) => execFileSync('prlimit',
		['--pid', worker.child.pid, `--fsize=${bytes}:unlimited`])
	await worker.events(...signUp('ada'))
	await until('the mail to be on its way', () => arrived.length === 1)
	limitWrites(1)
	assert.equal((await worker.post('/v1/track', track('bob', 'E'))).status, 503)
	assert.equal((await worker.fetch('/readyz')).status, 503)
	release()
	limitWrites('unlimited')
	await until('the worker to be ready', async () =>
		(await worker.fetch('/readyz')).status === 200)
	await until('the mail to be settled', async () =>
		(await worker.messages('state=sent')).some((m) => m.channel === 'email'))
	await worker.events(...signUp('cleo'))
	await until('the next mail', () => arrived.length >= 2)
	assert.deepEqual(arrived, ['ada@example.com', 'cleo@example.com'])
})

const canMount = process.getuid() === 0 && process.platform === 'linux'

test('a full disk refuses events, and takes them again when there is room',
	{ skip: !canMount && 'needs root, for a small disk' }, async (t) => {
		const disk = fs.mkdtempSync('/tmp/nudge-disk-')
		try {
			execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk],
				{ stdio: 'ignore' })
		} catch {
			fs.rmdirSync(disk)
			return t.skip('no small disk can be mounted here')
		}
		t.after(() => {
			execFileSync('umount', ['-l', disk])
			fs.rmdirSync(disk)
		})
		const { sink, worker } = await mailing(t, { edit: (settings) => {
			settings.store = path.join(disk, 'nudge.db')
		} })
		await worker.events(...signUp('ada'))
		await sink.wait(1)
		const big = { x: 'x'.repeat(30000) }
		let taken = 0, status
		for (; taken < 1000; taken++) {
			status = (await worker.post('/v1/track', track('bob', 'E', big))).status
			if (status !== 200) break
		}
		assert.equal(status, 503)
		assert.equal((await worker.fetch('/readyz')).status, 503)
		assert.equal((await worker.fetch('/healthz')).status, 200)
		execFileSync('mount', ['-o', 'remount,size=64m', disk])
		await until('the worker to be ready', async () =>
			(await worker.fetch('/readyz')).status === 200)
		const { events } = await worker.get('/v1/people/bob/timeline?limit=500')
		assert.equal(events.length, taken)
		await worker.events(...signUp('cleo'))
		await sink.wait(2)
	})
